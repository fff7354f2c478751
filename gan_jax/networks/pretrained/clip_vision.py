"""CLIP's image tower, a vision transformer: images to states and to an embedding."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.errors import InputError
from gan_jax.networks.patches import to_patches
from gan_jax.networks.pretrained.clip_layers import TRANSFORMERS_FIXED, TowerConfig, encode
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.types import Array, Float

__all__ = ["CLIPVisionConfig", "CLIPVisionModel", "CLIPVisionModelWithProjection", "ImageStates"]


@config
class CLIPVisionConfig(TowerConfig):
    """The settings of the image tower, beside those of `TowerConfig`.

    Attributes:
      num_channels: of the images.
      image_size: their sides.
      patch_size: the sides of the patches that they are cut into.
    """

    hidden_size: Count = 768
    intermediate_size: Count = 3072
    num_attention_heads: Count = 12
    num_channels: Count = 3
    image_size: Count = 224
    patch_size: Count = 32

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "CLIPVisionConfig":
        """Return the configuration that a `config.json` of transformers holds; what else it holds is left out.

        Raises:
          InputError: a setting is impossible or not built; the message names it.

        >>> CLIPVisionConfig.from_config({"patch_size": 14, "model_type": "clip_vision_model"}).patch_size
        14
        """
        return read_config(cls, given, fixed=TRANSFORMERS_FIXED, strict=False)


class ImageStates(NamedTuple):
    """What the image tower says.

    Attributes:
      last_hidden_state: (N, 1 + K, D), the class token and the patches, not normalized.
      pooler_output: (N, D), the class token, normalized.
      hidden_states: (N, 1 + K, D) each, the tokens and what each layer makes of them.
      image_embeds: (N, E), the embedding, of the model with a projection.
    """

    last_hidden_state: Array
    pooler_output: Array
    hidden_states: tuple[Array, ...]
    image_embeds: Array | None = None


class CLIPVisionModel(nn.Module):
    """Images (N, H, W, C), normalized as the weights want them, to `ImageStates`. The layers compute in `dtype`.

    Source: Radford et al. (2021), Learning transferable visual models from natural language supervision; Dosovitskiy et
    al. (2021), An image is worth 16x16 words. As `transformers.CLIPVisionModel`.

    >>> import jax
    >>> small = CLIPVisionConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=4, patch_size=2)
    >>> states, _ = jax.eval_shape(CLIPVisionModel(small).init_with_output, jax.random.key(0), jnp.ones((1, 4, 4, 3)))
    >>> states.last_hidden_state.shape, states.pooler_output.shape
    ((1, 5, 8), (1, 8))
    """

    config: CLIPVisionConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, pixel_values: Float[Array, "n h w c"]) -> ImageStates:
        """Encode images.

        Raises:
          InputError: they have other sides than `image_size`.
        """
        config, dtype = self.config, self.dtype
        if pixel_values.shape[1:3] != (config.image_size,) * 2:
            raise InputError(f"images are of {pixel_values.shape[1:3]}, not {config.image_size}", field="image_size")
        width, n = config.hidden_size, len(pixel_values)
        patches = to_patches(pixel_values.astype(dtype), config.patch_size).reshape(
            n, -1, config.num_channels * config.patch_size**2
        )
        tokens = nn.Dense(width, use_bias=False, dtype=dtype, name="patch_embedding")(patches)
        own = self.param("class_embedding", nn.initializers.normal(width**-0.5), (width,))
        own = jnp.broadcast_to(own.astype(dtype).reshape(1, 1, -1), (n, 1, width))
        x = jnp.concatenate([own, tokens], axis=1)
        places = nn.Embed(x.shape[1], width, dtype=dtype, name="position_embedding")
        x = x + places(jnp.arange(x.shape[1], dtype=jnp.int32)[None])
        # The public weights spell it so.
        states = encode(config.norm("pre_layrnorm", dtype)(x), config, dtype)
        pooled = config.norm("post_layernorm", dtype)(states[-1][:, 0])
        return ImageStates(states[-1], pooled, states)

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        side = self.config.image_size
        return (jnp.ones((1, side, side, self.config.num_channels)),), {}


class CLIPVisionModelWithProjection(nn.Module):
    """Images (N, H, W, C) to `ImageStates` with embeddings (N, E). As `transformers.CLIPVisionModelWithProjection`.

    >>> import jax
    >>> small = CLIPVisionConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=4, patch_size=2,
    ...     projection_dim=6)
    >>> images = jnp.ones((1, 4, 4, 3))
    >>> states, _ = jax.eval_shape(CLIPVisionModelWithProjection(small).init_with_output, jax.random.key(0), images)
    >>> states.image_embeds.shape
    (1, 6)
    """

    config: CLIPVisionConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, pixel_values: Float[Array, "n h w c"]) -> ImageStates:
        """Encode images."""
        states = CLIPVisionModel(self.config, self.dtype, name="vision_model")(pixel_values)
        projection = nn.Dense(self.config.projection_dim, use_bias=False, dtype=self.dtype, name="visual_projection")
        return states._replace(image_embeds=projection(states.pooler_output))

    example_inputs = CLIPVisionModel.example_inputs
