"""ControlNet: a copy of a U-Net's way down that sees a hint too, and says what to add to what the U-Net says."""

from collections.abc import Mapping
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.networks.conv import Conv
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.networks.pretrained.encoder import FIXED, IGNORED, EncoderConfig, condition, encode, encoder_inputs
from gan_jax.types import Array, ArrayLike, Float, Params

__all__ = ["ControlNetConfig", "ControlNetModel", "copy_encoder"]

_FIXED = FIXED | {"global_pool_conditions": False}
_zeros = nn.initializers.zeros


@config
class ControlNetConfig(EncoderConfig):
    """The settings of a ControlNet, beside those of `EncoderConfig`.

    Attributes:
      conditioning_channels: of the hint.
      conditioning_embedding_out_channels: features at each size of the network that sees the hint.
      controlnet_conditioning_channel_order: "bgr" where it was trained with the channels in reverse.
    """

    conditioning_channels: Count = 3
    conditioning_embedding_out_channels: tuple[Count, ...] = (16, 32, 96, 256)
    controlnet_conditioning_channel_order: Literal["rgb", "bgr"] = "rgb"

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "ControlNetConfig":
        """Return the configuration that a `config.json` of diffusers holds.

        Raises:
          InputError: a setting is unknown, impossible, or not built; the message names it.

        >>> ControlNetConfig.from_config({"global_pool_conditions": True})
        Traceback (most recent call last):
        gan_jax.errors.InputError: global_pool_conditions: True is not built, only False
        """
        return read_config(cls, given, fixed=_FIXED, ignored=IGNORED)


class _HintNetwork(nn.Module):
    """Hints (N, H, W, C) to features (N, H / 8, W / 8, F), where there are four sizes: zero at first."""

    features: int
    widths: tuple[int, ...]
    dtype: DTypeLike

    @nn.compact
    def __call__(self, hint: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 f"]:
        around = (1, 1)

        def conv(features: int, name: str, stride: int = 1, **options: Any) -> Conv:
            padding = (around, around)
            return Conv(features, 3, stride=stride, padding=padding, dtype=self.dtype, name=name, **options)

        x = nn.silu(conv(self.widths[0], "conv_in")(hint))
        for i, width in enumerate(self.widths[1:]):
            x = nn.silu(conv(x.shape[3], f"blocks_{2 * i}")(x))
            x = nn.silu(conv(width, f"blocks_{2 * i + 1}", stride=2)(x))
        return conv(self.features, "conv_out", kernel_init=_zeros)(x)


class ControlNetModel(nn.Module):
    """Latents (N, H, W, C), times, text states (N, K, D) and hints (N, 8 H, 8 W, 3) to what a U-Net's layers are told.

    At first all that it says is zero. The layers compute in `dtype`.

    Source: Zhang, Rao, Agrawala (2023), Adding conditional control to text-to-image diffusion models. As
    `diffusers.ControlNetModel`.

    >>> import jax
    >>> small = ControlNetConfig(block_out_channels=(8,), down_block_types=("DownBlock2D",), attention_head_dim=2,
    ...     cross_attention_dim=4, norm_num_groups=4, layers_per_block=1)
    >>> control = ControlNetModel(small)
    >>> inputs, by_name = control.example_inputs()
    >>> (said, middle), _ = jax.eval_shape(control.init_with_output, jax.random.key(0), *inputs, **by_name)
    >>> len(said), middle.shape
    (2, (1, 1, 1, 8))
    """

    config: ControlNetConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        sample: Float[Array, "n h w c"],
        timestep: ArrayLike,
        encoder_hidden_states: Float[Array, "n k d"],
        controlnet_cond: Float[Array, "n h8 w8 hint"],
        conditioning_scale: float = 1.0,
        class_labels: Array | None = None,
        *,
        added_cond_kwargs: Mapping[str, Array] | None = None,
    ) -> tuple[tuple[Array, ...], Array]:
        """Return what is added to each layer on the way down, and to the middle; by position as in the U-Net.

        Args:
          sample: noisy latents.
          timestep: a number, or (N,).
          encoder_hidden_states: what the transformers look at.
          controlnet_cond: the hint, in [0, 1].
          conditioning_scale: what all that it says is multiplied by.
          class_labels: as the U-Net's.
          added_cond_kwargs: as the U-Net's.

        Raises:
          InputError: there is a class, or something added, and the network has none, or the other way round.
        """
        config, dtype = self.config, self.dtype
        told = condition(
            config, dtype, sample.shape[0], timestep, encoder_hidden_states, class_labels, added_cond_kwargs, None
        )
        hint = controlnet_cond if config.controlnet_conditioning_channel_order == "rgb" else controlnet_cond[..., ::-1]
        network = _HintNetwork(
            config.block_out_channels[0],
            config.conditioning_embedding_out_channels,
            dtype,
            name="controlnet_cond_embedding",
        )
        said, middle = encode(config, dtype, sample.astype(dtype), told, network(hint.astype(dtype)))

        def zero(x: Array, name: str) -> Array:
            layer = nn.Dense(x.shape[3], dtype=dtype, kernel_init=_zeros, name=name)
            return layer(x) * jnp.asarray(conditioning_scale, dtype)

        down = tuple(zero(x, f"controlnet_down_blocks_{i}") for i, x in enumerate(said))
        return down, zero(middle, "controlnet_mid_block")

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        inputs, by_name = encoder_inputs(self.config)
        side = inputs[0].shape[1] * 2 ** (len(self.config.conditioning_embedding_out_channels) - 1)
        return (*inputs, jnp.ones((1, side, side, self.config.conditioning_channels))), by_name


def copy_encoder(params: Params, unet: Params) -> Params:
    """Return a ControlNet's parameters with a U-Net's in place of those that both have: where its training begins.

    >>> copy_encoder({"params": {"a": 0, "b": 0}}, {"params": {"b": 1, "c": 1}})
    {'params': {'a': 0, 'b': 1}}
    """
    return {"params": {name: unet["params"].get(name, own) for name, own in params["params"].items()}}
