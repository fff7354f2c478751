"""Self-attention over the pixels of an image."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float

__all__ = ["SelfAttention", "max_pool"]


def max_pool(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    """Return the largest of each 2x2 pixels; a last odd row or column is left out.

    >>> max_pool(jnp.arange(6.0).reshape(1, 2, 3, 1)).ravel().tolist()
    [4.0]
    """
    n, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


class SelfAttention(nn.Module):
    """Images x (N, H, W, C) to `x + gain V softmax(Q K)`, each pixel looking at all.

    Queries and keys have C/8 features and values C/2, all by products without bias; keys and values are of 2x2 pixels,
    by their maximum. The softmax is float32 or wider. The gain is 0 at first. Raises `InputError` for an image of one
    row or column, which has no 2x2 pixels, or of fewer than 8 channels.

    Source: Zhang et al. (2019), Self-attention generative adversarial networks; the pooling is that of its authors'
    code, as in Brock, Donahue, Simonyan (2019).

    >>> x = jnp.ones((2, 4, 4, 8))
    >>> bool((SelfAttention().init_with_output(jax.random.key(0), x)[0] == x).all())
    True
    """

    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Let each pixel look at all others."""
        n, h, w, c = x.shape
        if c < 8 or min(h, w) < 2:
            raise InputError(
                f"self-attention needs 2x2 pixels and 8 features at least, got {x.shape[1:]}; choose another block, or "
                "a larger width",
                field="attention",
            )

        def linear(features: int, name: str) -> nn.Dense:
            return nn.Dense(features, use_bias=False, dtype=self.dtype, kernel_init=self.kernel_init, name=name)

        query = linear(c // 8, "query")(x).reshape(n, h * w, -1)
        key = max_pool(linear(c // 8, "key")(x)).reshape(n, (h // 2) * (w // 2), -1)
        value = max_pool(linear(c // 2, "value")(x)).reshape(n, (h // 2) * (w // 2), -1)
        weights = jax.nn.softmax(at_least_float32(jnp.einsum("nqf,nkf->nqk", query, key)), axis=-1)
        seen = jnp.einsum("nqk,nkf->nqf", weights.astype(value.dtype), value).reshape(n, h, w, -1)
        gain = self.param("gain", nn.initializers.zeros, (), jnp.float32)
        return x + gain.astype(x.dtype) * linear(c, "out")(seen)
