"""Numbers that stay finite and precise: float32 or wider, and roots, norms and quotients that are safe at zero.

Scores, norms and probabilities are computed in float32 whatever the networks' precision. At zero the functions below
are zero and have finite derivatives. Whatever is below 1e-12 counts as zero: second derivatives hold the third power of
its inverse, and float32 ends at 1e38. NaN stays NaN.
"""

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float

__all__ = ["at_least_float32", "safe_divide", "safe_norm", "safe_sqrt"]

_TINY = 1e-12


def at_least_float32(x: jax.typing.ArrayLike) -> Array:
    """Return an array in float32, or as it is if it is wider; whole numbers become float32 too.

    >>> at_least_float32(jnp.ones(2, jnp.bfloat16)).dtype, at_least_float32(jnp.arange(2)).dtype
    (dtype('float32'), dtype('float32'))
    """
    x = jnp.asarray(x)
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)


def safe_norm(x: Array, *, axis: int | None = None) -> Array:
    """Euclidean norm over an axis, or all: `sqrt(sum x^2)`, float32 or wider. Zero, with derivative zero, below 1e-12.

    >>> safe_norm(jnp.array([[3.0, 4.0], [0.0, 0.0]]), axis=1).tolist()
    [5.0, 0.0]
    """
    return safe_sqrt(jnp.sum(at_least_float32(x) ** 2, axis=axis))


def safe_sqrt(square: Array) -> Array:
    """Square root of numbers of at least 0. Zero, with derivative zero, below 1e-24.

    >>> safe_sqrt(jnp.array([4.0, 0.0])).tolist()
    [2.0, 0.0]
    """
    # sqrt has no derivative at zero: give it a one there, and take the zero from the outer branch.
    is_zero = square <= _TINY**2  # false of NaN
    return jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, square)))


def safe_divide(x: Array, by: Float[Array, "..."]) -> Array:
    """Quotient `x / by`, or x itself where the divisor, not negative, is below 1e-12. It is a scalar or of x's shape.

    >>> safe_divide(jnp.array([1.0, 0.0]), jnp.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    return x / jnp.where(by <= _TINY, 1, by)
