"""The way down that the U-Net of Stable Diffusion and its ControlNet share, and what both are told."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.errors import InputError
from gan_jax.networks.conv import Conv
from gan_jax.networks.pretrained.conditioning import UNetConfig, embed_condition
from gan_jax.networks.pretrained.stages import Condition, MiddleBlock, Stage, down
from gan_jax.networks.pretrained.transformer import SpatialTransformer, mask_bias
from gan_jax.types import Array, ArrayLike

__all__ = ["FIXED", "IGNORED", "EncoderConfig", "condition", "encode", "encoder_inputs"]

DownName = Literal["CrossAttnDownBlock2D", "DownBlock2D"]

FIXED = {
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "center_input_sample": False,
    "only_cross_attention": False,
    "mid_block_scale_factor": 1,
    "dropout": 0.0,
    "act_fn": "silu",
    "encoder_hid_dim": None,
    "encoder_hid_dim_type": None,
    "num_attention_heads": None,
    "resnet_time_scale_shift": "default",
}
"""Settings of which one value is built."""

IGNORED = ("upcast_attention", "use_linear_projection", "addition_embed_type_num_heads")
"""Logits are float32 always; 1x1 convolutions and linear layers are the same; of what is not built."""


@config
class EncoderConfig(UNetConfig):
    """What the U-Net's way down and its ControlNet share, named as diffusers names it.

    Attributes:
      down_block_types: stages, with cross-attention or without.
      layers_per_block: residual blocks at each size.
      attention_head_dim: how many heads there are, for which the public name is wrong.
      transformer_layers_per_block: blocks of each transformer.
      cross_attention_dim: features of the context.
      addition_embed_type: "text_time" where it is told pooled text, sizes and crop.
      addition_time_embed_dim: sinusoids for each of these sizes.
      projection_class_embeddings_input_dim: the length of all vectors that are projected.
    """

    down_block_types: tuple[DownName, ...] = (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D")  # type: ignore[assignment]
    layers_per_block: Count | tuple[Count, ...] = 2
    attention_head_dim: Count | tuple[Count, ...] = 8
    transformer_layers_per_block: Count | tuple[Count, ...] = 1
    cross_attention_dim: Count = 1280
    addition_embed_type: Literal["text_time"] | None = None
    addition_time_embed_dim: Count | None = None
    projection_class_embeddings_input_dim: Count | None = None

    def __post_init__(self) -> None:
        """Raise if stages do not fit together."""
        self.stages()
        if (self.addition_embed_type is None) != (self.addition_time_embed_dim is None):
            raise InputError("is given with addition_embed_type, or not at all", field="addition_time_embed_dim")

    def transformers(self, dtype: DTypeLike = jnp.float32) -> list[Any]:
        """Return what makes the transformers of each size."""
        heads, depths = (self.per_stage(name) for name in ("attention_head_dim", "transformer_layers_per_block"))
        groups = self.norm_num_groups
        return [partial(SpatialTransformer, *each, groups, dtype) for each in zip(heads, depths, strict=True)]

    def stages(self, dtype: DTypeLike = jnp.float32) -> list[Stage]:
        """Return the stages of the way down."""
        kinds, layers = self.per_stage("down_block_types"), self.per_stage("layers_per_block")
        parts = zip(self.block_out_channels, layers, self.transformers(dtype), kinds, strict=True)
        return [
            Stage(features, count, transformer if "Cross" in kind else None)
            for features, count, transformer, kind in parts
        ]


def encoder_inputs(config: EncoderConfig) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the smallest inputs that a U-Net or a ControlNet takes, its positional arguments and those by name."""
    side = 2 ** (len(config.block_out_channels) - 1)
    inputs = jnp.ones((1, side, side, config.in_channels)), jnp.ones(1), jnp.ones((1, 1, config.cross_attention_dim))
    projected = config.projection_class_embeddings_input_dim
    by_name: dict[str, Any] = {}
    if config.class_embed_type in ("projection", "identity"):
        width = projected if config.class_embed_type == "projection" else 4 * config.block_out_channels[0]
        by_name["class_labels"] = jnp.ones((1, width or 1))
    elif config.class_embed_type or config.num_class_embeds:
        by_name["class_labels"] = jnp.zeros(1, jnp.int32)
    if config.addition_time_embed_dim:
        pooled = (projected or 0) - 6 * config.addition_time_embed_dim
        by_name["added_cond_kwargs"] = {"text_embeds": jnp.ones((1, pooled)), "time_ids": jnp.ones((1, 6))}
    return inputs, by_name


def encode(
    config: EncoderConfig, dtype: DTypeLike, x: Array, told: Condition, hint: Array | None = None
) -> tuple[list[Array], Array]:
    """Within a module's call: return what each layer says on the way down, and what the middle says.

    The hint (N, H, W, F), if there is one, is added behind the first convolution.
    """
    x = Conv(config.block_out_channels[0], 3, dtype=dtype, name="conv_in")(x)
    x = x if hint is None else x + hint
    blocks = config.blocks(dtype)
    said = down(x, config.stages(dtype), blocks, config.downsample_padding, told)
    middle = MiddleBlock(blocks, config.transformers(dtype)[-1], name="mid_block")(said[-1], told)
    return said, middle


def condition(
    config: EncoderConfig,
    dtype: DTypeLike,
    n: Any,
    timestep: ArrayLike,
    context: Array,
    class_labels: Array | None,
    added: Mapping[str, Array] | None,
    mask: Array | None,
) -> Condition:
    """Within a module's call: return what the layers are told of n images; the arguments are those of the U-Net."""
    time = embed_condition(
        config, n, timestep, class_labels, added, added_features=config.addition_time_embed_dim, dtype=dtype
    )
    return Condition(time, context.astype(dtype), None if mask is None else mask_bias(mask)[:, None, None])
