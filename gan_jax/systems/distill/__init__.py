"""A diffusion run's network, made to draw in one step by a critic and its teacher: `Distill` configures it."""

from gan_jax.systems.distill.config import Distill

__all__ = ["Distill"]
