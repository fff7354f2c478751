"""unCLIP's prior: a caption's encodings, a time and a noisy image embedding to the image embedding."""

from collections.abc import Mapping
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, config
from gan_jax.errors import InputError
from gan_jax.networks.pretrained.conditioning import TimestepEmbedding
from gan_jax.networks.pretrained.config_file import read_config
from gan_jax.networks.pretrained.residual import layer_norm
from gan_jax.networks.pretrained.transformer import TransformerBlock, mask_bias
from gan_jax.networks.time import sinusoids
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, ArrayLike, Float, Params

__all__ = ["PriorTransformer", "PriorTransformerConfig", "denormalize"]

_FIXED = {
    "dropout": 0.0,
    "time_embed_act_fn": "silu",
    "encoder_hid_proj_type": "linear",
    "added_emb_type": "prd",
    "additional_embeddings": 4,
}


@config
class PriorTransformerConfig:
    """The settings of the prior, named as diffusers names them.

    Attributes:
      num_attention_heads: of each block.
      attention_head_dim: features of each head.
      num_layers: blocks.
      embedding_dim: of the image embedding and of the caption's encodings.
      num_embeddings: how many encodings a caption has.
      norm_in_type: "layer" where tokens are normalized at first.
      embedding_proj_norm_type: "layer" where the caption's embedding is.
      time_embed_dim: features between the two layers of the time.
      embedding_proj_dim: of the caption's embedding.
      clip_embed_dim: of what it says.
    """

    num_attention_heads: Count = 32
    attention_head_dim: Count = 64
    num_layers: Count = 20
    embedding_dim: Count = 768
    num_embeddings: Count = 77
    norm_in_type: Literal["layer"] | None = None
    embedding_proj_norm_type: Literal["layer"] | None = None
    time_embed_dim: Count | None = None
    embedding_proj_dim: Count | None = None
    clip_embed_dim: Count | None = None

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> "PriorTransformerConfig":
        """Return the configuration that a `config.json` of diffusers holds.

        Raises:
          InputError: a setting is unknown, impossible, or not built; the message names it.

        >>> PriorTransformerConfig.from_config({"layers": 3})
        Traceback (most recent call last):
        gan_jax.errors.InputError: layers: 3 is a setting that PriorTransformerConfig does not know
        """
        return read_config(cls, given, fixed=_FIXED)


class PriorTransformer(nn.Module):
    """Noisy image embeddings (N, E), times, captions' embeddings (N, P) and encodings (N, K, E) to embeddings (N, E').

    The tokens are the K encodings, the caption's embedding, the time, the noisy embedding, and a learned one, at which
    the answer is read; given a mask, each looks at those before it alone, as in training.

    Source: Ramesh et al. (2022), Hierarchical text-conditional image generation with CLIP latents. As
    `diffusers.PriorTransformer`.

    >>> import jax
    >>> small = PriorTransformerConfig(num_attention_heads=2, attention_head_dim=4, num_layers=1, embedding_dim=6)
    >>> prior = PriorTransformer(small)
    >>> jax.eval_shape(prior.init_with_output, jax.random.key(0), *prior.example_inputs()[0])[0].shape
    (1, 6)
    """

    config: PriorTransformerConfig
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        hidden_states: Float[Array, "n e"],
        timestep: ArrayLike,
        proj_embedding: Float[Array, "n p"],
        encoder_hidden_states: Float[Array, "n k d"],
        attention_mask: Array | None = None,
    ) -> Float[Array, "n out"]:
        """Say what the image embedding is, at a time for all or at times (N,), float32.

        The mask (N, K) is 0 where an encoding is not looked at.

        Raises:
          InputError: there are more encodings, or fewer, than `num_embeddings`.
        """
        config, dtype = self.config, self.dtype
        n, k = encoder_hidden_states.shape[:2]
        if k != config.num_embeddings:
            raise InputError(f"{k} encodings, and the prior takes {config.num_embeddings}", field="num_embeddings")
        features = config.num_attention_heads * config.attention_head_dim

        def dense(x: Array, name: str, width: int = features) -> Array:
            return nn.Dense(width, dtype=dtype, name=name)(x.astype(dtype))

        def norm(x: Array, name: str) -> Array:
            return layer_norm(1e-5, dtype, name)(x.astype(dtype))

        def learned(name: str, *shape: int) -> Array:
            return self.param(name, nn.initializers.zeros, shape).astype(dtype)

        times = jnp.broadcast_to(jnp.asarray(timestep, jnp.float32).reshape(-1), (n,))
        time = sinusoids(times, features, shift=0.0, cosines_first=True).astype(dtype)
        time = TimestepEmbedding(config.time_embed_dim or features, dtype, out=features, name="time_embedding")(time)
        normed = config.embedding_proj_norm_type is not None
        caption = norm(proj_embedding, "embedding_proj_norm") if normed else proj_embedding
        tokens = [
            dense(encoder_hidden_states, "encoder_hidden_states_proj"),
            dense(caption, "embedding_proj")[:, None],
            time[:, None],
            dense(hidden_states, "proj_in")[:, None],
            jnp.broadcast_to(learned("prd_embedding", 1, 1, features), (n, 1, features)),
        ]
        x = jnp.concatenate(tokens, axis=1)
        x = x + learned("positional_embedding", 1, x.shape[1], features)
        x = x if config.norm_in_type is None else norm(x, "norm_in")
        bias = None if attention_mask is None else _causal_bias(attention_mask, x.shape[1])
        for i in range(config.num_layers):
            name = f"transformer_blocks_{i}"
            x = TransformerBlock(config.num_attention_heads, dtype, "gelu", use_bias=True, name=name)(x, bias=bias)
        out = config.clip_embed_dim or config.embedding_dim
        # Of no use here, but public weights hold them beside the others: `denormalize` takes them.
        for name in ("clip_mean", "clip_std"):
            learned(name, 1, out)
        return at_least_float32(dense(norm(x, "norm_out")[:, -1], "proj_to_clip_embeddings", out))

    @nn.nowrap
    def example_inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the smallest inputs, with which parameters are made."""
        config = self.config
        embedding, caption = jnp.ones((1, config.embedding_dim)), config.embedding_proj_dim or config.embedding_dim
        encodings = jnp.ones((1, config.num_embeddings, config.embedding_dim))
        return (embedding, jnp.ones(1), jnp.ones((1, caption)), encodings), {}


def _causal_bias(mask: Array, tokens: int) -> Array:
    """What is added to logits (N, 1, Q, K): of tokens that come later, and of encodings that are masked."""
    shown = jnp.pad(mask.astype(jnp.float32), ((0, 0), (0, tokens - mask.shape[1])), constant_values=1)
    earlier = jnp.tril(jnp.ones((1, 1, tokens, tokens), jnp.float32))
    return mask_bias(shown)[:, None, None] + mask_bias(earlier)


def denormalize(params: Params, embedding: Float[Array, "n out"]) -> Float[Array, "n out"]:
    """Return CLIP's embedding of what a prior of these parameters says: `clip_std x + clip_mean`.

    >>> params = {"params": {"clip_mean": jnp.ones((1, 2)), "clip_std": 2 * jnp.ones((1, 2))}}
    >>> denormalize(params, jnp.ones((1, 2))).tolist()
    [[3.0, 3.0]]
    """
    std, mean = (at_least_float32(params["params"][name]) for name in ("clip_std", "clip_mean"))
    return embedding * std + mean
