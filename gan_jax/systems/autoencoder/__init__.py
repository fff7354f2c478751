"""Images to small latents and back, sharp by a critic: `Autoencoder` configures it, `autoencoder` builds it."""

from gan_jax.systems.autoencoder.config import AdversaryConfig, Autoencoder, AutoencoderNetworkConfig
from gan_jax.systems.autoencoder.system import autoencoder

__all__ = ["AdversaryConfig", "Autoencoder", "AutoencoderNetworkConfig", "autoencoder"]
