"""Memorization: whether samples lie nearer to the training data than held-out data do."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.scores.distances import nearest_distance
from gan_jax.scores.vectors import nan_unless_finite, vectors
from gan_jax.types import Array, ArrayLike, Float, Real

__all__ = ["Memorization", "memorization"]


class Memorization(NamedTuple):
    """How near samples lie to the training data, compared with held-out data.

    Attributes:
      closer: the probability that a sample is nearer than a held-out one, ties counting half: 0.5 for new samples of
        the data's distribution, 1 for copies, below 0.5 for samples unlike the data.
      copied: the fraction of samples that are nearer than all but 1 % of the held-out ones: about 0.01 for new samples.
    """

    closer: Float[Array, ""]
    copied: Float[Array, ""]


@jax.jit
def memorization(
    *, fake: Real[ArrayLike, "m d"], train: Real[ArrayLike, "n d"], held_out: Real[ArrayLike, "l d"]
) -> Memorization:
    """Compare distances to the nearest training vector, `d(x) = min_j |x - t_j|`, of fake and of held-out vectors.

    `closer = P(d(fake) < d(held_out)) + P(d(fake) = d(held_out)) / 2`, the Mann-Whitney statistic; `copied` is the
    fraction of fakes for which fewer than 1 % of the held-out vectors are as near. Takes feature vectors (M, d), (N, d)
    and (L, d), training and held-out data of one distribution. For new samples `copied` is `ceil(L / 100) / (L + 1)` in
    expectation: L should be 100 or more. Where 1 % of the held-out vectors occur in the training set too, `copied` is 0
    for every fake. One vector that is not finite makes both NaN.

    Raises:
      ValueError: the sets are not vectors of one length, or one is empty.

    Source: Meehan, Chaudhuri, Dasgupta (2020), A non-parametric test to detect data-copying in generative models
    (`closer`, over the whole space; `copied` is our own).

    >>> train, held_out = jnp.array([[0.0], [1.0]]), jnp.array([[0.25], [1.5]])
    >>> tuple(map(float, memorization(fake=jnp.array([[1.0], [1.25], [3.0], [0.0]]), train=train, held_out=held_out)))
    (0.6875, 0.5)
    """
    fake, train, held_out = vectors(fake=fake, train=train, held_out=held_out)
    of_fake, of_held_out = nearest_distance(fake, train), jnp.sort(nearest_distance(held_out, train))
    nearer = jnp.searchsorted(of_held_out, of_fake, side="left")  # how many held-out ones are
    as_near = jnp.searchsorted(of_held_out, of_fake, side="right")
    total = len(held_out)
    score = Memorization((2 * total - nearer - as_near).mean() / (2 * total), (100 * as_near < total).mean())
    return nan_unless_finite(score, fake, train, held_out)
