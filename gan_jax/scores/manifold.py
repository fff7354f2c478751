"""Scores of two sets by their nearest neighbors: how much of each lies on the other's manifold.

A set's manifold is the union of balls around its vectors, the radius of each the distance to its k-th nearest neighbor
in the set. Balls are closed, as in Kynkäänniemi et al.: the balls of repeated data, whose radius is 0, contain their
copies. One vector that is not finite makes every score NaN.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.scores.distances import map_distances, smallest
from gan_jax.scores.vectors import nan_unless_finite, vectors
from gan_jax.types import Array, ArrayLike, Float, Real

__all__ = ["DensityCoverage", "PrecisionRecall", "density_coverage", "precision_recall"]


class PrecisionRecall(NamedTuple):
    """Two fractions in [0, 1]."""

    precision: Float[Array, ""]
    recall: Float[Array, ""]


class DensityCoverage(NamedTuple):
    """Density, about 1 for samples of the data's distribution and without upper bound; coverage in [0, 1]."""

    density: Float[Array, ""]
    coverage: Float[Array, ""]


@partial(jax.jit, static_argnames="k")
def precision_recall(*, real: Real[ArrayLike, "n d"], fake: Real[ArrayLike, "m d"], k: int = 3) -> PrecisionRecall:
    """Precision: the fraction of fakes in the real manifold; recall: the fraction of reals in the fake manifold.

    Takes feature vectors (N, d) and (M, d). Both depend on the sizes of the sets: compare sets of one size, and state
    it.

    Raises:
      ValueError: the sets are not vectors of one length, or one has no k-th neighbor.

    Source: Kynkäänniemi et al. (2019), Improved precision and recall metric for assessing generative models.

    >>> real, fake = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([[0.9], [1.1], [9.0]])
    >>> precision, recall = precision_recall(real=real, fake=fake, k=1)
    >>> round(float(precision), 2), round(float(recall), 2)
    (0.67, 0.67)
    """
    real, fake = vectors(more_than=k, real=real, fake=fake)
    score = PrecisionRecall(precision=_covered(fake, real, k).mean(), recall=_covered(real, fake, k).mean())
    return nan_unless_finite(score, real, fake)


@partial(jax.jit, static_argnames="k")
def density_coverage(*, real: Real[ArrayLike, "n d"], fake: Real[ArrayLike, "m d"], k: int = 5) -> DensityCoverage:
    """Density: how many real balls contain a fake, over k, averaged; coverage: the fraction of balls that contain one.

    Takes feature vectors (N, d) and (M, d). Fakes have no balls, so that outliers among them enlarge nothing. Two sets
    of one distribution and size have density 1 and coverage `1 - 2^-k` in expectation, nearly. The values differ from
    those of the authors' code, whose balls are open, only where a fake lies on the surface of a ball: a set compared
    with itself has density `1 + 1/k`, not 1, and a constant one coverage 1, not 0.

    Raises:
      ValueError: the sets are not vectors of one length, or one has no k-th neighbor.

    Source: Naeem et al. (2020), Reliable fidelity and diversity metrics for generative models.

    >>> real, fake = jnp.array([[0.0], [1.0], [3.0], [4.0]]), jnp.array([[0.5], [0.6], [9.0], [9.0]])
    >>> tuple(map(float, density_coverage(real=real, fake=fake, k=1)))
    (1.0, 0.5)
    """
    real, fake = vectors(more_than=k, real=real, fake=fake)

    def fakes_inside(distances: Array) -> Array:
        radius = smallest(k + 1, distances[: len(real)])
        return jnp.where(distances[len(real) :] <= radius, 1.0, 0.0).sum()

    # Both sets at once, so that ties of a real neighbour and a fake are rounded alike.
    inside = map_distances(fakes_inside, real, jnp.concatenate([real, fake]))
    score = DensityCoverage(density=inside.mean() * (len(real) / (len(fake) * k)), coverage=(inside > 0).mean())
    return nan_unless_finite(score, real, fake)


def _covered(points: Array, centres: Array, k: int) -> Array:
    """Whether each point lies within the distance from some centre to its k-th neighbor."""
    radii = map_distances(partial(smallest, k + 1), centres, centres)  # the nearest of all is the centre itself
    # As (square <= radii).any(), but that XLA:CPU does not vectorize.
    return map_distances(lambda square: (square - radii).min() <= 0, points, centres)
