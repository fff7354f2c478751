"""CLIP: captions and images to unit vectors that are alike where the two belong together."""

from collections.abc import Mapping
from math import log
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.errors import within
from gan_jax.networks.pretrained.clip_text import CLIPTextConfig, CLIPTextModel
from gan_jax.networks.pretrained.clip_vision import CLIPVisionConfig, CLIPVisionModel
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.numerics import at_least_float32, safe_divide, safe_norm
from gan_jax.types import Array, Float, Int

__all__ = ["CLIPConfig", "CLIPModel", "Similarities"]

_SCALE = log(1 / 0.07)


@config
class CLIPConfig:
    """The settings of both towers, named as transformers names them.

    Attributes:
      text_config: of the text tower.
      vision_config: of the image tower.
      projection_dim: of embeddings.
    """

    text_config: CLIPTextConfig = CLIPTextConfig()
    vision_config: CLIPVisionConfig = CLIPVisionConfig()
    projection_dim: Count = 512

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "CLIPConfig":
        """Return the configuration that a `config.json` of transformers holds; what else it holds is left out.

        Raises:
          InputError: a setting is impossible or not built; the message names it.

        >>> CLIPConfig.from_config({"text_config": {"hidden_size": 0}})
        Traceback (most recent call last):
        gan_jax.errors.InputError: text_config.hidden_size: input should be greater than 0, got 0
        """
        own = read_config(CLIPConfig, {key: given[key] for key in given if key == "projection_dim"}, fixed={})
        parts: dict[str, Any] = {}
        for name, kind in (("text_config", CLIPTextConfig), ("vision_config", CLIPVisionConfig)):
            with within(name):
                # Old files repeat a part under a second name, which has the last word.
                parts[name] = kind.from_config({**(given.get(name) or {}), **(given.get(f"{name}_dict") or {})})
        return CLIPConfig(projection_dim=own.projection_dim, **parts)


class Similarities(NamedTuple):
    """How alike captions and images are.

    Attributes:
      logits_per_image: (N, M), `exp(logit_scale) <image, text>` of N images and M texts.
      logits_per_text: (M, N), the same.
      text_embeds: (M, E), unit vectors.
      image_embeds: (N, E), unit vectors.
    """

    logits_per_image: Array
    logits_per_text: Array
    text_embeds: Array
    image_embeds: Array


class CLIPModel(nn.Module):
    """Tokens (M, K) and images (N, H, W, C) to `Similarities`, float32. The layers compute in `dtype`.

    `method="get_text_features"` and `method="get_image_features"` give embeddings, not normalized.

    Source: Radford et al. (2021), Learning transferable visual models from natural language supervision. As
    `transformers.CLIPModel`.

    >>> import jax
    >>> small = CLIPConfig(CLIPTextConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2),
    ...     CLIPVisionConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, image_size=4, patch_size=2))
    >>> tokens, images = jnp.zeros((2, 3), jnp.int32), jnp.ones((1, 4, 4, 3))
    >>> jax.eval_shape(CLIPModel(small).init_with_output, jax.random.key(0), tokens, images)[0].logits_per_image.shape
    (1, 2)
    """

    config: CLIPConfig
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Make the towers and projections, named as the public weights are."""
        self.text_model = CLIPTextModel(self.config.text_config, self.dtype)
        self.vision_model = CLIPVisionModel(self.config.vision_config, self.dtype)
        self.text_projection, self.visual_projection = (
            nn.Dense(self.config.projection_dim, use_bias=False, dtype=self.dtype) for _ in range(2)
        )
        self.logit_scale = self.param("logit_scale", nn.initializers.constant(_SCALE), ())

    def __call__(self, input_ids: Int[Array, "m k"], pixel_values: Float[Array, "n h w c"]) -> Similarities:
        """Compare captions with images."""
        texts, images = (
            safe_divide(x, jnp.broadcast_to(safe_norm(x, axis=1)[:, None], x.shape))
            for x in (self.get_text_features(input_ids), self.get_image_features(pixel_values))
        )
        logits = jnp.exp(at_least_float32(self.logit_scale)) * (images @ texts.T)
        return Similarities(logits, logits.T, texts, images)

    def get_text_features(self, input_ids: Int[Array, "m k"]) -> Float[Array, "m e"]:
        """Return the embeddings of captions, float32."""
        return at_least_float32(self.text_projection(self.text_model(input_ids).pooler_output))

    def get_image_features(self, pixel_values: Float[Array, "n h w c"]) -> Float[Array, "n e"]:
        """Return the embeddings of images, float32."""
        return at_least_float32(self.visual_projection(self.vision_model(pixel_values).pooler_output))

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        vision = self.config.vision_config
        side = vision.image_size
        return (jnp.zeros((1, 1), jnp.int32), jnp.ones((1, side, side, vision.num_channels))), {}
