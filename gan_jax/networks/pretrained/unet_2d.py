"""DDPM's U-Net as diffusers has it: noisy images and a time to noise."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.networks.conv import Conv
from gan_jax.networks.pretrained.conditioning import UNetConfig, embed_condition
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.networks.pretrained.stages import Condition, MiddleBlock, Stage, down, final, up
from gan_jax.networks.pretrained.transformer import SpatialAttention
from gan_jax.types import Array, ArrayLike, Float

__all__ = ["UNet2DConfig", "UNet2DModel"]

DownName = Literal["DownBlock2D", "AttnDownBlock2D"]
UpName = Literal["UpBlock2D", "AttnUpBlock2D"]

_FIXED = {
    "center_input_sample": False,
    "time_embedding_type": "positional",
    "time_embedding_dim": None,
    "mid_block_type": "UNetMidBlock2D",
    "mid_block_scale_factor": 1,
    "downsample_type": "conv",
    "upsample_type": "conv",
    "dropout": 0.0,
    "act_fn": "silu",
    "attn_norm_num_groups": None,
    "resnet_time_scale_shift": "default",
}
_IGNORED = ("num_train_timesteps",)  # of times that are learned


@config
class UNet2DConfig(UNetConfig):
    """The settings of the U-Net, beside those of `UNetConfig`.

    Attributes:
      out_channels: of what it says.
      down_block_types: stages, with self-attention or without.
      up_block_types: the same on the way up, the smallest first.
      layers_per_block: residual blocks at each size.
      attention_head_dim: features of a head; None for one head.
      add_attention: whether there is self-attention in the middle.
    """

    in_channels: Count = 3
    out_channels: Count = 3
    down_block_types: tuple[DownName, ...] = ("DownBlock2D", *["AttnDownBlock2D"] * 3)  # type: ignore[assignment]
    up_block_types: tuple[UpName, ...] = (*["AttnUpBlock2D"] * 3, "UpBlock2D")  # type: ignore[assignment]
    block_out_channels: tuple[Count, ...] = (224, 448, 672, 896)
    layers_per_block: Count = 2
    attention_head_dim: Count | None = 8
    add_attention: bool = True
    class_embed_type: Literal["timestep", "identity"] | None = None

    def __post_init__(self) -> None:
        """Raise if stages do not fit together."""
        self.stages("down_block_types", 0)
        self.stages("up_block_types", 0)

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "UNet2DConfig":
        """Return the configuration that a `config.json` of diffusers holds.

        Raises:
          InputError: a setting is unknown, impossible, or not built; the message names it.

        >>> UNet2DConfig.from_config({"down_block_types": ["SkipDownBlock2D"]})
        Traceback (most recent call last):
        gan_jax.errors.InputError: down_block_types: input should be 'DownBlock2D' or 'AttnDownBlock2D', ...
        """
        return read_config(cls, given, fixed=_FIXED, ignored=_IGNORED)

    def attention(self, dtype: DTypeLike) -> Any:
        """Return what makes self-attention."""
        return partial(SpatialAttention, self.attention_head_dim, self.norm_num_groups, self.norm_eps, dtype)

    def stages(self, kinds: str, more: int, dtype: DTypeLike = jnp.float32) -> list[Stage]:
        """Return the stages of one way, down or up, with so many more layers than there are residual blocks."""
        layers, attention, down = self.layers_per_block + more, self.attention(dtype), kinds.startswith("down")
        widths = self.block_out_channels if down else self.block_out_channels[::-1]
        return [
            Stage(features, layers, attention if kind.startswith("Attn") else None)
            for features, kind in zip(widths, self.per_stage(kinds), strict=True)
        ]


class UNet2DModel(nn.Module):
    """Noisy images (N, H, W, C) and times to what noise there is, (N, H, W, C), float32; layers compute in `dtype`.

    Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models. As `diffusers.UNet2DModel`.

    >>> import jax
    >>> small = UNet2DConfig(block_out_channels=(8,), down_block_types=("AttnDownBlock2D",),
    ...     up_block_types=("UpBlock2D",), norm_num_groups=4)
    >>> unet = UNet2DModel(small)
    >>> jax.eval_shape(unet.init_with_output, jax.random.key(0), *unet.example_inputs()[0])[0].shape
    (1, 1, 1, 3)
    """

    config: UNet2DConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, sample: Float[Array, "n h w c"], timestep: ArrayLike, class_labels: Array | None = None
    ) -> Float[Array, "n h w out"]:
        """Say what noise there is in each image, at a time for all or at times (N,), of classes if it has some.

        Raises:
          InputError: there are classes and the network has none, or the other way round.
        """
        config, dtype = self.config, self.dtype
        blocks = config.blocks(dtype)
        time = embed_condition(config, sample.shape[0], timestep, class_labels, None, added_features=None, dtype=dtype)
        told = Condition(time)
        x = Conv(config.block_out_channels[0], 3, dtype=dtype, name="conv_in")(sample.astype(dtype))
        said = down(x, config.stages("down_block_types", 0, dtype), blocks, config.downsample_padding, told)
        attention = config.attention(dtype) if config.add_attention else None
        x = MiddleBlock(blocks, attention, name="mid_block")(said[-1], told)
        x = up(x, config.stages("up_block_types", 1, dtype), blocks, told, said)
        return final(x, config.out_channels, blocks)

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        config = self.config
        side = 2 ** (len(config.block_out_channels) - 1)
        by_name = {}
        if config.class_embed_type == "identity":
            by_name["class_labels"] = jnp.ones((1, 4 * config.block_out_channels[0]))
        elif config.class_embed_type or config.num_class_embeds:
            by_name["class_labels"] = jnp.zeros(1, jnp.int32)
        return (jnp.ones((1, side, side, config.in_channels)), jnp.ones(1)), by_name
