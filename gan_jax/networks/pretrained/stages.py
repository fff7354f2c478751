"""The stages of diffusers' U-Nets and autoencoders: down through halved sizes, the middle, and back up."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.networks.conv import Conv
from gan_jax.networks.pretrained.residual import Downsample, ResnetBlock, Upsample, group_norm
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float

__all__ = ["Blocks", "Condition", "MiddleBlock", "Stage", "down", "final", "up"]


class Condition(NamedTuple):
    """What layers are told beside the images.

    Attributes:
      time: (N, T), what residual blocks add.
      context: (N, K, D), what transformers look at.
      bias: (N, 1, 1, K), added to the logits of that.
    """

    time: Array | None = None
    context: Array | None = None
    bias: Array | None = None


class Blocks(NamedTuple):
    """What the residual blocks of a network share."""

    groups: int
    epsilon: float
    dtype: DTypeLike

    def residual(self, features: int, name: str) -> ResnetBlock:
        """Return a residual block."""
        return ResnetBlock(features, self.groups, self.epsilon, self.dtype, name=name)


class Stage(NamedTuple):
    """What there is at one size.

    Attributes:
      features: of the images.
      layers: how many residual blocks.
      attention: what follows each of them, `(name=...) -> module`, if anything does.
    """

    features: int
    layers: int
    attention: Callable[..., Any] | None = None


class _Layers(nn.Module):
    """What stages have in common: the i-th residual block, and attention behind it."""

    stage: Stage
    blocks: Blocks

    def layer(self, i: int, x: Array, told: Condition) -> Array:
        x = self.blocks.residual(self.stage.features, f"resnets_{i}")(x, told.time)
        if self.stage.attention is None:
            return x
        return self.stage.attention(name=f"attentions_{i}")(x, told.context, told.bias)


class _DownBlock(_Layers):
    """The layers of a stage, and half the size, by a padding, unless it is the last."""

    padding: int | None = None

    @nn.compact
    def __call__(self, x: Array, told: Condition) -> list[Array]:
        said = []
        for i in range(self.stage.layers):
            x = self.layer(i, x, told)
            said.append(x)
        if self.padding is not None:
            said.append(Downsample(self.padding, self.blocks.dtype, name="downsamplers_0")(x))
        return said


class MiddleBlock(nn.Module):
    """A residual block, attention if there is any, and a residual block."""

    blocks: Blocks
    attention: Callable[..., Any] | None

    @nn.compact
    def __call__(self, x: Array, told: Condition) -> Array:
        """Apply the blocks to images."""
        x = self.blocks.residual(x.shape[3], "resnets_0")(x, told.time)
        if self.attention is not None:
            x = self.attention(name="attentions_0")(x, told.context, told.bias)
        return self.blocks.residual(x.shape[3], "resnets_1")(x, told.time)


class _UpBlock(_Layers):
    """The layers of a stage, each beside what was said on the way down, and twice the size unless it is the last."""

    grows: bool = True

    @nn.compact
    def __call__(
        self, x: Array, told: Condition, skips: Sequence[Array] = (), size: tuple[int, int] | None = None
    ) -> Array:
        for i in range(self.stage.layers):
            x = self.layer(i, jnp.concatenate([x, skips[-1 - i]], axis=3) if skips else x, told)
        return Upsample(self.blocks.dtype, name="upsamplers_0")(x, size) if self.grows else x


def down(x: Array, stages: Sequence[Stage], blocks: Blocks, padding: int, told: Condition) -> list[Array]:
    """Within a module's call: return x and what each layer says on the way down; the last goes on."""
    said = [x]
    for i, stage in enumerate(stages):
        pads = padding if i + 1 < len(stages) else None
        said += _DownBlock(stage, blocks, pads, name=f"down_blocks_{i}")(said[-1], told)
    return said


def up(x: Array, stages: Sequence[Stage], blocks: Blocks, told: Condition, skips: Sequence[Array] = ()) -> Array:
    """Within a module's call: go up the stages, given in that order, beside what was said on the way down, if given."""
    for i, stage in enumerate(stages):
        own, skips = skips[-stage.layers :], skips[: -stage.layers]
        size = (skips[-1].shape[1], skips[-1].shape[2]) if skips else None
        x = _UpBlock(stage, blocks, i + 1 < len(stages), name=f"up_blocks_{i}")(x, told, own, size)
    return x


def final(x: Array, channels: int, blocks: Blocks) -> Float[Array, "n h w c"]:
    """Within a module's call: return `conv_out(silu(conv_norm_out(x)))`, float32 or wider."""
    x = nn.silu(group_norm(blocks.groups, blocks.epsilon, blocks.dtype, "conv_norm_out")(x))
    return at_least_float32(Conv(channels, 3, dtype=blocks.dtype, name="conv_out")(x))
