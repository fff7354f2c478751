"""Variational autoencoders' networks: a sample up to features, and a ladder of latents down to a sample.

Latents are drawn from the top of the ladder down: at each rung the prior, and the posterior beside the sample's
features, are normal with a mean and a log standard deviation that depend on all rungs above. With one rung the prior is
standard normal, and this is the autoencoder of 2014. What has been drawn goes on as a residual stream of `width`
features, from which the decoder makes the sample.

Source: Kingma, Welling (2014), Auto-encoding variational Bayes; Sønderby et al. (2016), Ladder variational
autoencoders; Child (2021), Very deep VAEs generalize autoregressive models (the residual stream).
"""

from math import prod
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.networks.conv import Conv, ConvTranspose
from gan_jax.networks.stages import stages
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Latents, PerSample, Samples
from gan_jax.variational import normal_kl, normal_log_density

__all__ = ["ConvVAE", "Drawn", "MlpVAE"]

_he = nn.initializers.he_normal()
_zeros = nn.initializers.zeros
_LOWEST, _HIGHEST = -6.0, 3.0  # log standard deviations


class Drawn(NamedTuple):
    """A pass down the ladder.

    Attributes:
      numbers: of the decoder's distribution, (N, ..., P) float32.
      latents: what was drawn, all rungs beside each other, (N, z).
      noise: by which the prior draws the same latents, (N, z).
      kl: of each rung, posterior against prior in closed form, (rungs, N); zeros where the prior was drawn from.
      log_ratio: `log p(z) - log q(z | x)` at the latents, (N,).
    """

    numbers: Float[Array, "n ... p"]
    latents: Latents
    noise: Latents
    kl: Float[Array, "r n"]
    log_ratio: PerSample


class _Rung(nn.Module):
    """From the stream, and a sample's features if there are some, to latents, and back into the stream."""

    size: int
    top: bool

    @nn.compact
    def __call__(
        self, stream: Array, features: Array | None, noise: Array, temperature: float
    ) -> tuple[Array, Array, Array, PerSample, PerSample]:
        width = stream.shape[1]

        def normal(x: Array, name: str) -> tuple[Array, Array]:
            h = nn.silu(nn.Dense(width, kernel_init=_he, name=f"{name}_hidden")(x))
            mean, log_sd = jnp.split(nn.Dense(2 * self.size, kernel_init=_zeros, name=name)(h), 2, axis=1)
            return mean, jnp.clip(log_sd, _LOWEST, _HIGHEST)

        # Above the top there is nothing that its prior could depend on.
        prior = (jnp.zeros_like(noise), jnp.zeros_like(noise)) if self.top else normal(stream, "prior")
        if features is None:
            z = prior[0] + temperature * jnp.exp(prior[1]) * noise
            kl = log_ratio = jnp.zeros(stream.shape[0], jnp.float32)
        else:
            posterior = normal(jnp.concatenate([stream, features], axis=1), "posterior")
            z = posterior[0] + temperature * jnp.exp(posterior[1]) * noise
            kl = normal_kl(*posterior, *prior)
            log_ratio = normal_log_density(z, *prior) - normal_log_density(z, *posterior)
        stream = stream + nn.Dense(width, kernel_init=_he, name="out")(z)
        h = nn.silu(nn.Dense(width, kernel_init=_he, name="after")(nn.silu(stream)))
        return stream + h, z, (z - prior[0]) * jnp.exp(-prior[1]), kl, log_ratio


