"""Diffusion of another run's latents: `LatentDiffusion` configures it, `latent_diffusion` builds it."""

from gan_jax.systems.latent_diffusion.config import LatentDiffusion
from gan_jax.systems.latent_diffusion.system import latent_diffusion

__all__ = ["LatentDiffusion", "latent_diffusion"]
