"""What every score asks of its sets: vectors of one length, enough of them."""

import jax.numpy as jnp

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array


def vectors(*, more_than: int = 0, **sets: Array) -> tuple[Array, ...]:
    """Sets of vectors, in float32 or wider, refused unless each is (N, d) with one d and an N large enough.

    Raises:
      ValueError: a set is no matrix, their vectors differ in length, or one has too few.

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
