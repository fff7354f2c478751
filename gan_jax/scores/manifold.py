"""Scores of two sets by their nearest neighbours: how much of each lies on the other's manifold.

A set's manifold is the union of balls around its members, each reaching to its k-th nearest fellow. Balls are closed,
as in Kynkäänniemi et al.: repeated data, whose balls are points, then hold their own copies.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.scores.distances import map_distances, smallest
from gan_jax.scores.vectors import vectors
from gan_jax.types import Array, Float


class PrecisionRecall(NamedTuple):
    """Two shares in [0, 1]."""

    precision: Float[Array, ""]
    recall: Float[Array, ""]


class DensityCoverage(NamedTuple):
    """A mean count, 1 for samples of the data's own law and more for samples of its densest places, and a share."""

    density: Float[Array, ""]
    coverage: Float[Array, ""]


@partial(jax.jit, static_argnames="k")
def precision_recall(*, real: Float[Array, "n d"], fake: Float[Array, "m d"], k: int = 3) -> PrecisionRecall:
    """Precision: the share of fakes inside the real manifold; recall: the share of reals inside the fakes' manifold.

    Takes feature vectors (N, d) and (M, d). Recall falls and precision of the other set rises as a set grows: compare
    sets of one size, and state it.

    Raises:
      ValueError: the sets are not vectors of one length, or one has no k-th neighbour.

    Source: Kynkäänniemi et al. (2019), Improved precision and recall metric for assessing generative models.

    >>> real, fake = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([[0.9], [1.1], [9.0]])
    >>> precision, recall = precision_recall(real=real, fake=fake, k=1)
    >>> round(float(precision), 2), round(float(recall), 2)
    (0.67, 0.67)
    """
    real, fake = vectors(more_than=k, real=real, fake=fake)
    return PrecisionRecall(precision=_covered(fake, real, k).mean(), recall=_covered(real, fake, k).mean())


@partial(jax.jit, static_argnames="k")
def density_coverage(*, real: Float[Array, "n d"], fake: Float[Array, "m d"], k: int = 5) -> DensityCoverage:
    """Density: how many real balls hold a fake, over k, on average; coverage: the share of real balls that hold one.

    Takes feature vectors (N, d) and (M, d). The fakes' own balls have no part in it, so that fakes far off enlarge
    nothing. Two sets of one law, of one size, are expected to have density 1 and coverage `1 - 2^-k`, nearly. Only
    where a fake lies just on a ball's surface do the values differ from those of the authors' code, whose balls are
    open: a set compared with itself has density `1 + 1/k`, not 1, and a constant one coverage 1, not 0.

    Raises:
      ValueError: the sets are not vectors of one length, or one has no k-th neighbour.

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
    return DensityCoverage(density=inside.mean() * (len(real) / (len(fake) * k)), coverage=(inside > 0).mean())


def _covered(points: Array, centres: Array, k: int) -> Array:
    """Whether each point lies within the k-th neighbour distance of at least one centre."""
    radii = map_distances(partial(smallest, k + 1), centres, centres)  # the nearest of all is the centre itself
    # As (square <= radii).any(), but that XLA:CPU does not vectorize.
    return map_distances(lambda square: (square - radii).min() <= 0, points, centres)
