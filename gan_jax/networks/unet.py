"""The U-Net of diffusion models: an image of noise and data, and a time, to an image.

An image passes residual blocks at its own size and at each half of it, `blocks` of them, and back up by one more at
each size, each beside what was there on the way down. A block is `x + conv(dropout(silu(norm(conv(silu(norm(x))) +
time))))`, 3x3, with group normalization; at chosen sizes self-attention by one head follows. The last convolution of
each block, of attention and of the whole is zero at first.

With the features 128, 256, 256, 256 and attention at 16, of 32x32 images of three channels, it has DDPM's 35,746,307
parameters (the weights that its authors made public).

Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models.
"""

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

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

__all__ = ["Denoiser", "Encoder"]

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


class Encoder(NamedTuple):
    """The way down and the middle, which a U-Net and its ControlNet share: the same layers under the same names.

    Attributes:
      features, blocks, attention, dropout, dtype: the U-Net's.
    """

    features: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    dropout: float
    dtype: DTypeLike | None

    def block(self, x: Array, time: Array, features: int, attends: bool, *, train: bool) -> Array:
        """Within a module's call: pass a residual block, and attention."""
        x = _Block(features, self.dropout, self.dtype)(x, time, train=train)
        return _Attention(self.dtype)(x) if attends else x

    def conv(self, features: int, stride: int = 1, init: nn.initializers.Initializer = _fan_avg) -> Conv:
        """Within a module's call: return a convolution."""
        padding = "SAME" if stride == 1 else ((0, 1), (0, 1))
        return Conv(features, 3, stride=stride, padding=padding, dtype=self.dtype, kernel_init=init)

    def __call__(self, x: Array, time: Array, hint: Array | None = None, *, train: bool) -> tuple[list[Array], Array]:
        """Within a module's call: return what is kept for the way back, and the middle.

        The hint (N, H, W, F), if there is one, is added behind the first convolution.
        """
        x = self.conv(self.features[0])(x)
        x = x if hint is None else x + hint
        kept = [x]
        for stage, features in enumerate(self.features):
            for _ in range(self.blocks):
                x = self.block(x, time, features, x.shape[1] in self.attention, train=train)
                kept.append(x)
            if stage + 1 < len(self.features):
                x = self.conv(features, stride=2)(x)
                kept.append(x)

        x = self.block(x, time, self.features[-1], attends=True, train=train)
        return kept, self.block(x, time, self.features[-1], attends=False, train=train)


class Denoiser(nn.Module):
    """Images (N, H, W, C) and times (N,) to images of the same shape.

    `features` are those at the image's size, at its half, and so on; `attention` are the heights at which there is
    self-attention, beside the smallest. With a `patch` P above 1 it sees PxP pixels at a time, as one of a smaller
    image. With `classes` it also takes labels (N,), of which `classes` itself says that there is none; with `vectors`,
    vectors (N, vectors). `residuals`, what a `ControlNet` says, are added to what is kept for the way back, and to the
    middle. Dropout, if any, is drawn in training from the key "dropout". Raises `InputError` where a side does not
    halve evenly, or features cannot be grouped by four.

    >>> denoiser = Denoiser(features=(8, 8), attention=(4,))
    >>> jax.eval_shape(denoiser.init_with_output, jax.random.key(0), jnp.ones((2, 8, 12, 1)), jnp.ones(2))[0].shape
    (2, 8, 12, 1)
    """

    features: tuple[int, ...] = (128, 256, 256, 256)
    blocks: int = 2
    attention: tuple[int, ...] = (16,)
    dropout: float = 0.0
    patch: int = 1
    classes: int = 0
    vectors: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self,
        x: Samples,
        time: Float[Array, " n"],
        label: Labels | None = None,
        *,
        vector: Float[Array, "n v"] | None = None,
        residuals: tuple[Sequence[Array], Array] | None = None,
        train: bool = False,
    ) -> Samples:
        """Say what noise or data there is in each image."""
        self._check(x.shape[1:])
        time = self.embedding()(time, label, vector)
        x = to_patches(x, self.patch).astype(self.dtype or jnp.float32)
        channels, encoder = x.shape[3], self.encoder()
        kept, x = encoder(x, time, train=train)
        if residuals is not None:
            kept = [own + more for own, more in zip(kept, residuals[0], strict=True)]
            x = x + residuals[1]

        # Up: each block sees what was kept, too.
        for stage, features in reversed(list(enumerate(self.features))):
            for _ in range(self.blocks + 1):
                x = jnp.concatenate([x, kept.pop()], axis=3)
                x = encoder.block(x, time, features, x.shape[1] in self.attention, train=train)
            if stage:
                x = encoder.conv(features)(double(x))
        x = encoder.conv(channels, init=_zeros)(nn.silu(_Norm(self.dtype)(x)))
        return from_patches(at_least_float32(x), self.patch)

    @nn.nowrap
    def encoder(self) -> Encoder:
        """Return the way down and the middle."""
        return Encoder(self.features, self.blocks, self.attention, self.dropout, self.dtype)

    @nn.nowrap
    def embedding(self) -> TimeEmbedding:
        """Within a module's call: return what embeds times, labels and vectors."""
        first = self.features[0]
        return TimeEmbedding(4 * first, self.classes, sinusoids=first, vectors=self.vectors, name="time")

    def _check(self, shape: tuple[int, ...]) -> None:
        whole = self.patch << (len(self.features) - 1)
        if len(shape) != 3 or shape[0] % whole or shape[1] % whole:
            reason = f"{len(self.features)} sizes need (H, W, C) with sides that are multiples of {whole}, got {shape}"
            raise InputError(f"{reason}; give fewer features, or the network mlp", field="features")
        odd = [features for features in self.features if features % 4]
        if odd:
            raise InputError(f"{odd[0]} cannot be grouped by four; give multiples of 4", field="features")
