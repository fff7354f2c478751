"""DALL-E 2's two halves on a run of CLIP: `Prior` makes image embeddings of captions, `Unclip` images of these."""

from gan_jax.systems.unclip.decoder import Unclip
from gan_jax.systems.unclip.prior import Prior

__all__ = ["Prior", "Unclip"]
