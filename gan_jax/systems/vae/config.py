"""The configuration of a variational autoencoder, which builds its system."""

from typing import Annotated, Any, Literal

import flax.linen as nn
from pydantic import BeforeValidator

from gan_jax.config import Choice, Count, Decay, NonNegative, config
from gan_jax.errors import InputError, within
from gan_jax.networks import VAES
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.modules import build_module, is_module, with_own_fields
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.systems.vae.system import vae
from gan_jax.types import Spec
from gan_jax.variational import LIKELIHOODS, Likelihood

__all__ = ["VAE", "VAENetworkConfig"]


@config
class VAENetworkConfig:
    """The network that encodes and decodes.

    Attributes:
      name: kind of network; in Python also a Flax module class with fields `shape` and `numbers`.
      width: features of the hidden layers, and of the stream between the rungs; the network's own by default.
      depth: hidden layers of either trunk (mlp), or halvings of the image (conv); the network's own by default.
      latents: how many each rung of the ladder has, from the top; the network's own by default.
      features: of the convolution nearest to the image (conv); the network's own by default.
    """

    name: Annotated[str | type[nn.Module], Choice(VAES, is_module, "a Flax module class")] = "mlp"
    width: Count | None = None
    depth: Count | None = None
    latents: tuple[Count, ...] | None = None
    features: Count | None = None

    def build(self, shape: tuple[int, ...], numbers: int, precision: str) -> nn.Module:
        """Return the module for samples of a shape, of each of whose numbers the decoder says so many.

        Raises:
          InputError: the network has no such field; the message names it.
        """
        kind = VAES[self.name] if isinstance(self.name, str) else self.name
        return build_module(self, kind, presets={}, classes=0, precision=precision, shape=shape, numbers=numbers)

    def resolved(self) -> "VAENetworkConfig":
        """Return the same with the network's own numbers, where none are given."""
        kind = VAES[self.name] if isinstance(self.name, str) else self.name
        return with_own_fields(self, kind, {})


def _network_config(value: Any) -> Any:
    return VAENetworkConfig(name=value) if isinstance(value, str) or is_module(value) else value


@config
class VAE:
    """The system: a network that maps samples to latents and back, and what it minimizes.

    Attributes:
      network: encodes and decodes; a name or a module class is short for its configuration.
      likelihood: the decoder's distribution: "logistic_mixture" of images of 256 levels, "bernoulli" of binary ones,
        "normal" of points; by default what suits the data; in Python also a `gan_jax.variational.Likelihood`.
      beta: what the divergence from the prior is multiplied by; with 1 the loss is a bound of the likelihood.
      free_bits: nats of divergence that each rung of the ladder has for nothing.
      decoder_noise: whether samples are drawn from the decoder's distribution, or are its means; by default means of
        images, and drawn points.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, which draws the samples, or its half-life in
        images.
      precision: of the network's layers; parameters, latents and likelihoods are float32 all the same.
    """

    network: Annotated[VAENetworkConfig, BeforeValidator(_network_config)] = VAENetworkConfig()
    likelihood: (
        Annotated[Any, Choice(LIKELIHOODS, lambda value: isinstance(value, Likelihood), "a Likelihood")] | None
    ) = None
    beta: NonNegative = 1.0
    free_bits: NonNegative = 0.0
    decoder_noise: bool | None = None
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.9, b2=0.999)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
    precision: Literal["float32", "bfloat16"] = "float32"

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
    ) -> System:
        """Return the system for training batches of a spec; the arguments are as for `GAN.build`.

        Raises:
          InputError: the network or the distribution does not fit the samples.

        >>> import jax, jax.numpy as jnp
        >>> VAE().build({"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)}, batch_size=8).counts
        {'images': 8}
        """
        shape = spec["sample"].shape
        images = len(shape) == 3
        name = self.likelihood or ("logistic_mixture" if images else "normal")
        if name in ("logistic_mixture", "bernoulli") and not images:
            raise InputError(f"{name} is of images, these data are {shape}; choose normal", field="likelihood")
        sharding.check(batch_size)
        likelihood = LIKELIHOODS[name] if isinstance(name, str) else name
        with within("network"):
            network = self.network.build(shape, likelihood.numbers, self.precision)
            return vae(
                network=network,
                likelihood=likelihood,
                spec=spec,
                optimizer=build_optimizer(self.optimizer, images_each=batch_size),
                batch_size=batch_size,
                beta=self.beta,
                free_bits=self.free_bits,
                decoder_noise=not images if self.decoder_noise is None else self.decoder_noise,
                ema_decay=self.ema_decay,
                sharding=sharding,
            )

    def summary(self) -> str:
        """Return the system in a line.

        >>> VAE(beta=4.0).summary()
        'vae mlp · beta 4'
        """
        name = self.network.name if isinstance(self.network.name, str) else self.network.name.__name__
        beta = f" · beta {self.beta:g}" if self.beta != 1 else ""
        return f"vae {name}{beta}"
