"""The Fréchet distance of two sets of feature vectors, FID where the features are Inception's, and streamed moments.

For sets too large for memory, merge the moments of batches, in any order and grouping: by `reduce`, in a `lax.scan`
that begins with `empty(d)`, or from several devices. Under jit a batch may also be sharded over devices as it is.

>>> from functools import reduce
>>> batches = jnp.array([[[0.0], [2.0]], [[4.0], [6.0]]])
>>> total = reduce(merge, map(moments, batches))
>>> total.n.item(), total.mean.tolist(), total.scatter.tolist()
(4, [3.0], [[20.0]])
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.scores.vectors import vectors
from gan_jax.types import Array, ArrayLike, Float, Int, Real

__all__ = ["Moments", "empty", "frechet_distance", "frechet_distance_of_moments", "merge", "moments"]


class Moments(NamedTuple):
    """Mean and scatter of a set of vectors, which `merge` combines with those of another.

    Each is kept as an unevaluated sum of two arrays, which has twice the digits of one.

    Attributes:
      n: the number of vectors, int32.
      mean: (d,).
      scatter: the sum of `(x - mean)(x - mean)^T`, (d, d).
      mean_rest: the rounding error of the mean, (d,).
      scatter_rest: the rounding error of the scatter, (d, d).
    """

    n: Int[Array, ""]
    mean: Float[Array, " d"]
    scatter: Float[Array, "d d"]
    mean_rest: Float[Array, " d"]
    scatter_rest: Float[Array, "d d"]

    @property
    def covariance(self) -> Float[Array, "d d"]:
        """Unbiased, `scatter / (n - 1)`; NaN for fewer than 2 vectors.

        >>> moments(jnp.array([[0.0], [2.0]])).covariance.tolist()
        [[2.0]]
        """
        freedom = (self.n - 1).astype(self.mean.dtype)
        return (self.scatter + self.scatter_rest) / jnp.where(freedom > 0, freedom, jnp.nan)


def empty(d: int, dtype: jax.typing.DTypeLike = jnp.float32) -> Moments:
    """Return the moments of no vectors of length d, the neutral element of `merge`.

    >>> merge(empty(1), moments(jnp.array([[0.0], [2.0]]))).mean.tolist()
    [1.0]
    """
    vector, matrix = jnp.zeros(d, dtype), jnp.zeros((d, d), dtype)
    return Moments(jnp.zeros((), jnp.int32), vector, matrix, vector, matrix)


@jax.jit
def moments(features: Real[ArrayLike, "n d"]) -> Moments:
    """Mean and scatter of a batch: `sum_i x_i / N` and `sum_i (x_i - mean)(x_i - mean)^T`.

    Takes vectors (N, d); returns `Moments` in float32 or wider. Rounding errors are relative to the spread of the
    vectors, not to their mean.

    Raises:
      ValueError: the features are not (N, d), or N is 0.

    Source: Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance: analysis and recommendations.

    >>> moments(jnp.array([[0.0, 1.0], [2.0, 5.0]])).scatter.tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    (features,) = vectors(features=features)
    # Sums of deviations keep the digits that an offset would take: from one vector first, then from about the mean.
    origin = features[0] + jnp.mean(features - features[:1], axis=0)
    deviations = features - origin[None]
    remainder = deviations.mean(axis=0)
    mean, mean_rest = _exact_sum(origin, remainder)
    deviations -= remainder[None]
    scatter = jnp.matmul(deviations.T, deviations, precision=lax.Precision.HIGHEST)
    return Moments(jnp.asarray(len(features), jnp.int32), mean, scatter, mean_rest, jnp.zeros_like(scatter))


@jax.jit
def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the union of two sets: `S = S_a + S_b + N_a N_b / N (m_b - m_a)(m_b - m_a)^T`, and the mean likewise.

    Takes moments of one d and dtype. Associative and commutative up to rounding; sums are compensated, so that 2000
    batches of 500 in float32 are as exact as one batch.

    Raises:
      ValueError: their vectors differ in length.

    Source: Chan, Golub, LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances;
    Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.

    >>> merge(moments(jnp.array([[0.0], [2.0]])), moments(jnp.array([[4.0]]))).scatter.tolist()
    [[8.0]]
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"moments must be of vectors of one length, got {a.mean.shape} and {b.mean.shape}")
    n = a.n + b.n
    share = b.n.astype(b.mean.dtype) / jnp.maximum(n, 1).astype(b.mean.dtype)
    apart, rest_apart = b.mean - a.mean, b.mean_rest - a.mean_rest
    mean, mean_rest = _exact_sum(a.mean, share * apart)
    shift = apart + rest_apart
    between = a.n.astype(a.mean.dtype) * share * jnp.outer(shift, shift)
    within, within_rest = _exact_sum(a.scatter, b.scatter)
    scatter, scatter_rest = _exact_sum(within, between)
    return Moments(
        n=n,
        mean=mean,
        scatter=scatter,
        mean_rest=mean_rest + (a.mean_rest + share * rest_apart),
        scatter_rest=scatter_rest + (within_rest + (a.scatter_rest + b.scatter_rest)),
    )


