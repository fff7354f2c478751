"""R3GAN's networks: residual blocks of grouped convolutions without normalization.

A block is `x + W3 a(W2 a(W1 x))`: 1x1 to twice the features, 3x3 in groups, 1x1 back, `a` a leaky ReLU after a bias of
its own. W3 is zero at first, so that blocks begin as the identity, and the other kernels are scaled down with the
number of blocks. Between stages images are doubled or halved by [1, 3, 3, 1], with a 1x1 convolution where the features
differ. The generator begins with a learned basis of the smallest image, the critic ends with one. There is no tanh:
images are clipped when they are stored.

The published settings are `PRESETS`; "cifar10", told ten classes, has 20,781,952 and 21,280,512 parameters.

Source: Huang et al. (2024), The GAN is dead; long live the GAN! A modern baseline GAN.
"""

from math import prod
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.activations import leaky_relu
from gan_jax.networks.conv import Conv
from gan_jax.networks.labels import one_hot
from gan_jax.networks.patches import from_patches, to_patches
from gan_jax.networks.presets import Preset
from gan_jax.networks.resample import downsample, upsample
from gan_jax.networks.stages import stages
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Labels, Latents, Samples, Scores

__all__ = ["PRESETS", "Critic", "Generator"]

_FIELDS: dict[str, dict[str, Any]] = {
    "cifar10": {"width": 768, "max_width": 768, "depth": 3},
    "ffhq256": {"width": 96, "max_width": 768, "depth": 6},
}
PRESETS = {name: Preset(generator=fields, critic=fields) for name, fields in _FIELDS.items()}


def _normal(gain: float, fan_in: int) -> nn.initializers.Initializer:
    return nn.initializers.normal(gain / fan_in**0.5)


def _linear(
    features: int, fan_in: int, dtype: DTypeLike | None, gain: float = 1.0, name: str | None = None
) -> nn.Dense:
    """A product with the last axis: a dense layer of vectors, a 1x1 convolution of images."""
    return nn.Dense(features, use_bias=False, dtype=dtype, kernel_init=_normal(gain, fan_in), name=name)


class _Activation(nn.Module):
    """A leaky ReLU after a bias of its own."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],), jnp.float32)
        return leaky_relu(x + bias.astype(x.dtype).reshape(*[1] * (x.ndim - 1), -1))


class _Block(nn.Module):
    """The residual block; `total` blocks there are in the network."""

    total: int
    group_size: int
    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        features = x.shape[-1]
        wide, group = 2 * features, min(self.group_size, 2 * features)
        if wide % group:
            raise InputError(
                f"{wide} features cannot be cut into groups of {group}; choose another", field="group_size"
            )
        gain = (2 / 1.04) ** 0.5 * self.total**-0.25
        y = _Activation()(_linear(wide, features, self.dtype, gain)(x))
        kernel_init = _normal(gain, 9 * group)
        y = Conv(wide, 3, dtype=self.dtype, kernel_init=kernel_init, groups=wide // group, use_bias=False)(y)
        return x + _linear(features, wide, self.dtype, gain=0.0)(_Activation()(y))


def _stages(module: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], list[int]]:
    return stages(shape, depth=module.depth, width=module.width, max_width=module.max_width, patch=module.patch)


class Generator(nn.Module):
    """Noise (N, z) to images (N, H, W, C): a learned basis, then `blocks` blocks in each of `depth + 1` stages.

    `width` features at the size of the image are doubled at each smaller one, up to `max_width`; the grouped
    convolutions have `group_size` features a group. With a `patch` P above 1 the image is made of PxP pixels at a time,
    so that the stages are as much smaller. With `classes` it also takes labels (N,), which it embeds beside the noise.
    Raises `InputError` where a side is no multiple of `patch * 2**depth`.

    >>> import jax
    >>> generator = Generator(shape=(28, 20, 3), width=8, max_width=16, depth=2)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 4)))[0].shape
    (2, 28, 20, 3)
    """

    shape: tuple[int, ...]
    width: int = 64
    max_width: int = 256
    depth: int = 2
    blocks: int = 2
    group_size: int = 16
    patch: int = 1
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one image per row of noise."""
        size, features = _stages(self, self.shape)
        if self.classes:
            embedding = _linear(noise.shape[1], self.classes, None, name="embedding")
            noise = jnp.concatenate([noise, embedding(one_hot(label, self.classes))], axis=1)

        # The smallest image: each feature's weight times its part of a learned basis.
        basis = self.param("basis", nn.initializers.normal(1.0), (*size, features[-1]), jnp.float32)
        x = _linear(features[-1], noise.shape[1], self.dtype)(noise).reshape(noise.shape[0], 1, 1, -1)
        x = x * basis.astype(x.dtype)[None]

        total = self.blocks * (self.depth + 1)
        for stage in reversed(range(self.depth + 1)):
            if stage < self.depth:  # the product first: on the smaller image, with which the filter commutes
                if features[stage] != features[stage + 1]:
                    x = _linear(features[stage], features[stage + 1], self.dtype)(x)
                x = upsample(x)
            for _ in range(self.blocks):
                x = _Block(total, self.group_size, self.dtype)(x)
        x = at_least_float32(_linear(self.patch**2 * self.shape[2], features[0], self.dtype)(x))
        return from_patches(x, self.patch)


class Critic(nn.Module):
    """Images (N, H, W, C) to scores (N,), by the generator's stages in reverse.

    The fields are the generator's. With `classes` it also takes labels (N,), which it projects on. Raises `InputError`
    where a side is no multiple of `patch * 2**depth`.

    >>> import jax
    >>> jax.eval_shape(Critic(width=8, depth=2).init_with_output, jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
    (2,)
    """

    width: int = 64
    max_width: int = 256
    depth: int = 2
    blocks: int = 2
    group_size: int = 16
    patch: int = 1
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, images: Samples, label: Labels | None = None) -> Scores:
        """Score each image."""
        size, features = _stages(self, images.shape[1:])
        x = to_patches(images, self.patch)
        x = _linear(features[0], x.shape[3], self.dtype)(x)
        total = self.blocks * (self.depth + 1)
        for stage in range(self.depth + 1):
            for _ in range(self.blocks):
                x = _Block(total, self.group_size, self.dtype)(x)
            if stage < self.depth:
                x = downsample(x)
                if features[stage] != features[stage + 1]:
                    x = _linear(features[stage + 1], features[stage], self.dtype)(x)

        # Of the smallest image each feature's product with a learned basis, in float32 as the score is.
        basis = self.param("basis", _normal(1.0, prod(size)), (*size, features[-1]), jnp.float32)
        h = (at_least_float32(x) * basis[None]).sum(axis=(1, 2))
        if not self.classes:
            return _linear(1, features[-1], None)(h).squeeze(-1)
        h = _linear(features[-1], features[-1], None)(h)
        embedding = _linear(features[-1], self.classes, None, gain=features[-1] ** -0.5, name="embedding")
        return (h * embedding(one_hot(label, self.classes))).sum(axis=1)
