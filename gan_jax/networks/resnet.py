"""Residual networks for images whose sides halve evenly.

A block is `x + conv(relu(conv(relu(x))))`, 3x3, of `width` features throughout; between blocks the critic's images are
averaged to half their size and the generator's are doubled. No normalization: a critic that mixed samples would have no
gradient per sample.

Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, appendix (residual networks on CIFAR-10).
"""

import flax.linen as nn
from jax.typing import DTypeLike

from gan_jax.networks.conv import Conv
from gan_jax.networks.labels import Projection, beside_noise
from gan_jax.networks.resample import double, halve
from gan_jax.networks.stages import stages
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Labels, Latents, Samples, Scores

__all__ = ["Critic", "Generator"]

_he = nn.initializers.he_normal()


class _Block(nn.Module):
    width: int
    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = Conv(self.width, kernel_size=3, dtype=self.dtype)(nn.relu(x))
        return x + Conv(self.width, kernel_size=3, dtype=self.dtype)(nn.relu(y))


class Critic(nn.Module):
    """Images (N, H, W, C) through a convolution, `depth` blocks and an average over the image to scores (N,).

    With `classes` it also takes labels (N,). Raises `InputError` where a side is no multiple of `2**depth`.

    >>> import jax, jax.numpy as jnp
    >>> jax.eval_shape(Critic(width=4).init_with_output, jax.random.key(0), jnp.ones((2, 32, 32, 3)))[0].shape
    (2,)
    """

    width: int = 64
    depth: int = 3
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, images: Samples, label: Labels | None = None) -> Scores:
        """Score each image."""
        stages(images.shape[1:], depth=self.depth, width=self.width)  # or refuse
        x = Conv(self.width, kernel_size=3, dtype=self.dtype)(images)
        for _ in range(self.depth):
            x = halve(_Block(self.width, self.dtype)(x))
        x = at_least_float32(nn.relu(x)).mean(axis=(1, 2))
        scores = nn.Dense(1, kernel_init=_he)(x).squeeze(-1)
        return scores + Projection(self.classes)(x, label) if self.classes else scores


class Generator(nn.Module):
    """Noise (N, z) through a dense layer and `depth` blocks, each after doubling the image, to images in [-1, 1].

    With `classes` it also takes labels (N,). Raises `InputError` where a side is no multiple of `2**depth`.

    >>> import jax, jax.numpy as jnp
    >>> generator = Generator(shape=(32, 32, 3), width=4)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 8)))[0].shape
    (2, 32, 32, 3)
    """

    shape: tuple[int, ...]
    width: int = 64
    depth: int = 3
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one image per row of noise."""
        (h, w), _ = stages(self.shape, depth=self.depth, width=self.width)
        x = nn.Dense(h * w * self.width, dtype=self.dtype, kernel_init=_he)(beside_noise(noise, label, self.classes))
        x = x.reshape(noise.shape[0], h, w, self.width)
        for _ in range(self.depth):
            x = _Block(self.width, self.dtype)(double(x))
        x = Conv(self.shape[2], kernel_size=3, dtype=self.dtype)(nn.relu(x))
        return nn.tanh(at_least_float32(x))
