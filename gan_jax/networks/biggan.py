"""The residual networks of SNGAN, SAGAN and BigGAN: one family, of which each took over the last and added to it.

The generator's blocks double the image and normalize by the batch, conditionally: gains and biases are linear in the
label's one-hot vector. The critic's blocks halve it by means, and beside each goes a 1x1 convolution; it sums over the
last image, and projects on the label. SNGAN divides the critic's kernels by their spectral norms; SAGAN also the
generator's, and has self-attention in both; BigGAN cuts the noise into chunks, one for the first image and one for each
block, beside an embedding of the label that all blocks share. The norms are for the experiment to say:
`constraint="spectral_normalization"`, and `generator_constraint`.

`PRESETS` are StudioGAN's settings for CIFAR-10. Told ten classes, they have 4,304,387 and 1,055,105 parameters
(sngan_cifar10), 4,386,308 and 1,075,586 (sagan_cifar10), 9,416,196 and 2,415,170 (biggan_cifar10, latent 80).

Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks; Zhang et al. (2019),
Self-attention generative adversarial networks; Brock, Donahue, Simonyan (2019), Large scale GAN training for high
fidelity natural image synthesis.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.attention import SelfAttention
from gan_jax.networks.batch_norm import BatchNorm
from gan_jax.networks.conv import Conv
from gan_jax.networks.labels import Projection, one_hot
from gan_jax.networks.presets import Preset
from gan_jax.networks.resample import double, halve
from gan_jax.networks.stages import stages
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Labels, Latents, Samples, Scores

__all__ = ["PRESETS", "Critic", "Generator"]

_SNGAN = Preset(
    generator={"width": 256, "max_width": 256, "depth": 3},
    critic={"width": 128, "max_width": 128, "depth": 2, "last_blocks": 2},
)
_SAGAN = Preset(generator={**_SNGAN.generator, "attention": 2}, critic={**_SNGAN.critic, "attention": 1})
PRESETS = {
    "sngan_cifar10": _SNGAN,
    "sagan_cifar10": _SAGAN,
    "biggan_cifar10": Preset(
        generator={**_SAGAN.generator, "width": 384, "max_width": 384, "chunked": True},
        critic={**_SAGAN.critic, "width": 192, "max_width": 192},
    ),
}

_EMBEDDING = 128  # features of the embedding that blocks share
_orthogonal = nn.initializers.orthogonal()


def _check_attention(attention: int, blocks: int) -> None:
    if attention > blocks:
        raise InputError(f"{attention} is none of the {blocks} blocks; choose one of them", field="attention")


def _conv(features: int, kernel_size: int, dtype: DTypeLike | None) -> Conv:
    return Conv(features, kernel_size, dtype=dtype, kernel_init=_orthogonal)


class _Up(nn.Module):
    """A residual block of the generator, which doubles the image."""

    features: int
    axis_name: str | None
    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Array, given: Array | None) -> Array:
        y = nn.relu(BatchNorm(self.axis_name)(x, given))
        y = _conv(self.features, 3, self.dtype)(double(y))
        y = nn.relu(BatchNorm(self.axis_name)(y, given))
        y = _conv(self.features, 3, self.dtype)(y)
        return y + double(_conv(self.features, 1, self.dtype)(x))  # 1x1 first: the same, of fewer pixels


class _Down(nn.Module):
    """A residual block of the critic, which halves the image or not; the first of all takes it as it is."""

    features: int
    halves: bool
    first: bool
    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = _conv(self.features, 3, self.dtype)(x if self.first else nn.relu(x))
        y = _conv(self.features, 3, self.dtype)(nn.relu(y))
        if not self.halves:
            return y + (x if x.shape[3] == self.features else _conv(self.features, 1, self.dtype)(x))
        return halve(y) + _conv(self.features, 1, self.dtype)(halve(x))


class Generator(nn.Module):
    """Noise (N, z) through a dense layer and `depth` blocks, each of which doubles the image, to images in [-1, 1].

    `width` features at the size of the image are doubled at each smaller one, up to `max_width`. With `classes` it also
    takes labels (N,). `attention` is the block after which there is self-attention, the first being 1; none if 0.
    `chunked` is BigGAN's way with the noise, of which each of `depth + 1` parts is as long. It treats a sample by its
    batch; over devices, by all of `axis_name`. Raises `InputError` where a side is no multiple of `2**depth`, or the
    noise does not fall into chunks.

    >>> import jax
    >>> generator = Generator(shape=(28, 20, 3), width=4, depth=2)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 8)))[0].shape
    (2, 28, 20, 3)
    """

    shape: tuple[int, ...]
    width: int = 64
    max_width: int = 256
    depth: int = 2
    attention: int = 0
    chunked: bool = False
    classes: int = 0
    axis_name: str | None = None
    dtype: DTypeLike | None = None
    mixes_samples = True  # on purpose: it normalizes by the batch
    unconstrained = ("embedding",)

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one image per row of noise."""
        size, features = stages(self.shape, depth=self.depth, width=self.width, max_width=self.max_width)
        _check_attention(self.attention, self.depth)
        first, given = self._given(noise, label)
        x = nn.Dense(size[0] * size[1] * features[-1], dtype=self.dtype, kernel_init=_orthogonal)(first)
        x = x.reshape(noise.shape[0], *size, features[-1])
        for i, stage in enumerate(reversed(range(self.depth))):
            x = _Up(features[stage], self.axis_name, self.dtype)(x, given[i])
            if i + 1 == self.attention:
                x = SelfAttention(self.dtype)(x)
        x = nn.relu(BatchNorm(self.axis_name)(x))
        return nn.tanh(at_least_float32(_conv(self.shape[2], 3, self.dtype)(x)))

    def _given(self, noise: Array, label: Array | None) -> tuple[Array, list[Array | None]]:
        """The noise of the first image, and what each block's gains and biases are linear in; None for their own."""
        of_class = one_hot(label, self.classes) if self.classes else None
        if not self.chunked:
            return noise, [of_class] * self.depth
        parts = self.depth + 1
        if noise.shape[1] % parts:
            raise InputError(f"{noise.shape[1]} cannot be cut into {parts} chunks; give a multiple", field="latent")
        first, *chunks = jnp.split(noise, parts, axis=1)
        if of_class is None:
            return first, list(chunks)
        table = self.param("embedding", _orthogonal, (self.classes, _EMBEDDING), jnp.float32)
        return first, [jnp.concatenate([of_class @ table, chunk.astype(jnp.float32)], axis=1) for chunk in chunks]


