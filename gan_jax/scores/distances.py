"""Euclidean distances from each vector of one set to all of another, a block of the matrix at a time."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from gan_jax.types import Array, Float

__all__ = ["map_distances", "nearest_distance", "smallest"]

_BLOCK = 10_000_000  # distances held at a time (40 MB): the matrix of tens of thousands of samples would not fit


def map_distances(
    function: Callable[[Float[Array, " m"]], Any], points: Float[Array, "n d"], others: Float[Array, "m d"]
) -> Any:
    """Apply a function to the squared distances of each point to all others: `f(|x_i - y_1|^2, ..., |x_i - y_M|^2)`.

    Takes a function of a vector (M,), points (N, d) and others (M, d), float; returns its N results, stacked. Holds
    about 10^7 distances at a time. Each has a rounding error of about 1e-7 of the squared spread of the data, so that
    one of nearly 0 may be negative.

    >>> map_distances(jnp.min, jnp.array([[0.0], [5.0]]), jnp.array([[1.0], [3.0]])).tolist()
    [1.0, 4.0]
    """
    # Expanded, so that a block is one matrix product. Its cancellation needs every digit of float32: those that an
    # offset common to all would take are saved by measuring from one of them, which keeps whole numbers whole.
    from_mean = jnp.sum((others - others.mean(axis=0)[None]) ** 2, axis=1)
    middle = others[from_mean.argmin()][None]
    points, others = points - middle, others - middle
    squares = jnp.sum(others**2, axis=1)

    def of_one(point: Float[Array, " d"]) -> Any:
        product = jnp.matmul(others, point, precision=lax.Precision.HIGHEST)
        return function(squares - 2 * product + jnp.sum(point**2))

    return lax.map(of_one, points, batch_size=max(1, _BLOCK // len(others)))


def smallest(k: int, x: Float[Array, " m"]) -> Float[Array, ""]:
    """Return the k-th smallest number of a vector (M,), k from 1 to M.

    >>> smallest(2, jnp.array([3.0, 1.0, 1.0])).item()
    1.0
    """
    # Of the k smallest the largest: were it taken by its index, XLA:CPU would sort the whole vector instead.
    return -lax.top_k(-x, k)[0].min()


def nearest_distance(points: Float[Array, "n d"], others: Float[Array, "m d"]) -> Float[Array, " n"]:
    """Distance from each point to the nearest of the others: `d(x) = min_j |x - y_j|`, exactly 0 for a copy.

    Takes points (N, d) and others (M, d), float; returns (N,).

    >>> nearest_distance(jnp.array([[0.1, 0.7], [4.0, 6.0]]), jnp.array([[0.1, 0.7], [1.0, 2.0]])).tolist()
    [0.0, 5.0]
    """
    # As argmin, but that XLA:CPU does not vectorize, at four times the time. The distance is then taken anew: the
    # expanded square of a copy is not 0, and its root would be far from it.
    nearest = map_distances(lambda square: lax.top_k(-square, 1)[1].min(), points, others)
    return jnp.linalg.norm(points - others[nearest], axis=1)