class _VAE(nn.Module):
    """What both networks are but for their trunks: `encoder` up to (N, width), and `decoder` down from it."""

    shape: tuple[int, ...]
    numbers: int
    width: int = 256
    depth: int = 2
    latents: tuple[int, ...] = (16,)
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self,
        samples: Samples | None,
        noise: Float[Array, "n z"],
        *,
        temperature: float = 1.0,
    ) -> Drawn:
        """Draw latents of samples (N, ...) by the posterior, or by the prior where there are none, and decode them.

        Noise is standard normal (N, z), the rungs beside each other. A temperature scales the standard deviations, 0
        for means.
        """
        features = None if samples is None else at_least_float32(self.encoder(samples))
        count = noise.shape[0]
        stream = jnp.zeros((count, self.width), jnp.float32)
        drawn, kls, total, start = [], [], jnp.zeros(count, jnp.float32), 0
        for rung, size in enumerate(self.latents):
            own = slice(start, start + size)
            layer = _Rung(size, top=rung == 0, name=f"rung_{rung}")
            stream, z, by_prior, kl, log_ratio = layer(stream, features, noise[:, own], temperature)
            drawn.append((z, by_prior))
            kls.append(kl)
            total, start = total + log_ratio, start + size
        numbers = at_least_float32(self.decoder(stream)).reshape(count, *self.shape, self.numbers)
        latents, by_prior = (jnp.concatenate(each, axis=1) for each in zip(*drawn, strict=True))
        return Drawn(numbers, latents, by_prior, jnp.stack(kls), total)

    @nn.nowrap
    def encoder(self, samples: Samples) -> Array:
        """Map samples (N, ...) to features (N, F)."""
        raise NotImplementedError

    @nn.nowrap
    def decoder(self, stream: Array) -> Array:
        """Map features (N, width) to the numbers of the decoder's distribution."""
        raise NotImplementedError


class MlpVAE(_VAE):
    """Both trunks are `depth` layers of `width` features.

    >>> import jax
    >>> vae = MlpVAE(shape=(3,), numbers=2, width=8, latents=(2, 4))
    >>> drawn = vae.init_with_output(jax.random.key(0), jnp.ones((5, 3)), jnp.ones((5, 6)))[0]
    >>> drawn.numbers.shape, drawn.kl.shape
    ((5, 3, 2), (2, 5))
    """

    @nn.nowrap
    def encoder(self, samples: Samples) -> Array:
        """Map samples (N, ...) to features (N, width)."""
        x = samples.reshape(samples.shape[0], -1)
        for layer in range(self.depth):
            x = nn.silu(nn.Dense(self.width, dtype=self.dtype, kernel_init=_he, name=f"encoder_{layer}")(x))
        return x

    @nn.nowrap
    def decoder(self, stream: Array) -> Array:
        """Map features (N, width) to (N, d P)."""
        x = stream
        for layer in range(self.depth):
            x = nn.silu(nn.Dense(self.width, dtype=self.dtype, kernel_init=_he, name=f"decoder_{layer}")(x))
        return nn.Dense(prod(self.shape) * self.numbers, kernel_init=_he, name="numbers")(at_least_float32(x))


class ConvVAE(_VAE):
    """Trunks of 4x4 convolutions that halve an image `depth` times, and double it, with `features` at its half.

    Features double at each smaller size. Raises `InputError` where a side is no multiple of `2**depth`.

    >>> import jax
    >>> vae = ConvVAE(shape=(8, 8, 1), numbers=3, width=8, features=4)
    >>> vae.init_with_output(jax.random.key(0), jnp.ones((2, 8, 8, 1)), jnp.ones((2, 16)))[0].numbers.shape
    (2, 8, 8, 1, 3)
    """

    features: int = 32

    @nn.nowrap
    def encoder(self, samples: Samples) -> Array:
        """Map images (N, H, W, C) to features (N, width)."""
        _, features = stages(self.shape, depth=self.depth, width=self.features)
        x = samples
        for layer in range(self.depth):
            x = nn.silu(Conv(features[layer], 4, stride=2, dtype=self.dtype, name=f"encoder_{layer}")(x))
        return nn.silu(nn.Dense(self.width, kernel_init=_he, name="encoder_out")(x.reshape(x.shape[0], -1)))

    @nn.nowrap
    def decoder(self, stream: Array) -> Array:
        """Map features (N, width) to (N, H, W, C P)."""
        (h, w), features = stages(self.shape, depth=self.depth, width=self.features)
        wide = features[self.depth - 1]
        x = nn.Dense(h * w * wide, dtype=self.dtype, kernel_init=_he, name="decoder_in")(nn.silu(stream))
        x = nn.silu(x).reshape(-1, h, w, wide)
        for layer in reversed(range(self.depth)):
            size = features[max(layer - 1, 0)]
            x = nn.silu(ConvTranspose(size, 4, stride=2, dtype=self.dtype, name=f"decoder_{layer}")(x))
        x = at_least_float32(x)
        return Conv(self.shape[2] * self.numbers, 3, name="numbers")(x)