class Critic(nn.Module):
    """Images (N, H, W, C) through `depth` blocks that halve them and `last_blocks` that do not, to scores (N,).

    Width, classes and attention are as the generator's. Raises `InputError` where a side is no multiple of `2**depth`.

    >>> import jax
    >>> jax.eval_shape(Critic(width=4, depth=2).init_with_output, jax.random.key(0), jnp.ones((2, 28, 20, 3)))[0].shape
    (2,)
    """

    width: int = 64
    max_width: int = 256
    depth: int = 2
    last_blocks: int = 1
    attention: int = 0
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, images: Samples, label: Labels | None = None) -> Scores:
        """Score each image."""
        _, features = stages(images.shape[1:], depth=self.depth, width=self.width, max_width=self.max_width)
        _check_attention(self.attention, self.depth + self.last_blocks)
        x = images
        for i in range(self.depth + self.last_blocks):
            x = _Down(features[min(i, self.depth - 1)], i < self.depth, i == 0, self.dtype)(x)
            if i + 1 == self.attention:
                x = SelfAttention(self.dtype)(x)
        h = at_least_float32(nn.relu(x)).sum(axis=(1, 2))
        scores = nn.Dense(1, kernel_init=_orthogonal)(h).squeeze(-1)
        return scores + Projection(self.classes)(h, label) if self.classes else scores
