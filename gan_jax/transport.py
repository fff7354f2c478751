"""Maps between distributions on the line, by CDF and inverse CDF, and the exact distance that they attain.

A density is given by its values at the points of a grid and taken to be linear between them, which is what the
trapezoid rule integrates exactly; it need not be normalized. Every function takes a density `pdf` and an increasing
`grid`, both (K,), K at least 2, in units of x, uneven spacing allowed; results are float32 or wider. Values are not
checked, since they may be traced: a density that is negative somewhere has no meaning, one of no mass gives NaN.

Everything jits, vmaps and differentiates, by the points and by the density. Points above the median are placed by the
mass above them, so that both tails are as exact as float32 is near 0, not as coarse as it is near 1.

>>> grid = jnp.linspace(0.0, 1.0, 101)
>>> to_triangle = transport_map(jnp.ones(101), 2 * grid, grid)
>>> jnp.round(to_triangle(jnp.array([0.0, 0.25, 1.0])), 4).tolist()
[0.0, 0.5, 1.0]
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, ArrayLike, Float, Real

__all__ = [
    "TINY",
    "Points",
    "PointsLike",
    "Vector",
    "VectorLike",
    "cdf",
    "inverse_cdf",
    "to_normal",
    "transport_map",
    "wasserstein_1d",
]

Vector = Float[Array, " k"]
VectorLike = Real[ArrayLike, " k"]
Points = Float[Array, "*shape"]
PointsLike = Real[ArrayLike, "*shape"]

TINY = float(jnp.finfo(jnp.float32).tiny)


def cdf(pdf: VectorLike, grid: VectorLike) -> Vector:
    """Cumulative distribution by the trapezoid rule: `F(x_i) = integral of f up to x_i / integral of f`.

    Takes the density and the grid, (K,) each; returns (K,): the first value 0, the last 1, none below the one before.
    On a grid of spacing h it is within about `h^2 max|f'| / 12` of the truth, for a density of mass 1.

    Raises:
      ValueError: the density and the grid are not two vectors of one length K >= 2.

    Source: Davis, Rabinowitz (1984), Methods of numerical integration.

    >>> cdf(jnp.array([1.0, 1.0, 0.0]), jnp.array([0.0, 1.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    pdf, grid = _checked(pdf, grid)
    total = jnp.cumsum(jnp.diff(grid) * (pdf[1:] + pdf[:-1]) / 2)
    share = total / total[-1]
    # A sum in parallel may fall by a rounding error, and x / x, compiled as x * (1 / x), miss 1: the values are mended.
    mended = jax.lax.cummax(jnp.where(total < total[-1], jnp.minimum(share, 1), 1))
    return jnp.pad(share + jax.lax.stop_gradient(mended - share), (1, 0))


def inverse_cdf(probability: PointsLike, pdf: VectorLike, grid: VectorLike) -> Points:
    """Quantile function, the generalised inverse of the CDF: `F^-1(p) = inf {x : F(x) >= p}`.

    Takes probabilities of any shape, and the density and the grid, (K,) each; returns points of the probabilities'
    shape, in units of the grid. Where the density has a gap, and F is flat at p, that is the gap's left end. At 0 and
    below, and at 1 and above, it is the end of the support (not of the grid). Derivatives by p are finite there too.

    Raises:
      ValueError: the density and the grid are not two vectors of one length K >= 2.

    Source: Devroye (1986), Non-uniform random variate generation, chapter 2.

    >>> inverse_cdf(jnp.array([0.25, 0.5, 1.0]), jnp.array([0.0, 1.0, 1.0, 0.0, 0.0]), jnp.arange(5.0)).tolist()
    [1.0, 1.5, 3.0]
    """
    pdf, grid = _checked(pdf, grid)
    probability = at_least_float32(probability)
    is_lower = probability < 0.5
    return _from_tail(jnp.where(is_lower, probability, 1 - probability), is_lower, pdf, grid)


def to_normal(x: PointsLike, pdf: VectorLike, grid: VectorLike) -> Points:
    """Standard normal value of the same rank: `Phi^-1(F(x))`, N(0, 1) where x follows the density.

    Takes points of any shape, and the density and the grid, (K,) each; returns the points' shape. The mass on either
    side of x is clipped below at the smallest normal float32, 1.2e-38: a point outside the grid or the support, or at
    its end, gives -12.95 or 12.95, not an infinity, and has derivative zero.

    Raises:
      ValueError: the density and the grid are not two vectors of one length K >= 2.

    Source: Rosenblatt (1952), Remarks on a multivariate transformation.

    >>> [round(float(to_normal(x, jnp.ones(11), jnp.linspace(0.0, 1.0, 11))), 3) for x in (-1.0, 0.025, 0.5)]
    [-12.95, -1.96, 0.0]
    """
    mass, is_lower = _tail(at_least_float32(x), *_checked(pdf, grid))
    return jnp.where(is_lower, 1, -1) * ndtri(jnp.maximum(mass, TINY))


def transport_map(source_pdf: VectorLike, target_pdf: VectorLike, grid: VectorLike) -> Callable[[PointsLike], Points]:
    """The increasing map of one distribution to another: `T = F_target^-1 o F_source`.

    Takes two densities on one grid, (K,) each; returns a function of points of any shape to points of that shape. It
    is the optimal transport for every cost convex in the distance. Points outside the grid, or the source's support, go
    to the ends of the target's support; one in a gap goes where the gap's ends go. The map jumps across a target's gap.

    Raises:
      ValueError: the densities and the grid are not vectors of one length K >= 2.

    Source: Santambrogio (2015), Optimal transport for applied mathematicians, chapter 2.

    >>> to_right = transport_map(jnp.array([1.0, 1.0, 0.0, 0.0]), jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.arange(4.0))
    >>> to_right(jnp.array([-9.0, 9.0])).tolist()
    [1.0, 3.0]
    """
    source, target = _checked(source_pdf, grid), _checked(target_pdf, grid)
    return lambda x: _from_tail(*_tail(at_least_float32(x), *source), *target)


def wasserstein_1d(x: Real[ArrayLike, " n"], y: Real[ArrayLike, " m"], p: float = 1) -> Float[Array, ""]:
    """Wasserstein-p distance of two samples: `(integral over (0, 1) of |F_x^-1(u) - F_y^-1(u)|^p du)^(1/p)`.

    Takes samples (N,) and (M,) in any order and a number p >= 1, fixed when traced; returns a scalar in units of the
    samples. Exact: the quantile functions are steps, and the integral is a sum over the merged steps. Differentiable by
    both samples; where the distance is zero the derivative is zero, not NaN.

    Raises:
      ValueError: a sample is not a vector of at least one value, or p is below 1.

    Source: Vallender (1974), Calculation of the Wasserstein distance between probability distributions on the line.

    >>> float(wasserstein_1d(jnp.array([1.0, 0.0]), jnp.array([2.0, 2.0, 0.0, 0.0])))
    0.5
    """
    if jnp.ndim(x) != 1 or jnp.ndim(y) != 1 or 0 in (jnp.size(x), jnp.size(y)):
        raise ValueError(f"samples must be two vectors (N,) and (M,), not empty, got {jnp.shape(x)} and {jnp.shape(y)}")
    if p < 1:
        raise ValueError(f"p must be at least 1, got {p}: below, the root is no distance")
    x, y = jnp.sort(at_least_float32(x)), jnp.sort(at_least_float32(y))
    width: Array | float = 1 / len(x)
    if len(x) != len(y):
        steps_x, steps_y = (jnp.arange(1, len(z) + 1, dtype=z.dtype) / len(z) for z in (x, y))
        level = jnp.sort(jnp.concatenate([steps_x, steps_y]))
        width = jnp.diff(level, prepend=0)
        x, y = x[jnp.searchsorted(steps_x, level)], y[jnp.searchsorted(steps_y, level)]
    distance = jnp.abs(x - y)
    # Powers of distances far from 1 leave float32; relative to the largest they do not. The scale drops out again, so
    # it needs no derivative.
    scale = jax.lax.stop_gradient(distance.max())
    scale = jnp.where(scale > 0, scale, 1)
    total = jnp.sum(width * (distance / scale) ** p)
    # A root has no derivative at zero: give it a one there, and take the zero from the outer branch.
    is_zero = total == 0  # false of NaN
    return scale * jnp.where(is_zero, 0, jnp.where(is_zero, 1, total) ** (1 / p))


def _checked(pdf: VectorLike, grid: VectorLike) -> tuple[Vector, Vector]:
    """Both in float32 or wider, refused unless they are two vectors of one length, two at least."""
    if jnp.ndim(pdf) != 1 or jnp.shape(pdf) != jnp.shape(grid) or jnp.size(grid) < 2:
        raise ValueError(f"pdf and grid must be two vectors (K,), K >= 2, got {jnp.shape(pdf)} and {jnp.shape(grid)}")
    return at_least_float32(pdf), at_least_float32(grid)


def _tail(x: Points, pdf: Vector, grid: Vector) -> tuple[Points, Array]:
    """The smaller of the masses below and above each point, and whether that is the one below."""
    below, above = cdf(pdf, grid), cdf(pdf[::-1], -grid[::-1])[::-1]
    x = jnp.clip(x, grid[0], grid[-1])
    i = jnp.clip(jnp.searchsorted(grid, x, side="right") - 1, 0, len(grid) - 2)
    start, step = _relative_height(pdf, i), (x - grid[i]) / (grid[i + 1] - grid[i])
    lower = below[i] + (below[i + 1] - below[i]) * step * (start + (1 - start) * step)
    upper = above[i + 1] + (above[i] - above[i + 1]) * (1 - step) * (1 + (1 - start) * step)
    return jnp.where(lower < upper, lower, upper), lower < upper


def _from_tail(mass: Points, is_lower: Array, pdf: Vector, grid: Vector) -> Points:
    """The point with that mass below it, or above it; opposite ends of a gap, seen from opposite sides, are one."""
    lower, upper = _quantile(mass, pdf, grid, "left"), -_quantile(mass, pdf[::-1], -grid[::-1], "right")
    return jnp.where(is_lower, lower, upper)


def _quantile(mass: Points, pdf: Vector, grid: Vector, side: str) -> Points:
    total, mass = cdf(pdf, grid), jnp.clip(mass, 0, 1)
    # A mass of zero is looked up as the least above it, which lies at the end of the support, not of the grid.
    i = jnp.clip(jnp.searchsorted(total, jnp.maximum(mass, TINY), side=side) - 1, 0, len(grid) - 2)
    share = (mass - total[i]) / _or_one(total[i + 1] - total[i])
    start = _relative_height(pdf, i)
    # The form of the root that does not cancel; where the density starts from zero, neither 0/0 nor an infinite slope.
    square = start**2 * (1 - share) + (2 - start) ** 2 * share
    root = jnp.where(square > 0, jnp.sqrt(_or_one(square)), 0)
    step = 2 * share / _or_one(start + root)
    return grid[i] + (grid[i + 1] - grid[i]) * jnp.clip(step, 0, 1)


def _relative_height(pdf: Vector, i: Array) -> Points:
    """The density at the start of cell i, in units of its mean over the cell: 0 to 2, and 1 in an empty cell."""
    both = pdf[i] + pdf[i + 1]
    return jnp.where(both > 0, 2 * pdf[i] / _or_one(both), 1)


def _or_one(x: Array) -> Array:
    return jnp.where(x > 0, x, 1)
