"""A trained run for programs that know nothing of gan_jax: its function or weights, and a card of them."""

from gan_jax.export.formats import FORMATS
from gan_jax.export.model_card import model_card

__all__ = ["FORMATS", "model_card"]
