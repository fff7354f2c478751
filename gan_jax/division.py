"""Roots, norms and quotients that have finite derivatives at zero, and are zero there.

Whatever is below 1e-12 counts as nothing: second derivatives hold the third power of its inverse, and float32 ends at
1e38.
"""

import jax.numpy as jnp

from gan_jax.precision import at_least_float32
from gan_jax.types import Array, Float

_NOTHING = 1e-12


def norm(x: Array, *, axis: int | None = None) -> Array:
    """Euclidean norm over an axis, or all: `sqrt(sum x^2)`, float32 or wider. Zero, with derivative zero, below 1e-12.

    >>> norm(jnp.array([[3.0, 4.0], [0.0, 0.0]]), axis=1).tolist()
    [5.0, 0.0]
    """
    return root(jnp.sum(at_least_float32(x) ** 2, axis=axis))


def root(square: Array) -> Array:
    """Square root of numbers of at least 0. Zero, with derivative zero, below 1e-24.

    >>> root(jnp.array([4.0, 0.0])).tolist()
    [2.0, 0.0]
    """
    # sqrt has no derivative at zero: give it a one there, and take the zero from the outer branch.
    something = square > _NOTHING**2
    return jnp.where(something, jnp.sqrt(jnp.where(something, square, 1)), 0)


def divide(x: Array, by: Float[Array, "..."]) -> Array:
    """Quotient `x / by`, or x itself where the divisor, not negative, is below 1e-12. It is a scalar or of x's shape.

    >>> divide(jnp.array([1.0, 0.0]), jnp.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    return x / jnp.where(by > _NOTHING, by, 1)