@jax.jit
def frechet_distance(*, real: Real[ArrayLike, "n d"], fake: Real[ArrayLike, "m d"]) -> Float[Array, ""]:
    """Fréchet distance of two sets, the squared Wasserstein-2 distance of Gaussians of their moments.

    `|m_r - m_f|^2 + tr(S_r + S_f - 2 (S_r S_f)^(1/2))` with means m and unbiased covariances S, as in FID. Takes
    feature vectors (N, d) and (M, d); returns a scalar in squared units of the features, at least 0. Its error in
    float32 is at most about 2e-7 tr S (measured for d up to 512, also with N below d), in float64 about 1e-14 tr S.
    Sets of fewer vectors than d need no (d, d) covariance: the time is O(d N^2) then. It is biased upwards by order
    1/N: compare sets of one size, and state the size. Covariances of a singular product are taken as they are; the
    authors' code may add 1e-6 to their diagonals.

    Raises:
      ValueError: the sets are not vectors of one length, or one has fewer than 2.

    Source: Heusel et al. (2017), GANs trained by a two time-scale update rule converge to a local Nash equilibrium;
    Dowson, Landau (1982), The Fréchet distance between multivariate normal distributions.

    >>> real = jnp.array([[0.0], [2.0]])
    >>> round(float(frechet_distance(real=real, fake=3 * real + 1)), 4)  # means 1 and 4, variances 2 and 18
    17.0
    """
    of_real, of_fake = vectors(more_than=1, real=real, fake=fake)
    return _distance(*map(moments, (of_real, of_fake)), *map(_root_of_vectors, (of_real, of_fake)))


@jax.jit
def frechet_distance_of_moments(*, real: Moments, fake: Moments) -> Float[Array, ""]:
    """Fréchet distance of two sets from their moments, as in `frechet_distance`; NaN for fewer than 2 vectors.

    Raises:
      ValueError: their vectors differ in length.

    >>> total = merge(empty(1), moments(jnp.array([[0.0], [2.0]])))
    >>> round(float(frechet_distance_of_moments(real=total, fake=moments(jnp.array([[5.0], [5.0]])))), 4)
    18.0
    """
    if real.mean.shape != fake.mean.shape:
        raise ValueError(f"moments must be of vectors of one length, got {real.mean.shape} and {fake.mean.shape}")
    return _distance(real, fake, _root(real.covariance), _root(fake.covariance))


def _distance(real: Moments, fake: Moments, real_root: Array, fake_root: Array) -> Array:
    """The distance by roots L (d, any) of the covariances, S = L L^T.

    The trace of (S_r S_f)^(1/2) is the sum of the singular values of L_f^T L_r = P D Q^T; eigenvalues of
    S_f^(1/2) S_r S_f^(1/2) are their squares, and lose half the digits of the small ones.
    """
    shift = (real.mean - fake.mean) + (real.mean_rest - fake.mean_rest)
    fewer, more = sorted((real_root, fake_root), key=lambda root: root.shape[1])
    product = _product(fewer.T, more)
    if product.dtype == jnp.float64:  # has the digits that a difference of traces costs, and needs no vectors for it
        traces = jnp.sum(fewer**2) + jnp.sum(more**2) - 2 * jnp.linalg.svd(product, compute_uv=False).sum()
        return jnp.sum(shift**2) + jnp.maximum(traces, 0)
    # Of near sets the difference would lose the digits that they have in common. It is a sum of squares, the least
    # |L_r - L_f U|^2 of all U with orthogonal rows, at U = P Q^T.
    left, _, right = jnp.linalg.svd(product, full_matrices=False)
    return jnp.sum(shift**2) + jnp.sum((more - _product(fewer, _product(left, right))) ** 2)


def _root_of_vectors(points: Array) -> Array:
    """A root of the covariance of vectors (N, d), of at most d columns."""
    n, d = points.shape
    if n > d:
        return _root(moments(points).covariance)
    deviations = points - points[:1]
    return (deviations - deviations.mean(axis=0, keepdims=True)).T / (n - 1) ** 0.5


def _root(covariance: Array) -> Array:
    """A matrix L with L L^T = the covariance, of any rank: Cholesky's where float64 has digits enough for it."""

    def by_eigenvalues() -> Array:
        values, axes = jnp.linalg.eigh(covariance)
        return axes * jnp.sqrt(jnp.maximum(values, 0))[None]  # below zero by rounding

    if covariance.dtype != jnp.float64:
        return by_eigenvalues()
    root = jnp.linalg.cholesky(covariance)
    return lax.cond(jnp.isfinite(root).all(), lambda: root, by_eigenvalues)


def _product(x: Array, y: Array) -> Array:
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)


def _exact_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """The rounded sum, and exactly what rounding left out (Knuth); XLA does not simplify sums of floats."""
    total = x + y
    of_y = total - x
    return total, (x - (total - of_y)) + (y - of_y)
