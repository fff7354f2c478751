"""Scores of two sets by their nearest neighbours: how much of each lies on the other's manifold."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.types import Array, Float

_ROWS = 1000  # of the distance matrix at a time: the whole of it would not fit for tens of thousands of samples


class PrecisionRecall(NamedTuple):
    """Two shares in [0, 1]."""

    precision: Float[Array, ""]
    recall: Float[Array, ""]


@partial(jax.jit, static_argnames="k")
def precision_recall(*, real: Float[Array, "n d"], fake: Float[Array, "m d"], k: int = 3) -> PrecisionRecall:
    """Precision: the share of fakes inside the real manifold; recall: the share of reals inside the fakes' manifold.

    A set's manifold is the union of balls around its members, each reaching to its k-th nearest fellow. Takes feature
    vectors (N, d) and (M, d), float. Recall falls and precision of the other set rises as a set grows: compare sets
    of one size, and state it.

    Raises:
      ValueError: the sets are not vectors of one length, or one has no k-th neighbour.

    Source: Kynkäänniemi et al. (2019), Improved precision and recall metric for assessing generative models.

    >>> real, fake = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([[0.9], [1.1], [9.0]])
    >>> precision, recall = precision_recall(real=real, fake=fake, k=1)
    >>> round(float(precision), 2), round(float(recall), 2)
    (0.67, 0.67)
    """
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1] or min(len(real), len(fake)) <= k:
        raise ValueError(f"need two sets of more than {k} vectors of one length, got {real.shape} and {fake.shape}")
    return PrecisionRecall(precision=_covered(fake, real, k).mean(), recall=_covered(real, fake, k).mean())


def _covered(points: Array, centres: Array, k: int) -> Array:
    """Whether each point lies within the k-th neighbour distance of at least one centre."""

    def square_radius(centre: Array) -> Array:
        nearest, _ = lax.top_k(-_square_distances(centre, centres), k + 1)  # the nearest of all is the centre itself
        return -nearest.min()  # the k-th: taken by an index, XLA:CPU would sort the whole row instead

    radii = lax.map(square_radius, centres, batch_size=_ROWS)
    return lax.map(lambda point: (_square_distances(point, centres) <= radii).any(), points, batch_size=_ROWS)


def _square_distances(point: Float[Array, " d"], others: Float[Array, "n d"]) -> Float[Array, " n"]:
    # Expanded, so that a batch of points is one matrix product; its cancellation needs every digit of float32.
    product = jnp.matmul(others, point, precision=lax.Precision.HIGHEST)
    return jnp.sum(others**2, axis=1) - 2 * product + jnp.sum(point**2)
