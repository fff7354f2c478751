"""The autoencoder of latent diffusion: images to Gaussian latents of an eighth of the sides, and back."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.networks.conv import Conv
from gan_jax.networks.pretrained.config_file import per_stage, read_config
from gan_jax.networks.pretrained.stages import Blocks, Condition, MiddleBlock, Stage, down, final, up
from gan_jax.networks.pretrained.transformer import SpatialAttention
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Key

__all__ = ["AutoencoderKL", "AutoencoderKLConfig", "Gaussian"]

_EPSILON = 1e-6  # whatever the U-Net's is
_UNPADDED = 0  # below and on the right alone
_FIXED = {
    "act_fn": "silu",
    "shift_factor": None,
    "latents_mean": None,
    "latents_std": None,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
}
_IGNORED = ("force_upcast",)  # to float32: the user's choice of a dtype


@config
class AutoencoderKLConfig:
    """The settings of the autoencoder, named as diffusers names them.

    Attributes:
      in_channels: of the images that it sees.
      out_channels: of the images that it returns.
      down_block_types: one kind of stage, for each size.
      up_block_types: one kind of stage, for each size.
      block_out_channels: features at each size.
      layers_per_block: residual blocks at each size.
      latent_channels: of the latents.
      norm_num_groups: groups of the normalization.
      sample_size: sides of the images that it was trained on.
      scaling_factor: what latents are multiplied by for diffusion: 0.18215 for Stable Diffusion, 0.13025 for SDXL.
      mid_block_add_attention: whether there is self-attention in the middle.
    """

    in_channels: Count = 3
    out_channels: Count = 3
    down_block_types: tuple[Literal["DownEncoderBlock2D"], ...] = ("DownEncoderBlock2D",)
    up_block_types: tuple[Literal["UpDecoderBlock2D"], ...] = ("UpDecoderBlock2D",)
    block_out_channels: tuple[Count, ...] = (64,)
    layers_per_block: Count = 1
    latent_channels: Count = 4
    norm_num_groups: Count = 32
    sample_size: int | tuple[int, int] = 32
    scaling_factor: float = 0.18215
    mid_block_add_attention: bool = True

    def __post_init__(self) -> None:
        """Raise if stages do not fit together."""
        for name in ("down_block_types", "up_block_types"):
            per_stage(getattr(self, name), len(self.block_out_channels), name)

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "AutoencoderKLConfig":
        """Return the configuration that a `config.json` of diffusers holds.

        Raises:
          InputError: a setting is unknown, impossible, or not built; the message names it.

        >>> AutoencoderKLConfig.from_config({"latent_channels": 0})
        Traceback (most recent call last):
        gan_jax.errors.InputError: latent_channels: input should be greater than 0, got 0
        """
        return read_config(cls, given, fixed=_FIXED, ignored=_IGNORED)


class Gaussian(NamedTuple):
    """Independent normal numbers.

    Attributes:
      mean: (N, H, W, C).
      log_variance: (N, H, W, C), from -30 to 20.
    """

    mean: Array
    log_variance: Array

    def sample(self, key: Key) -> Array:
        """Draw one for each: `mean + exp(log_variance / 2) eps`."""
        return self.mean + jnp.exp(self.log_variance / 2) * jax.random.normal(key, self.mean.shape, self.mean.dtype)

    def kl(self) -> Float[Array, " n"]:
        """Return the divergence of each from standard normal numbers: `sum (mean^2 + variance - 1 - log_variance) / 2`.

        >>> Gaussian(jnp.ones((1, 1, 1, 2)), jnp.zeros((1, 1, 1, 2))).kl().tolist()
        [1.0]
        """
        square = self.mean**2 + jnp.exp(self.log_variance) - 1 - self.log_variance
        return square.sum(axis=(1, 2, 3)) / 2


class _Half(nn.Module):
    """What the encoder and the decoder have in common."""

    config: AutoencoderKLConfig
    dtype: DTypeLike

    def blocks(self) -> Blocks:
        return Blocks(self.config.norm_num_groups, _EPSILON, self.dtype)

    def middle(self) -> MiddleBlock:
        one_head = partial(SpatialAttention, None, self.config.norm_num_groups, _EPSILON, self.dtype)
        return MiddleBlock(self.blocks(), one_head if self.config.mid_block_add_attention else None, name="mid_block")


class _Encoder(_Half):
    @nn.compact
    def __call__(self, x: Array) -> Array:
        config, blocks = self.config, self.blocks()
        x = Conv(config.block_out_channels[0], 3, dtype=self.dtype, name="conv_in")(x)
        stages = [Stage(features, config.layers_per_block) for features in config.block_out_channels]
        x = down(x, stages, blocks, _UNPADDED, Condition())[-1]
        return final(self.middle()(x, Condition()), 2 * config.latent_channels, blocks)


class _Decoder(_Half):
    @nn.compact
    def __call__(self, x: Array) -> Array:
        config, blocks = self.config, self.blocks()
        x = Conv(config.block_out_channels[-1], 3, dtype=self.dtype, name="conv_in")(x)
        x = self.middle()(x, Condition())
        stages = [Stage(features, config.layers_per_block + 1) for features in reversed(config.block_out_channels)]
        return final(up(x, stages, blocks, Condition()), config.out_channels, blocks)


class AutoencoderKL(nn.Module):
    """Images (N, H, W, C) in [-1, 1] to what their mean latents are decoded to; layers compute in `dtype`.

    `module.apply(params, images, method="encode")` is a `Gaussian`, `method="decode"` maps latents to images. The
    latents are not scaled: `config.scaling_factor` says how they are for diffusion.

    Source: Rombach et al. (2022), High-resolution image synthesis with latent diffusion models. As
    `diffusers.AutoencoderKL`.

    >>> small = AutoencoderKLConfig(block_out_channels=(8, 8), norm_num_groups=4,
    ...     down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)
    >>> autoencoder, images = AutoencoderKL(small), jnp.ones((1, 4, 4, 3))
    >>> latents, _ = jax.eval_shape(partial(autoencoder.init_with_output, method="encode"), jax.random.key(0), images)
    >>> latents.mean.shape
    (1, 2, 2, 4)
    """

    config: AutoencoderKLConfig
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Make the layers, named as the public weights are."""
        self.encoder, self.decoder = _Encoder(self.config, self.dtype), _Decoder(self.config, self.dtype)
        self.quant_conv = nn.Dense(2 * self.config.latent_channels, dtype=self.dtype)
        self.post_quant_conv = nn.Dense(self.config.latent_channels, dtype=self.dtype)

    def __call__(self, sample: Float[Array, "n h w c"]) -> Float[Array, "n h w out"]:
        """Decode the mean latents of images."""
        return self.decode(self.encode(sample).mean)

    def encode(self, x: Float[Array, "n h w c"]) -> Gaussian:
        """Return the distribution of the latents of images, float32."""
        moments = at_least_float32(self.quant_conv(self.encoder(x.astype(self.dtype))))
        mean, log_variance = jnp.split(moments, 2, axis=3)
        return Gaussian(mean, jnp.clip(log_variance, -30, 20))

    def decode(self, z: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 out"]:
        """Return the images of latents, float32."""
        return self.decoder(self.post_quant_conv(z.astype(self.dtype)))

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        side = 2 ** (len(self.config.block_out_channels) - 1)
        return (jnp.ones((1, side, side, self.config.in_channels)),), {}
