"""Paths from one noise vector to another."""

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float, Key

__all__ = ["circular_paths"]


def circular_paths(key: Key, paths: int, steps: int, shape: tuple[int, ...]) -> Float[Array, "n ..."]:
    """Return noise (paths * steps, *shape) along quarters of a circle, on which it stays normal, path by path.

    >>> noise = circular_paths(jax.random.key(0), 2, 5, (3,))
    >>> noise.shape, bool((noise[0] != noise[4]).all())
    ((10, 3), True)
    """
    start, end = jax.random.normal(key, (2, paths, 1, *shape), jnp.float32)
    angle = jnp.linspace(0, jnp.pi / 2, steps, dtype=jnp.float32).reshape(1, steps, *[1] * len(shape))
    return (jnp.cos(angle) * start + jnp.sin(angle) * end).reshape(-1, *shape)
