"""How far two distributions are apart, cell by cell: divergences, and the histograms to take them of.

Divergences take probabilities over the last axis; histograms turn a sample into them. Everything jits, vmaps, and
returns float32 or wider. Values are not checked, since they may be traced: probabilities should be non-negative and
sum to 1, edges increase.

>>> edges = jnp.linspace(0.0, 1.0, 3)
>>> p, q = histogram(jnp.array([0.1, 0.2, 0.3, 0.9]), edges), histogram(jnp.array([0.4, 0.6]), edges)
>>> p.tolist(), q.tolist(), round(float(js(p, q)), 4)
([0.75, 0.25], [0.5, 0.5], 0.0338)
"""

import math

import jax.numpy as jnp
from jax.scipy.special import ndtr

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, ArrayLike, Float, Real

__all__ = [
    "Edges",
    "Probabilities",
    "ProbabilitiesLike",
    "Sample",
    "Shares",
    "histogram",
    "js",
    "kl",
    "log10_cells",
    "soft_histogram",
]

Probabilities = Float[Array, "*batch k"]
ProbabilitiesLike = Real[ArrayLike, "*batch k"]
Sample = Real[ArrayLike, " n"]
Edges = Real[ArrayLike, " edges"]
Shares = Float[Array, " edges-1"]


def kl(p: ProbabilitiesLike, q: ProbabilitiesLike) -> Float[Array, "*batch"]:
    """Kullback-Leibler divergence: `sum_i p_i log(p_i / q_i)`, in nats, not symmetric.

    Takes two arrays of one shape (..., K); returns (...). A cell with p = 0 adds nothing, and neither its value nor its
    derivative is NaN (the derivative by p, which is -inf, is left out); one with q = 0 and p > 0 makes the value inf.

    Raises:
      ValueError: the shapes differ, or there is no axis.

    Source: Kullback, Leibler (1951), On information and sufficiency.

    >>> kl(jnp.array([[1.0, 0.0], [0.5, 0.5]]), jnp.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [0.6931471824645996, inf]
    """
    p, q = _checked(p, q)
    return jnp.where(jnp.any((p > 0) & (q <= 0), axis=-1), jnp.inf, jnp.sum(_information(p, q), axis=-1))


def js(p: ProbabilitiesLike, q: ProbabilitiesLike) -> Float[Array, "*batch"]:
    """Jensen-Shannon divergence: `KL(p || m) / 2 + KL(q || m) / 2` with `m = (p + q) / 2`, in nats, symmetric.

    Takes two arrays of one shape (..., K); returns (...), between 0 (p = q) and log 2 (no cell in common), never inf.
    It is the square of the Jensen-Shannon *distance*. Derivatives are finite where a cell is empty.

    Raises:
      ValueError: the shapes differ, or there is no axis.

    Source: Lin (1991), Divergence measures based on the Shannon entropy.

    >>> js(jnp.array([[1.0, 0.0], [0.5, 0.5]]), jnp.array([[0.0, 1.0], [0.5, 0.5]])).tolist()
    [0.6931471824645996, 0.0]
    """
    p, q = _checked(p, q)
    mean = (p + q) / 2
    return jnp.sum(_information(p, mean) + _information(q, mean), axis=-1) / 2


def histogram(x: Sample, edges: Edges) -> Shares:
    """Share of the samples in each of K disjoint cells: `p(I_i) = 1/N sum_j 1(x_j in I_i)`.

    Takes samples (N,) and increasing edges (K + 1,), in one unit; returns (K,). A cell holds its left edge and not its
    right one; the last cell holds both. A sample outside the edges, or NaN, is in no cell but counts in N: the shares
    then sum to less than 1, and infinite outer edges make cells that cover the line. The order of the samples is lost.

    The indicator is flat: the gradient by x is zero almost everywhere, and undefined where a sample sits on an edge
    (zero is returned). To train on a histogram, use `soft_histogram`.

    Raises:
      ValueError: the samples are not a vector of at least one, or the edges not a vector of at least two.

    Source: Scott (1979), On optimal and data-based histograms.

    >>> histogram(jnp.array([0.0, 1.0, 2.0, 3.0]), jnp.array([0.0, 1.0, 2.0])).tolist()
    [0.25, 0.5]
    """
    x, edges = _checked_sample(x, edges)
    cell = jnp.where(x == edges[-1], len(edges) - 1, jnp.searchsorted(edges, x, side="right"))
    return jnp.bincount(cell, length=len(edges) + 1)[1:-1].astype(x.dtype) / len(x)


