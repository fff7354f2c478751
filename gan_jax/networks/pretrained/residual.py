"""Residual blocks and changes of size, as diffusers' U-Nets and autoencoders have them."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.networks.conv import Conv
from gan_jax.networks.resample import double
from gan_jax.types import Array, Float

__all__ = ["Downsample", "ResnetBlock", "Upsample", "group_norm", "layer_norm"]


def group_norm(groups: int, epsilon: float, dtype: DTypeLike, name: str) -> Callable[[Array], Array]:
    """Within a module's call: return group normalization, which is computed in float32."""
    return _in_float32(nn.GroupNorm(groups, epsilon=epsilon, dtype=jnp.float32, name=name), dtype)


def layer_norm(epsilon: float, dtype: DTypeLike, name: str | None = None) -> Callable[[Array], Array]:
    """Within a module's call: return layer normalization, which is computed in float32."""
    return _in_float32(nn.LayerNorm(epsilon=epsilon, dtype=jnp.float32, name=name), dtype)


def _in_float32(norm: nn.Module, dtype: DTypeLike) -> Callable[[Array], Array]:
    return lambda x: norm(x.astype(jnp.float32)).astype(dtype)


class ResnetBlock(nn.Module):
    """`skip(x) + conv2(silu(norm2(conv1(silu(norm1(x))) + time)))`, the skip a product where features change.

    Source: He et al. (2016), Identity mappings in deep residual networks; Ho, Jain, Abbeel (2020), Denoising diffusion
    probabilistic models.
    """

    features: int
    groups: int
    epsilon: float
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], time: Float[Array, "n t"] | None = None) -> Float[Array, "n h w f"]:
        """Apply the block to images (N, H, W, C), and vectors (N, T) of the times if there are any."""

        def normalized(x: Array, name: str) -> Array:
            return nn.silu(group_norm(self.groups, self.epsilon, self.dtype, name)(x))

        y = Conv(self.features, 3, dtype=self.dtype, name="conv1")(normalized(x, "norm1"))
        if time is not None:
            told = nn.Dense(self.features, dtype=self.dtype, name="time_emb_proj")(nn.silu(time))
            y = y + told[:, None, None]
        y = Conv(self.features, 3, dtype=self.dtype, name="conv2")(normalized(y, "norm2"))
        if x.shape[3] != self.features:
            x = nn.Dense(self.features, dtype=self.dtype, name="conv_shortcut")(x)
        return x + y


class Downsample(nn.Module):
    """A convolution of stride 2. With the padding 1 it pads by 1 all around, with 0 by 1 below and on the right alone.

    The latter is what autoencoders and DDPM have: pixel i of the output then sees 2i, 2i + 1 and 2i + 2.
    """

    padding: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        """Halve the sides."""
        around = (self.padding, 1)
        return Conv(x.shape[3], 3, stride=2, padding=(around, around), dtype=self.dtype, name="conv")(x)


class Upsample(nn.Module):
    """Pixels repeated twice along both sides, and a convolution."""

    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], size: tuple[int, int] | None = None) -> Float[Array, "n h2 w2 c"]:
        """Double the sides, or go to a size that is one less where a side was odd."""
        x = double(x)
        height, width = size or x.shape[1:3]
        return Conv(x.shape[3], 3, dtype=self.dtype, name="conv")(x[:, :height, :width])
