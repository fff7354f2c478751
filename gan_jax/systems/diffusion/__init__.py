"""Data mixed with noise, and a network that takes the noise out: `Diffusion` configures it, `diffusion` builds it."""

from gan_jax.systems.diffusion.config import DenoiserConfig, Diffusion
from gan_jax.systems.diffusion.system import diffusion

__all__ = ["DenoiserConfig", "Diffusion", "diffusion"]
