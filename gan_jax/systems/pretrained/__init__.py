"""Public networks as a system that draws: `Pretrained` is what `gan-jax import` makes a run of."""

from gan_jax.systems.pretrained.config import Pretrained

__all__ = ["Pretrained"]
