"""Attention among pixels and to a context: the transformer within U-Nets, and unCLIP's prior."""

from collections.abc import Sequence
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.networks.pretrained.residual import group_norm, layer_norm
from gan_jax.types import Array, Float

__all__ = ["Attention", "SpatialAttention", "SpatialTransformer", "TransformerBlock", "attention", "mask_bias"]

_NAMES = ("to_q", "to_k", "to_v", "to_out")
_EPSILON = 1e-6  # of the normalization before a transformer, whatever the U-Net's is


def attention(
    x: Float[Array, "n q c"],
    context: Float[Array, "n k d"],
    *,
    heads: int,
    dtype: DTypeLike,
    use_bias: bool = True,
    bias: Float[Array, "n_or_1 1 q_or_1 k"] | None = None,
    names: Sequence[str] = _NAMES,
) -> Float[Array, "n q c"]:
    """Within a module's call: `out(softmax(q k^T / sqrt(C / heads) + bias) v)`, the softmax in float32.

    Takes x (N, Q, C), of which queries are made, a context (N, K, D), of which keys and values are, and what is added
    to the logits (N, 1, Q, K), each of the first and the third possibly 1. `use_bias` is of queries, keys and values.

    Source: Vaswani et al. (2017), Attention is all you need.
    """
    features = x.shape[2]

    def projected(x: Array, name: str) -> Array:
        y = nn.Dense(features, use_bias=use_bias, dtype=dtype, name=name)(x)
        return y.reshape(*y.shape[:2], heads, features // heads)

    query, key, value = (projected(*pair) for pair in zip((x, context, context), names, strict=False))
    logits = jnp.einsum("nqhf,nkhf->nhqk", query, key, preferred_element_type=jnp.float32)
    logits = logits * (features // heads) ** -0.5
    weights = jax.nn.softmax(logits if bias is None else logits + bias, axis=-1)
    seen = jnp.einsum("nhqk,nkhf->nqhf", weights.astype(value.dtype), value)
    return nn.Dense(features, dtype=dtype, name=names[3])(seen.reshape(x.shape))


def mask_bias(mask: Array) -> Array:
    """Return what is added to logits: 0 where a mask is 1, and -10,000 where it is 0.

    >>> mask_bias(jnp.array([[True, False]])).tolist()
    [[0.0, -10000.0]]
    """
    return jnp.where(mask.astype(jnp.bool_), 0.0, -10_000.0).astype(jnp.float32)


class Attention(nn.Module):
    """`attention` with parameters of its own."""

    heads: int
    dtype: DTypeLike
    use_bias: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "n q c"], context: Float[Array, "n k d"], bias: Array | None = None
    ) -> Float[Array, "n q c"]:
        """Let each x look at the context."""
        return attention(x, context, heads=self.heads, dtype=self.dtype, use_bias=self.use_bias, bias=bias)


class SpatialAttention(nn.Module):
    """Every pixel looks at all: `x + attention(norm(x))`, heads of `head_features` each, or one of all features.

    Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models.
    """

    head_features: int | None
    groups: int
    epsilon: float
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], context: Array | None = None, bias: Array | None = None
    ) -> Float[Array, "n h w c"]:
        """Let the pixels look at each other; there is no context."""
        y = group_norm(self.groups, self.epsilon, self.dtype, "group_norm")(x)
        y = y.reshape(x.shape[0], -1, x.shape[3])
        heads = x.shape[3] // (self.head_features or x.shape[3])
        return x + attention(y, y, heads=heads, dtype=self.dtype).reshape(x.shape)


class TransformerBlock(nn.Module):
    """Tokens look at each other, then at a context if there is one, then pass a layer each; all normalized before.

    That layer is `W2 (a gelu(b))` of `a, b = W1 x` ("geglu"), or `W2 gelu(W1 x)`.

    Source: Vaswani et al. (2017), Attention is all you need; Shazeer (2020), GLU variants improve transformer.
    """

    heads: int
    dtype: DTypeLike
    activation: Literal["geglu", "gelu"] = "geglu"
    use_bias: bool = False

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "n q c"],
        context: Float[Array, "n k d"] | None = None,
        *,
        bias: Array | None = None,
        context_bias: Array | None = None,
    ) -> Float[Array, "n q c"]:
        """Apply the block to tokens; the biases are added to the logits of self- and of cross-attention."""

        def norm(x: Array, name: str) -> Array:
            return layer_norm(1e-5, self.dtype, name)(x)

        def attend(name: str) -> Attention:
            return Attention(self.heads, self.dtype, self.use_bias, name=name)

        y = norm(x, "norm1")
        x = x + attend("attn1")(y, y, bias)
        if context is not None:
            x = x + attend("attn2")(norm(x, "norm2"), context, context_bias)
        gated, features = self.activation == "geglu", x.shape[2]
        y = nn.Dense(4 * features * (1 + gated), dtype=self.dtype, name="ff_in")(norm(x, "norm3"))
        if gated:
            y, gate = jnp.split(y, 2, axis=-1)
            y = y * nn.gelu(gate, approximate=False)
        else:
            y = nn.gelu(y, approximate=False)
        return x + nn.Dense(features, dtype=self.dtype, name="ff_out")(y)


class SpatialTransformer(nn.Module):
    """`x + proj_out(blocks(proj_in(norm(x))))`: the pixels as tokens, which also look at a context.

    Both projections are products. Stable Diffusion 1 has them as 1x1 convolutions, which are the same, SDXL as linear.

    Source: Rombach et al. (2022), High-resolution image synthesis with latent diffusion models.
    """

    heads: int
    depth: int
    groups: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], context: Float[Array, "n k d"], bias: Array | None = None
    ) -> Float[Array, "n h w c"]:
        """Let pixels look at each other and at the context; the bias is added to the logits of the latter."""
        features = x.shape[3]
        y = group_norm(self.groups, _EPSILON, self.dtype, "norm")(x).reshape(x.shape[0], -1, features)
        y = nn.Dense(features, dtype=self.dtype, name="proj_in")(y)
        for i in range(self.depth):
            y = TransformerBlock(self.heads, self.dtype, name=f"transformer_blocks_{i}")(y, context, context_bias=bias)
        return x + nn.Dense(features, dtype=self.dtype, name="proj_out")(y).reshape(x.shape)
