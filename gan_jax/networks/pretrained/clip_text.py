"""CLIP's text tower: tokens to states, which latent diffusion looks at, and to an embedding."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.networks.pretrained.clip_layers import TRANSFORMERS_FIXED, TowerConfig, encode
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.networks.pretrained.transformer import mask_bias
from gan_jax.types import Array, Int

__all__ = ["CLIPTextConfig", "CLIPTextModel", "CLIPTextModelWithProjection", "TextStates"]

_LEGACY_END = 2  # what old configurations say that the end of a text is, whose vocabulary has it elsewhere


@config
class CLIPTextConfig(TowerConfig):
    """The settings of the text tower, beside those of `TowerConfig`.

    Attributes:
      vocab_size: how many tokens there are.
      max_position_embeddings: tokens of a text.
      eos_token_id: the token that ends a text, at which its embedding is read; 2 for the largest token of each text.
    """

    vocab_size: Count = 49408
    max_position_embeddings: Count = 77
    eos_token_id: int = 49407

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "CLIPTextConfig":
        """Return the configuration that a `config.json` of transformers holds; what else it holds is left out.

        Raises:
          InputError: a setting is impossible or not built; the message names it.

        >>> CLIPTextConfig.from_config({"hidden_act": "relu"})
        Traceback (most recent call last):
        gan_jax.errors.InputError: hidden_act: input should be 'quick_gelu' or 'gelu', got 'relu'
        """
        return read_config(cls, given, fixed=TRANSFORMERS_FIXED, strict=False)


class TextStates(NamedTuple):
    """What the text tower says.

    Attributes:
      last_hidden_state: (N, K, D), normalized: what Stable Diffusion 1 and 2 look at.
      pooler_output: (N, D), the last at the end of each text.
      hidden_states: (N, K, D) each, the tokens and what each layer makes of them, not normalized: SDXL looks at the
        last but one.
      text_embeds: (N, E), the embedding, of the model with a projection.
    """

    last_hidden_state: Array
    pooler_output: Array
    hidden_states: tuple[Array, ...]
    text_embeds: Array | None = None


class CLIPTextModel(nn.Module):
    """Tokens (N, K) to `TextStates`; each token looks at those before it. The layers compute in `dtype`.

    Source: Radford et al. (2021), Learning transferable visual models from natural language supervision. As
    `transformers.CLIPTextModel`.

    >>> import jax
    >>> small = CLIPTextConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, eos_token_id=8)
    >>> states, _ = jax.eval_shape(CLIPTextModel(small).init_with_output, jax.random.key(0), jnp.array([[7, 1, 8]]))
    >>> states.last_hidden_state.shape, states.pooler_output.shape, len(states.hidden_states)
    ((1, 3, 8), (1, 8), 2)
    """

    config: CLIPTextConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, input_ids: Int[Array, "n k"], attention_mask: Array | None = None) -> TextStates:
        """Encode texts; the mask (N, K) is 0 where a token is not looked at."""
        config, dtype = self.config, self.dtype
        n, k = input_ids.shape

        def embed(count: int, name: str) -> nn.Embed:
            return nn.Embed(count, config.hidden_size, dtype=dtype, name=name)

        places = embed(config.max_position_embeddings, "position_embedding")(jnp.arange(k, dtype=jnp.int32)[None])
        x = embed(config.vocab_size, "token_embedding")(input_ids) + places
        bias = mask_bias(jnp.tril(jnp.ones((1, 1, k, k), jnp.float32)))
        bias = bias if attention_mask is None else bias + mask_bias(attention_mask)[:, None, None]
        states = encode(x, config, dtype, bias)
        last = config.norm("final_layer_norm", dtype)(states[-1])
        legacy = config.eos_token_id == _LEGACY_END
        end = jnp.argmax(input_ids if legacy else input_ids == config.eos_token_id, axis=1)
        return TextStates(last, last[jnp.arange(n, dtype=jnp.int32), end], states)

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        return (jnp.zeros((1, 1), jnp.int32),), {}


class CLIPTextModelWithProjection(nn.Module):
    """Tokens (N, K) to `TextStates` with embeddings (N, E). As `transformers.CLIPTextModelWithProjection`.

    >>> import jax
    >>> small = CLIPTextConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, eos_token_id=8,
    ...     projection_dim=6)
    >>> model, tokens = CLIPTextModelWithProjection(small), jnp.array([[7, 1, 8]])
    >>> states, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), tokens)
    >>> states.text_embeds.shape
    (1, 6)
    """

    config: CLIPTextConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, input_ids: Int[Array, "n k"], attention_mask: Array | None = None) -> TextStates:
        """Encode texts; the mask (N, K) is 0 where a token is not looked at."""
        states = CLIPTextModel(self.config, self.dtype, name="text_model")(input_ids, attention_mask)
        projection = nn.Dense(self.config.projection_dim, use_bias=False, dtype=self.dtype, name="text_projection")
        return states._replace(text_embeds=projection(states.pooler_output))

    example_inputs = CLIPTextModel.example_inputs
