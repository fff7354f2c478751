"""Images and captions to one sphere of embeddings: `Clip` configures it."""

from gan_jax.systems.clip.config import Clip, ClipNetworkConfig

__all__ = ["Clip", "ClipNetworkConfig"]
