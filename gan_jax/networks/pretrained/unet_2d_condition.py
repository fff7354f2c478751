"""The U-Net of Stable Diffusion 1 and 2 and of SDXL: noisy latents, a time and text to noise, or to velocity."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.networks.pretrained.encoder import FIXED, IGNORED, EncoderConfig, condition, encode, encoder_inputs
from gan_jax.networks.pretrained.stages import Stage, final, up
from gan_jax.types import Array, ArrayLike, Float

__all__ = ["UNet2DConditionConfig", "UNet2DConditionModel"]

UpName = Literal["CrossAttnUpBlock2D", "UpBlock2D"]

_FIXED = FIXED | {
    "dual_cross_attention": False,
    "reverse_transformer_layers_per_block": None,
    "resnet_skip_time_act": False,
    "resnet_out_scale_factor": 1.0,
    "time_embedding_type": "positional",
    "time_embedding_dim": None,
    "time_embedding_act_fn": None,
    "timestep_post_act": None,
    "time_cond_proj_dim": None,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "attention_type": "default",
    "class_embeddings_concat": False,
    "mid_block_only_cross_attention": None,
    "cross_attention_norm": None,
}


@config
class UNet2DConditionConfig(EncoderConfig):
    """The settings of the whole U-Net, beside those of `EncoderConfig`.

    Attributes:
      out_channels: of what it says.
      up_block_types: stages, with cross-attention or without, the smallest first.
    """

    out_channels: Count = 4
    up_block_types: tuple[UpName, ...] = ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3)  # type: ignore[assignment]

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "UNet2DConditionConfig":
        """Return the configuration that a `config.json` of diffusers holds.

        Raises:
          InputError: a setting is unknown, impossible, or not built; the message names it.

        >>> UNet2DConditionConfig.from_config({"block_out_channels": [8], "act_fn": "gelu"})
        Traceback (most recent call last):
        gan_jax.errors.InputError: act_fn: 'gelu' is not built, only 'silu'
        """
        return read_config(cls, given, fixed=_FIXED, ignored=IGNORED)

    def stages_up(self, dtype: DTypeLike = jnp.float32) -> list[Stage]:
        """Return the stages of the way up, the smallest first; each has a layer more than on the way down."""
        parts = zip(
            self.stages(dtype)[::-1], self.transformers(dtype)[::-1], self.per_stage("up_block_types"), strict=True
        )
        return [
            Stage(features, layers + 1, transformer if "Cross" in kind else None)
            for (features, layers, _), transformer, kind in parts
        ]


class UNet2DConditionModel(nn.Module):
    """Noisy latents (N, H, W, C), times and text states (N, K, D) to what noise there is, (N, H, W, C), float32.

    With `down_block_additional_residuals` and `mid_block_additional_residual` it is told what a `ControlNetModel` says.
    The layers compute in `dtype`.

    Source: Rombach et al. (2022), High-resolution image synthesis with latent diffusion models; Podell et al. (2023),
    SDXL: improving latent diffusion models for high-resolution image synthesis. As `diffusers.UNet2DConditionModel`.

    >>> import jax
    >>> small = UNet2DConditionConfig(block_out_channels=(8,), down_block_types=("CrossAttnDownBlock2D",),
    ...     up_block_types=("CrossAttnUpBlock2D",), attention_head_dim=2, cross_attention_dim=4, norm_num_groups=4)
    >>> unet = UNet2DConditionModel(small)
    >>> inputs, by_name = unet.example_inputs()
    >>> jax.eval_shape(unet.init_with_output, jax.random.key(0), *inputs, **by_name)[0].shape
    (1, 1, 1, 4)
    """

    config: UNet2DConditionConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        sample: Float[Array, "n h w c"],
        timestep: ArrayLike,
        encoder_hidden_states: Float[Array, "n k d"],
        class_labels: Array | None = None,
        *,
        added_cond_kwargs: Mapping[str, Array] | None = None,
        down_block_additional_residuals: Sequence[Array] | None = None,
        mid_block_additional_residual: Array | None = None,
        encoder_attention_mask: Array | None = None,
    ) -> Float[Array, "n h w out"]:
        """Say what noise there is in each image.

        Args:
          sample: noisy latents.
          timestep: a number, or (N,).
          encoder_hidden_states: what the transformers look at.
          class_labels: int32 (N,) or vectors (N, F), where the network has classes.
          added_cond_kwargs: `text_embeds` (N, P) and `time_ids` (N, 6), where it is told sizes.
          down_block_additional_residuals: added to what each layer says on the way down.
          mid_block_additional_residual: added to what the middle says.
          encoder_attention_mask: (N, K), 0 where a state is not looked at.

        Raises:
          InputError: there is a class, or something added, and the network has none, or the other way round.
        """
        config, dtype = self.config, self.dtype
        told = condition(
            config,
            dtype,
            sample.shape[0],
            timestep,
            encoder_hidden_states,
            class_labels,
            added_cond_kwargs,
            encoder_attention_mask,
        )
        said, x = encode(config, dtype, sample.astype(dtype), told)
        if down_block_additional_residuals is not None:
            said = [own + more for own, more in zip(said, down_block_additional_residuals, strict=True)]
        x = x if mid_block_additional_residual is None else x + mid_block_additional_residual
        x = up(x, config.stages_up(dtype), config.blocks(dtype), told, said)
        return final(x, config.out_channels, config.blocks(dtype))

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        return encoder_inputs(self.config)
