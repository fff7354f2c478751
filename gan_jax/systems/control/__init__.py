"""A diffusion run's network, locked, and a copy of its way down that learns to see hints: `Control` configures it."""

from gan_jax.systems.control.config import Control

__all__ = ["Control"]
