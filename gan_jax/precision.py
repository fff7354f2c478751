"""Scores, norms and probabilities are computed in float32 whatever the networks' precision."""

import jax
import jax.numpy as jnp

from gan_jax.types import Array


def at_least_float32(x: jax.typing.ArrayLike) -> Array:
    """Return an array in float32, or as it is if it is wider; whole numbers become float32 too.

    >>> at_least_float32(jnp.ones(2, jnp.bfloat16)).dtype, at_least_float32([1, 2]).dtype
    (dtype('float32'), dtype('float32'))
    """
    x = jnp.asarray(x)
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)
