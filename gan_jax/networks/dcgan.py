"""Deep convolutional networks for images of any size and number of channels.

Each of `depth` stages halves the image (rounding up) and doubles the features, starting at `width`; the generator goes
the same way back. No normalization: a critic that mixed samples would have no gradient per sample.

Source: Radford, Metz, Chintala (2016), Unsupervised representation learning with deep convolutional GANs; Gulrajani et
al. (2017), Improved training of Wasserstein GANs.
"""

from collections.abc import Callable

import flax.linen as nn
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.activations import leaky_relu
from gan_jax.networks.conv import Conv, ConvTranspose
from gan_jax.networks.labels import Projection, beside_noise
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Labels, Latents, Samples, Scores

__all__ = ["Critic", "Generator", "MnistGenerator"]

_he = nn.initializers.he_normal()


def _check_depth(shape: tuple[int, ...], depth: int) -> None:
    if len(shape) != 3 or min(shape[:2]) < 2**depth:
        raise InputError(
            f"depth {depth} halves the image {depth} times and needs (H, W, C) of at least {2**depth}x{2**depth}, "
            f"got {shape}; choose a smaller depth or larger images"
        )


class Critic(nn.Module):
    """Images (N, H, W, C) through `depth` 5x5 convolutions of stride 2 and a dense layer to scores (N,).

    `activation` follows each convolution. With `classes` it also takes labels (N,), which it projects on.
    Raises `InputError` where an image has fewer than `2**depth` pixels a side.

    >>> import jax, jax.numpy as jnp
    >>> jax.eval_shape(Critic(width=4).init_with_output, jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
    (2,)
    """

    width: int = 64
    depth: int = 3
    classes: int = 0
    dtype: DTypeLike | None = None
    activation: Callable[[Array], Array] = leaky_relu

    @nn.compact
    def __call__(self, images: Samples, label: Labels | None = None) -> Scores:
        """Score each image."""
        _check_depth(images.shape[1:], self.depth)
        x = images
        for stage in range(self.depth):
            x = self.activation(Conv(self.width * 2**stage, kernel_size=5, stride=2, dtype=self.dtype)(x))
        x = at_least_float32(x.reshape(x.shape[0], -1))
        scores = nn.Dense(1, kernel_init=_he)(x).squeeze(-1)
        return scores + Projection(self.classes)(x, label) if self.classes else scores


class Generator(nn.Module):
    """Noise (N, z) through a dense layer and `depth` transposed 5x5 convolutions of stride 2 to images in [-1, 1].

    The sizes are the critic's in reverse (28, 14, 7, 4), each stage cropped to the next where halving rounded up. With
    `classes` it also takes labels (N,).
    Raises `InputError` where an image has fewer than `2**depth` pixels a side.

    >>> import jax, jax.numpy as jnp
    >>> generator = Generator(shape=(28, 20, 3), width=4)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 8)))[0].shape
    (2, 28, 20, 3)
    """

    shape: tuple[int, ...]
    width: int = 64
    depth: int = 3
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one image per row of noise."""
        _check_depth(self.shape, self.depth)
        *size, channels = self.shape
        sizes = [[-(-side // 2**stage) for side in size] for stage in range(self.depth + 1)]
        features = [channels, *(self.width * 2**stage for stage in range(self.depth))]
        x = _dense_image(beside_noise(noise, label, self.classes), (*sizes[-1], features[-1]), self.dtype)
        for stage in reversed(range(self.depth)):
            x = ConvTranspose(features[stage], kernel_size=5, stride=2, dtype=self.dtype)(nn.relu(x))
            x = x[:, : sizes[stage][0], : sizes[stage][1]]
        return nn.tanh(at_least_float32(x))


class MnistGenerator(nn.Module):
    """The 28x28 generator that MNIST experiments on WGAN-GP use: 4x4, 7x7, 11x11, 28x28.

    Noise (N, z), dense to 4x4x(4 width), transposed 5x5 to 2 width features and cropped to 7x7, transposed 5x5 to
    width, transposed 8x8 of stride 2 to the image in [-1, 1]. With `classes` it also takes labels (N,). Raises
    `InputError` for images that are not 28x28.

    >>> import jax, jax.numpy as jnp
    >>> generator = MnistGenerator(shape=(28, 28, 1), width=4)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 8)))[0].shape
    (2, 28, 28, 1)
    """

    shape: tuple[int, ...]
    width: int = 64
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one image per row of noise."""
        if self.shape[:2] != (28, 28):
            raise InputError(f"dcgan_mnist draws 28x28 images, got {self.shape}; choose dcgan, which takes any size")
        x = nn.relu(_dense_image(beside_noise(noise, label, self.classes), (4, 4, 4 * self.width), self.dtype))
        x = nn.relu(ConvTranspose(2 * self.width, kernel_size=5, padding="VALID", dtype=self.dtype)(x)[:, :7, :7])
        x = nn.relu(ConvTranspose(self.width, kernel_size=5, padding="VALID", dtype=self.dtype)(x))
        x = ConvTranspose(self.shape[2], kernel_size=8, stride=2, padding="VALID", dtype=self.dtype)(x)
        return nn.tanh(at_least_float32(x))


def _dense_image(noise: Latents, shape: tuple[int, ...], dtype: DTypeLike | None) -> Array:
    h, w, c = shape
    return nn.Dense(h * w * c, dtype=dtype, kernel_init=_he)(noise).reshape(noise.shape[0], *shape)
