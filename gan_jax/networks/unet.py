"""The U-Net of diffusion models: an image of noise and data, and a time, to an image.

An image passes residual blocks at its own size and at each half of it, `blocks` of them, and back up by one more at
each size, each beside what was there on the way down. A block is `x + conv(dropout(silu(norm(conv(silu(norm(x))) +
time))))`, 3x3, with group normalization; at chosen sizes self-attention by one head follows. The last convolution of
each block, of attention and of the whole is zero at first.

With the features 128, 256, 256, 256 and attention at 16, of 32x32 images of three channels, it has DDPM's 35,746,307
parameters (the weights that its authors made public).

Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models.
"""

from math import gcd

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.conv import Conv
from gan_jax.networks.patches import from_patches, to_patches
from gan_jax.networks.resample import double
from gan_jax.networks.time import TimeEmbedding
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Labels, Samples

__all__ = ["Denoiser"]

_GROUPS = 32
_zeros = nn.initializers.zeros
_fan_avg = nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")


class _Norm(nn.Module):
    """Group normalization: 32 groups, or less where a group would have less than four features."""

    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return nn.GroupNorm(gcd(_GROUPS, x.shape[3] // 4), epsilon=1e-6, dtype=self.dtype)(x)


class _Block(nn.Module):
    features: int
    dropout: float
    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Array, time: Array, *, train: bool) -> Array:
        def conv(features: int, init: nn.initializers.Initializer = _fan_avg) -> Conv:
            return Conv(features, 3, dtype=self.dtype, kernel_init=init)

        y = conv(self.features)(nn.silu(_Norm(self.dtype)(x)))
        told = nn.Dense(self.features, kernel_init=_fan_avg)(nn.silu(time))
        y = nn.silu(_Norm(self.dtype)(y + told.astype(y.dtype)[:, None, None]))
        y = nn.Dropout(self.dropout, deterministic=not train)(y) if self.dropout else y
        y = conv(self.features, _zeros)(y)
        if x.shape[3] != self.features:
            x = nn.Dense(self.features, dtype=self.dtype, kernel_init=_fan_avg, name="skip")(x)
        return x + y


class _Attention(nn.Module):
    """Every pixel looks at all: `x + W softmax(Q K / sqrt(C)) V` of the normalized image, the softmax in float32."""

    dtype: DTypeLike | None

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        n, h, w, c = x.shape
        y = _Norm(self.dtype)(x).reshape(n, h * w, c)
        query, key, value = (
            nn.Dense(c, dtype=self.dtype, kernel_init=_fan_avg, name=name)(y) for name in ("query", "key", "value")
        )
        weights = jax.nn.softmax(at_least_float32(jnp.einsum("nqf,nkf->nqk", query, key)) * c**-0.5, axis=-1)
        seen = jnp.einsum("nqk,nkf->nqf", weights.astype(value.dtype), value)
        return x + nn.Dense(c, dtype=self.dtype, kernel_init=_zeros, name="out")(seen).reshape(n, h, w, c)


class Denoiser(nn.Module):
    """Images (N, H, W, C) and times (N,) to images of the same shape.

    `features` are those at the image's size, at its half, and so on; `attention` are the heights at which there is
    self-attention, beside the smallest. With a `patch` P above 1 it sees PxP pixels at a time, as one of a smaller
    image. With `classes` it also takes labels (N,), of which `classes` itself says that there is none. Dropout, if
    any, is drawn in training from the key "dropout". Raises `InputError` where a side does not halve evenly, or
    features cannot be grouped by four.

    >>> denoiser = Denoiser(features=(8, 8), attention=(4,))
    >>> denoiser.init_with_output(jax.random.key(0), jnp.ones((2, 8, 12, 1)), jnp.ones(2))[0].shape
    (2, 8, 12, 1)
    """

    features: tuple[int, ...] = (128, 256, 256, 256)
    blocks: int = 2
    attention: tuple[int, ...] = (16,)
    dropout: float = 0.0
    patch: int = 1
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self, x: Samples, time: Float[Array, " n"], label: Labels | None = None, *, train: bool = False
    ) -> Samples:
        """Say what noise or data there is in each image."""
        self._check(x.shape[1:])
        time = TimeEmbedding(4 * self.features[0], self.classes, sinusoids=self.features[0], name="time")(time, label)
        x = to_patches(x, self.patch).astype(self.dtype or jnp.float32)
        channels = x.shape[3]

        def block(x: Array, features: int, attends: bool) -> Array:
            x = _Block(features, self.dropout, self.dtype)(x, time, train=train)
            return _Attention(self.dtype)(x) if attends else x

        def conv(features: int, stride: int = 1, init: nn.initializers.Initializer = _fan_avg) -> Conv:
            padding = "SAME" if stride == 1 else ((0, 1), (0, 1))
            return Conv(features, 3, stride=stride, padding=padding, dtype=self.dtype, kernel_init=init)

        # Down: what each block says is kept for the way back.
        x = conv(self.features[0])(x)
        kept = [x]
        for stage, features in enumerate(self.features):
            for _ in range(self.blocks):
                x = block(x, features, x.shape[1] in self.attention)
                kept.append(x)
            if stage + 1 < len(self.features):
                x = conv(features, stride=2)(x)
                kept.append(x)

        x = block(x, self.features[-1], attends=True)
        x = block(x, self.features[-1], attends=False)

        for stage, features in reversed(list(enumerate(self.features))):
            for _ in range(self.blocks + 1):
                x = block(jnp.concatenate([x, kept.pop()], axis=3), features, x.shape[1] in self.attention)
            if stage:
                x = conv(features)(double(x))
        x = conv(channels, init=_zeros)(nn.silu(_Norm(self.dtype)(x)))
        return from_patches(at_least_float32(x), self.patch)

    def _check(self, shape: tuple[int, ...]) -> None:
        whole = self.patch << (len(self.features) - 1)
        if len(shape) != 3 or shape[0] % whole or shape[1] % whole:
            reason = f"{len(self.features)} sizes need (H, W, C) with sides that are multiples of {whole}, got {shape}"
            raise InputError(f"{reason}; give fewer features, or the network mlp", field="features")
        odd = [features for features in self.features if features % 4]
        if odd:
            raise InputError(f"{odd[0]} cannot be grouped by four; give multiples of 4", field="features")
