"""The sliced Wasserstein distance: optimal transport on random lines, where sorting solves it."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.scores.vectors import vectors
from gan_jax.transport import wasserstein_1d
from gan_jax.types import Array, ArrayLike, Float, Key, Real

__all__ = ["sliced_wasserstein"]


@partial(jax.jit, static_argnames="projections")
def sliced_wasserstein(
    key: Key, *, real: Real[ArrayLike, "n d"], fake: Real[ArrayLike, "m d"], projections: int = 500
) -> Float[Array, ""]:
    """Sliced Wasserstein distance of order 1: `mean_u W_1(u . real, u . fake)` over random unit vectors u.

    Takes a key and feature vectors (N, d) and (M, d); returns a scalar in units of the features. W_1 is the distance
    that a Wasserstein critic estimates; its mean over directions is a metric, too. It falls with the dimension: a shift
    by v has the distance `|v| sqrt(2 / (pi d))`, about. Two finite samples of one distribution are about 1 / sqrt(N)
    apart: compare sets of one size, and state it. Sorting takes about 5 ms of a processor for a projection of 2 x
    10,000 samples.

    Raises:
      ValueError: the sets are not vectors of one length, one is empty, or there is no projection.

    Source: Rabin et al. (2012), Wasserstein barycenter and its application to texture mixing; Bonneel et al. (2015),
    Sliced and Radon Wasserstein barycenters of measures.

    >>> real = jnp.array([[0.0], [1.0], [2.0]])
    >>> round(float(sliced_wasserstein(jax.random.key(0), real=real, fake=real[::-1] + 3)), 4)  # d = 1: u is -1 or 1
    3.0
    """
    real, fake = vectors(real=real, fake=fake)
    if projections < 1:
        raise ValueError(f"need at least 1 projection, got {projections}")
    directions = jax.random.normal(key, (projections, real.shape[1]), real.dtype)
    directions /= jnp.linalg.norm(directions, axis=1, keepdims=True)
    origin = real.mean(axis=0)[None]  # distances are of differences: an offset common to all would only cost digits

    def along(direction: Float[Array, " d"]) -> Float[Array, ""]:
        of_real, of_fake = (jnp.matmul(x - origin, direction, precision=lax.Precision.HIGHEST) for x in (real, fake))
        return wasserstein_1d(of_real, of_fake)

    return lax.map(along, directions).mean()