def soft_histogram(x: Sample, edges: Edges, bandwidth: Real[ArrayLike, ""]) -> Shares:
    """Histogram of the samples smeared by Gaussian noise: `p(I_i) = 1/N sum_j Phi((b_i - x_j)/h) - Phi((a_i - x_j)/h)`.

    Takes samples (N,), increasing edges (K + 1,), a_i and b_i those of cell i, and the bandwidth h > 0, the standard
    deviation of the noise, all in one unit; returns (K,). This is `histogram` with its indicator exactly convolved with
    the normal density, and the expected value of `histogram(x + h * noise)`. As h goes to 0 it tends to `histogram`,
    whose gradient is zero almost everywhere; here the gradient by x exists, and is largest for samples within a few h
    of an edge. Mass smeared beyond the edges is lost, unless the outer edges are infinite.

    Work and memory grow as N x K.

    Raises:
      ValueError: the samples are not a vector of at least one, the edges not a vector of at least two, or the bandwidth
        is a number that is not positive.

    Source: Parzen (1962), On estimation of a probability density function and mode; Avi-Aharon, Arbelle, Riklin Raviv
    (2020), DeepHist: differentiable joint and color image histogram layers (with the logistic for the normal).

    >>> soft_histogram(jnp.array([0.0, 1.0]), jnp.array([-jnp.inf, 0.0, 1.0, jnp.inf]), 1e-3).tolist()
    [0.25, 0.5, 0.25]
    """
    x, edges = _checked_sample(x, edges)
    if isinstance(bandwidth, int | float) and bandwidth <= 0:
        raise ValueError(f"bandwidth must be positive, got {bandwidth}")
    # 40 bandwidths away the normal CDF is 0 or 1 in any precision; finite arguments keep infinite edges out of the
    # derivatives.
    offset = jnp.clip((edges[None, :] - x[:, None]) / bandwidth, -40, 40)
    # Near 1 the CDF is coarse and differences cancel, so a cell above its sample is measured from the other tail.
    side = jnp.where(offset[:, :-1] > 0, -1, 1)
    return jnp.mean(side * (ndtr(side * offset[:, 1:]) - ndtr(side * offset[:, :-1])), axis=0)


def log10_cells(cells: int, dimensions: int) -> float:
    """Decimal logarithm of the number of cells when each of d axes is cut into K: `d log10 K`, as K^d is too large.

    Raises:
      ValueError: there are no cells on an axis, or no axes.

    Source: Bellman (1961), Adaptive control processes, who calls it the curse of dimensionality.

    >>> round(log10_cells(2, 28 * 28))
    236
    """
    if cells < 1 or dimensions < 1:
        raise ValueError(f"cells and dimensions must be at least 1, got {cells} and {dimensions}")
    return dimensions * math.log10(cells)


def _information(p: Probabilities, q: Probabilities) -> Probabilities:
    """`p log(p / q)` in each cell, and zero where either is zero: a difference of logs, as 1/q^2 leaves float32."""
    both = ~((p <= 0) | (q <= 0))  # true of NaN, which stays
    return jnp.where(both, p * (jnp.log(jnp.where(both, p, 1)) - jnp.log(jnp.where(both, q, 1))), 0)


def _checked(p: ProbabilitiesLike, q: ProbabilitiesLike) -> tuple[Probabilities, Probabilities]:
    """Both in float32 or wider, refused unless they have one shape (..., K)."""
    if jnp.ndim(p) == 0 or jnp.shape(p) != jnp.shape(q):
        raise ValueError(f"p and q must have one shape (..., K), got {jnp.shape(p)} and {jnp.shape(q)}")
    return at_least_float32(p), at_least_float32(q)


def _checked_sample(x: Sample, edges: Edges) -> tuple[Float[Array, " n"], Float[Array, " edges"]]:
    """Both in float32 or wider, refused unless they are a sample (N,) and edges (K + 1,)."""
    if jnp.ndim(x) != 1 or jnp.size(x) == 0 or jnp.ndim(edges) != 1 or jnp.size(edges) < 2:
        raise ValueError(
            "samples must be a vector (N,), not empty, and edges a vector (K + 1,), K at least 1, got "
            f"{jnp.shape(x)} and {jnp.shape(edges)}"
        )
    return at_least_float32(x), at_least_float32(edges)
