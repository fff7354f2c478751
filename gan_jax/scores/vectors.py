"""Checks of the sets of vectors that scores compare."""

from typing import TypeVar

import jax
import jax.numpy as jnp

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, ArrayLike, Float, Real

__all__ = ["nan_unless_finite", "vectors"]

_Score = TypeVar("_Score")


def vectors(*, more_than: int = 0, **sets: Real[ArrayLike, "_ d"]) -> tuple[Float[Array, "_ d"], ...]:
    """Return sets of vectors in float32 or wider, after a check that each is (N, d) with one d and N > `more_than`.

    Raises:
      ValueError: a set is not (N, d), the vectors differ in length, or a set has too few.

    >>> real, fake = vectors(more_than=1, real=jnp.ones((2, 3), jnp.bfloat16), fake=jnp.ones((5, 3), jnp.int32))
    >>> real.dtype, fake.dtype
    (dtype('float32'), dtype('float32'))
    """
    shapes = {name: jnp.shape(points) for name, points in sets.items()}
    of_one_length = all(map(len, shapes.values())) and len({shape[1:] for shape in shapes.values()}) == 1
    if not of_one_length or any(len(shape) != 2 or shape[0] <= more_than for shape in shapes.values()):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"need (N, d): more than {more_than} vectors of one length; got {found}")
    return tuple(map(at_least_float32, sets.values()))


def nan_unless_finite(score: _Score, *sets: Float[Array, "_ d"]) -> _Score:
    """Return a score, a tuple of numbers, as it is if all vectors are finite, and NaN for each number if one is not.

    For scores that count comparisons of distances: NaN is neither near nor far, and a comparison with it counts as far.

    >>> nan_unless_finite((jnp.array(0.5),), jnp.array([[1.0], [jnp.nan]]))[0].item()
    nan
    """
    finite = jnp.stack([jnp.isfinite(points).all() for points in sets]).all()
    return jax.tree.map(lambda number: jnp.where(finite, number, jnp.nan), score)
