"""A sample to a distribution of latents, and back: `VAE` configures it, `vae` builds it."""

from gan_jax.systems.vae.config import VAE, VAENetworkConfig
from gan_jax.systems.vae.system import vae

__all__ = ["VAE", "VAENetworkConfig", "vae"]
