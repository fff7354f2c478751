"""Kernel distances of two sets of feature vectors, unbiased at every size; KID where the features are Inception's."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.scores.distances import map_distances
from gan_jax.scores.vectors import vectors
from gan_jax.types import Array, ArrayLike, Float, Key, Real

__all__ = ["Kernel", "KernelDistance", "cubic", "kernel_distance", "rbf", "squared_mmd"]

Kernel = Callable[[Float[Array, "n d"], Float[Array, "m d"]], Float[Array, "n m"]]


class KernelDistance(NamedTuple):
    """Mean and standard deviation over subsets."""

    mean: Float[Array, ""]
    sd: Float[Array, ""]


def cubic(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Cubic kernel: `(x_i . y_j / d + 1)^3`. It tells means, covariances and third moments apart.

    >>> cubic(jnp.array([[1.0, 1.0], [0.0, 0.0]]), jnp.array([[1.0, 3.0]])).tolist()
    [[27.0], [1.0]]
    """
    return (jnp.matmul(x, y.T, precision=lax.Precision.HIGHEST) / x.shape[1] + 1) ** 3


def rbf(bandwidth: float) -> Kernel:
    """Gaussian kernel: `exp(-|x_i - y_j|^2 / (2 bandwidth^2))`. It tells any two distributions apart.

    Each call returns another function, for which `jax.jit` compiles anew: call it once.

    Raises:
      ValueError: the bandwidth is not positive.

    >>> [round(float(value), 4) for value in rbf(0.5)(jnp.array([[1.0], [2.0]]), jnp.array([[1.0]])).ravel()]
    [1.0, 0.1353]
    """
    if not bandwidth > 0:
        raise ValueError(f"a bandwidth is positive, got {bandwidth}")

    def kernel(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
        return map_distances(lambda square: jnp.exp(-jnp.maximum(square, 0) / (2 * bandwidth**2)), x, y)

    return kernel


@partial(jax.jit, static_argnames="kernel")
def squared_mmd(
    *, real: Real[ArrayLike, "n d"], fake: Real[ArrayLike, "m d"], kernel: Kernel = cubic
) -> Float[Array, ""]:
    """Squared maximum mean discrepancy, unbiased: `mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j)`.

    The first two means leave out i = j. Takes feature vectors (N, d) and (M, d); holds (N, M) kernel values. Its
    expectation for two samples of one distribution is 0: about half of them give a negative value, and so do two copies
    of one sample.

    Raises:
      ValueError: the sets are not vectors of one length, or one has fewer than 2.

    Source: Gretton et al. (2012), A kernel two-sample test.

    >>> squared_mmd(real=jnp.array([[0.0], [1.0]]), fake=jnp.array([[1.0], [1.0]])).item()
    0.0
    """
    real, fake = vectors(more_than=1, real=real, fake=fake)
    across = kernel(real, fake)
    centre = across.mean()  # drops out of the difference, and so do the digits that sums of all but equal terms lose
    means = [
        jnp.sum(jnp.where(jnp.eye(len(x), dtype=bool), 0, kernel(x, x) - centre)) / (len(x) * (len(x) - 1))
        for x in (real, fake)
    ]
    return sum(means) - 2 * jnp.mean(across - centre)


@partial(jax.jit, static_argnames=("kernel", "subsets", "size"))
def kernel_distance(
    key: Key,
    *,
    real: Real[ArrayLike, "n d"],
    fake: Real[ArrayLike, "m d"],
    kernel: Kernel = cubic,
    subsets: int = 100,
    size: int = 1000,
) -> KernelDistance:
    """Kernel (Inception) distance: the unbiased squared MMD of random subsets, its mean and standard deviation.

    Takes a key and feature vectors (N, d) and (M, d). Draws `size` of both without replacement, `subsets` times, with
    one pair of subsets in memory at a time. The standard deviation (of N, not N - 1) is over subsets, which overlap: it
    is no error of the mean. The authors' code draws 50 subsets by default.

    Raises:
      ValueError: the sets are not vectors of one length, one has fewer than `size`, `size` is below 2, or `subsets` 0.

    Source: Bińkowski et al. (2018), Demystifying MMD GANs.

    >>> real, fake = jnp.zeros((5, 2)), jnp.ones((6, 2))  # cubes of 1, of 2, and of 1 between them
    >>> kernel_distance(jax.random.key(0), real=real, fake=fake, subsets=3, size=4).mean.item()
    7.0
    """
    real, fake = vectors(more_than=size - 1, real=real, fake=fake)
    if subsets < 1:
        raise ValueError(f"need at least 1 subset, got {subsets}")

    def of_subset(key: Key) -> Float[Array, ""]:
        chosen = (
            jax.random.choice(part, points, (size,), replace=False)
            for part, points in zip(jax.random.split(key), (real, fake), strict=True)
        )
        return squared_mmd(**dict(zip(("real", "fake"), chosen, strict=True)), kernel=kernel)

    distances = lax.map(of_subset, jax.random.split(key, subsets))
    return KernelDistance(distances.mean(), distances.std())
