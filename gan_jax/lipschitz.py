"""How fast a critic changes: measured between points, and bounded from its kernels.

A critic D is Lipschitz with constant L where `|D(x) - D(y)| <= L ||x - y||` for all x, y, and Hölder with exponent
alpha where `|D(x) - D(y)| <= C ||x - y||^alpha`. Rounding aside, no `largest_slope` or `largest_gradient_norm` is above
the least L, and no `lipschitz_bound` below it. Norms are Euclidean, over all axes but the first; results are in units
of the score per unit of the data, float32 or wider whatever the critic's precision.

>>> kernel = jnp.array([[3.0], [4.0]])
>>> critic, x = (lambda x: jnp.tanh(x @ kernel)[:, 0]), jax.random.normal(jax.random.key(0), (32, 2))
>>> bool(largest_slope(critic, x, -x) <= largest_gradient_norm(critic, x) <= lipschitz_bound([kernel]))
True
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.numerics import at_least_float32
from gan_jax.penalties import POINTS, gradient_norm
from gan_jax.types import Array, Critic, Float, Key, Samples, Scores

__all__ = [
    "Scalar",
    "conv_norm_bound",
    "gradient_norm_quantiles",
    "holder_fit",
    "largest_gradient_norm",
    "largest_singular_value",
    "largest_slope",
    "lipschitz_bound",
    "spectral_norm",
]

Scalar = Float[Array, ""]


def largest_singular_value(
    function: Callable[[Float[Array, "n z"]], Samples], key: Key, x: Float[Array, "n z"], *, iterations: int = 30
) -> Float[Array, " n"]:
    """How fast a map of vectors changes at each of them: the largest singular value of its derivative, (N,).

    By power iteration on `J^T J`, from below. The function maps each row (N, z) to a sample (N, ...) by itself; the
    largest over many rows is an empirical Lipschitz constant of a generator.

    Source: Golub, Van Loan (2013), Matrix computations, section 7.3.

    >>> stretch = lambda z: z * jnp.array([[3.0, 1.0]])
    >>> [round(float(value), 3) for value in largest_singular_value(stretch, jax.random.key(0), jnp.ones((2, 2)))]
    [3.0, 3.0]
    """

    def unit(rows: Array) -> Array:
        return rows / jnp.maximum(jnp.linalg.norm(rows, axis=1, keepdims=True), 1e-30)

    _, push = jax.linearize(function, x)
    pull = jax.linear_transpose(push, x)

    def body(_: Any, way: Array) -> Array:
        (pulled,) = pull(push(way))
        return unit(pulled)

    way = lax.fori_loop(0, iterations, body, unit(jax.random.normal(key, x.shape, x.dtype)))
    return jnp.linalg.norm(push(way).reshape(len(x), -1), axis=1)


def largest_slope(critic: Critic, x: Samples, y: Float[Array, "m ..."]) -> Scalar:
    """Empirical Lipschitz constant over all pairs of two sets: `max_ij |D(x_i) - D(y_j)| / ||x_i - y_j||`.

    Takes a callable `(N, ...) -> (N,)` and float arrays (N, ...) and (M, ...), which may be the same; holds M
    differences at a time. Pairs that coincide are ignored; 0 if all do. Rounding errors of the scores are divided by
    the distance too, so that very close pairs may have a slope far too large.
    Raises `ValueError` if the two sets' points differ in shape, or the critic's scores are not one per sample.

    Source: Wood, Zhang (1996), Estimation of the Lipschitz constant of a function (who extrapolate from such maxima).

    >>> float(largest_slope(lambda x: jnp.abs(x[:, 0]), jnp.array([[-1.0], [2.0]]), jnp.array([[1.0], [5.0]])))
    1.0
    """
    if jnp.ndim(x) == 0 or jnp.ndim(y) == 0 or jnp.shape(x)[1:] != jnp.shape(y)[1:]:
        raise ValueError(f"x and y must be (N, ...) and (M, ...), got {jnp.shape(x)} and {jnp.shape(y)}")
    rows, scores = _rows(y), _scores(critic, y)

    def from_one(pair: tuple[Array, Array]) -> Scalar:
        point, score = pair
        distance = jnp.linalg.norm(rows - point[None], axis=1)
        return jnp.max(jnp.abs(scores - score) / jnp.where(distance > 0, distance, jnp.inf))

    return jnp.max(lax.map(from_one, (_rows(x), _scores(critic, x))))


def largest_gradient_norm(
    critic: Critic, points: Samples, *, steps: int = 10, step_size: float | Scalar = 0.1
) -> Scalar:
    """Largest gradient norm on an ascent of it from each point: `x <- x + step_size g / ||g||`, `g = d ||dD/dx|| / dx`.

    Takes a callable `(N, ...) -> (N,)`, twice differentiable, points (N, ...), and the length of a step in units of the
    data; never below the largest norm at the points. Where the norm is locally constant, as for a critic of (leaky)
    relus, the step follows dD/dx, towards other linear pieces. Raises `ValueError` if scores are not (N,).

    Source: Virmaux, Scaman (2018), Lipschitz regularity of deep neural networks: analysis and efficient estimation,
    theorem 1; the ascent is our own.

    >>> critic, points = (lambda x: (x**2).sum(axis=1) / 2), jnp.array([[3.0, 4.0], [1.0, 0.0]])
    >>> float(largest_gradient_norm(critic, points, steps=2, step_size=0.5))
    6.0
    """

    def climb(points: Samples, _) -> tuple[Samples, Scores]:
        norms, pullback = jax.vjp(lambda points: gradient_norm(critic, points), points)
        ascent = _rows(*pullback(jnp.ones_like(norms)))
        uphill = _rows(jax.grad(lambda points: critic(points).sum())(points))
        direction = jnp.where(jnp.any(ascent != 0, axis=1, keepdims=True), ascent, uphill)
        length = jnp.linalg.norm(direction, axis=1, keepdims=True)
        step = step_size * direction / jnp.where(length > 0, length, jnp.inf)
        return points + step.reshape(points.shape).astype(points.dtype), norms

    # Each turn returns the norms before its step: one turn more returns those after the last step.
    return jnp.max(lax.scan(climb, points, length=steps + 1)[1])


def holder_fit(critic: Critic, x: Samples, y: Samples, *, bins: int = 16) -> tuple[Scalar, Scalar]:
    """Hölder exponent alpha and constant C of pairs: a line through the maxima of log|D(x)-D(y)| over log||x-y||.

    Takes a callable `(N, ...) -> (N,)` and two float arrays (N, ...) of pairs x_i, y_i. The condition bounds the
    *largest* change at each distance; a line through all pairs would follow the smooth places, where most of them lie.
    So the pairs are sorted by distance into `bins` groups of equal size; alpha is the least-squares slope through the
    largest change of each group, and C the least constant, `max_i |D(x_i) - D(y_i)| / ||x_i - y_i||^alpha`.

    The pairs should be many, with distances even on a log scale, and some of the closest in the roughest places:
    without those alpha is too large (if it is above 1, they are missing).
    If the pairs do not determine alpha (a flat critic, one distance), it is 1; pairs that coincide are ignored. Raises
    `ValueError` if x and y differ in shape, scores are not one per sample, or there are fewer than 2 bins.

    Source: Hölder (1882), Beiträge zur Potentialtheorie (the condition); the fit is our own.

    >>> x = jnp.linspace(0.0, 1.0, 64)[:, None]
    >>> alpha, constant = holder_fit(lambda x: 3 * jnp.sqrt(x[:, 0]), x, jnp.zeros_like(x))
    >>> round(float(alpha), 4), round(float(constant), 4)
    (0.5, 3.0)
    """
    if jnp.ndim(x) == 0 or jnp.shape(x) != jnp.shape(y) or bins < 2:
        raise ValueError(f"x and y must be pairs (N, ...), bins 2 or more; got {jnp.shape(x)}, {jnp.shape(y)}, {bins}")
    fill = (0, -len(x) % bins)  # up to whole groups, with pairs that coincide
    distance = jnp.pad(jnp.linalg.norm(_rows(x) - _rows(y), axis=1), fill)
    change = jnp.pad(jnp.abs(_scores(critic, x) - _scores(critic, y)), fill)
    # Pairs whose logarithms are finite.
    valid = (distance > 0) & (change != 0)  # NaN is no flat place
    log_distance, log_change = jnp.log(jnp.where(valid, distance, 1)), jnp.where(valid, jnp.log(change), -jnp.inf)
    # The other pairs come last, so that they take no place in the groups of the valid ones.
    groups = jnp.argsort(jnp.where(valid, distance, jnp.inf)).reshape(bins, -1)
    top = jnp.take_along_axis(groups, jnp.argmax(log_change[groups], axis=1, keepdims=True), axis=1)[:, 0]
    centered = jnp.where(valid[top], log_distance[top] - jnp.mean(log_distance[top], where=valid[top]), 0)
    # Distances that differ by rounding alone determine no line.
    spread = jnp.maximum(jnp.sum(centered**2), 1e-8)
    alpha = jnp.where(spread > 1e-8, jnp.sum(centered * jnp.where(valid[top], log_change[top], 0)) / spread, 1)
    return alpha, jnp.exp(jnp.max(log_change - alpha * log_distance))


def gradient_norm_quantiles(
    critic: Critic, key: Key, *, real: Samples, fake: Samples, quantiles: Sequence[float] = (0, 0.25, 0.5, 0.75, 1)
) -> dict[str, Float[Array, " q"]]:
    """Quantiles of the critic's gradient norm at each choice of `gan_jax.penalties.POINTS`: real, fake, both, ...

    Takes a callable `(N, ...) -> (N,)`, a key for points that are random, two float arrays of one shape (N, ...), and q
    numbers in [0, 1]; returns an array (q,) for each name. Raises `ValueError` if real and fake differ in shape, scores
    are not (N,), or a quantile is not in [0, 1].

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, which penalizes these norms.

    >>> critic, real, fake = (lambda x: (x**2).sum(axis=1) / 2), jnp.full((4, 1), 3.0), jnp.zeros((4, 1))
    >>> norms = gradient_norm_quantiles(critic, jax.random.key(0), real=real, fake=fake, quantiles=(0.5, 1))
    >>> norms["real"].tolist(), norms["fake"].tolist(), bool((norms["interpolated"] < 3).all())
    ([3.0, 3.0], [0.0, 0.0], True)
    """
    if not all(0 <= quantile <= 1 for quantile in quantiles):
        raise ValueError(f"quantiles must lie in [0, 1], got {tuple(quantiles)}")
    norms = {name: gradient_norm(critic, points(key, real=real, fake=fake)) for name, points in POINTS.items()}
    return {name: jnp.quantile(norm, jnp.asarray(quantiles, norm.dtype)) for name, norm in norms.items()}


def spectral_norm(kernel: Float[Array, "i o"]) -> Scalar:
    """Largest singular value of a dense kernel (in, out), by SVD: exactly the Lipschitz constant of `x @ kernel`.

    Raises `ValueError` if the kernel is not a matrix.

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks.

    >>> round(float(spectral_norm(jnp.array([[3.0], [4.0]]))), 5)
    5.0
    """
    if jnp.ndim(kernel) != 2:
        raise ValueError(f"a dense kernel is (in, out), got {jnp.shape(kernel)}")
    return jnp.linalg.norm(at_least_float32(kernel), ord=2)


@partial(jax.jit, static_argnames="stride")
def conv_norm_bound(kernel: Float[Array, "kh kw c d"], *, stride: int = 1) -> Scalar:
    """Upper bound of the spectral norm of a strided convolution, for images of every size and every zero padding.

    Takes a kernel (kh, kw, C, D) and the stride of both axes. A padded convolution is a block of the one on the
    unbounded lattice, whose norm is the largest, over frequencies w, of that of the (stride^2 C, D) matrix of rows
    (r, c), `sum_q kernel[stride q + r, c] e^(i w q)`. With Q taps q on an axis, the largest of 8 (Q - 1) even
    frequencies is at least cos(pi / 16) of that (Riesz). Divided by it, the bound is at most 4 % above the norm on
    large images.
    A transposed convolution has the norm of `kernel.swapaxes(2, 3)`. Raises `ValueError` for other shapes.

    Source: Araujo et al. (2021), On Lipschitz regularization of convolutional layers using Toeplitz matrix theory;
    M. Riesz (1914), Eine trigonometrische Interpolationsformel und einige Ungleichungen für Polynome.

    >>> round(float(conv_norm_bound(jnp.full((2, 2, 1, 1), 0.25), stride=2)), 5)
    0.5
    """
    if jnp.ndim(kernel) != 4 or stride < 1:
        raise ValueError(f"a kernel is (kh, kw, C, D), its stride positive; got {jnp.shape(kernel)} and {stride}")
    kh, kw, c, d = kernel.shape
    h, w = -(-kh // stride), -(-kw // stride)
    kernel = jnp.pad(at_least_float32(kernel), ((0, h * stride - kh), (0, w * stride - kw), (0, 0), (0, 0)))
    taps = kernel.reshape(h, stride, w, stride, c, d).transpose(0, 2, 1, 3, 4, 5).reshape(h, w, -1, d)
    left, right = (jnp.fft.fft(jnp.eye(q, dtype=taps.dtype), max(1, 8 * (q - 1))) for q in (h, w))
    # The default precision of accelerators keeps three digits, and would let the bound fall below the norm.
    einsum = partial(jnp.einsum, precision="highest")
    gram = "kai,kaj->kij" if d <= stride**2 * c else "kia,kja->kij"  # the smaller: faster than singular values

    def along_row(waves: Array) -> Scalar:
        symbol = einsum("h,wk,hwad->kad", waves, right, taps.astype(waves.dtype))
        return jnp.sqrt(jnp.max(jnp.linalg.eigvalsh(einsum(gram, symbol.conj(), symbol))))

    # A real kernel has one norm at w and -w, so that half the rows suffice; one at a time keeps memory small.
    norms = lax.map(along_row, left.T[: left.shape[1] // 2 + 1])
    return jnp.max(norms) / math.cos(math.pi / 16) ** ((h > 1) + (w > 1))


def lipschitz_bound(kernels: Sequence[Array], *, strides: int | Sequence[int] = 1) -> Scalar:
    """Upper bound of the Lipschitz constant of a chain of layers: the product of their norms.

    Takes kernels, dense (in, out) or zero-padded convolutions (kh, kw, C, D), and the convolutions' strides: one for
    all, or one per kernel (ignored for a dense one). Stride 1 bounds every stride. Biases, reshapes and 1-Lipschitz
    functions (relu, leaky_relu, tanh) may stand between layers. Exact for one dense layer; often far above for many.
    Raises `ValueError` if there is no kernel, one has another rank, or strides and kernels differ in number.

    Source: Szegedy et al. (2014), Intriguing properties of neural networks, section 4.3.

    >>> round(float(lipschitz_bound([jnp.array([[3.0], [4.0]]), jnp.array([[-2.0]])])), 4)
    10.0
    """
    shapes, strides = [*map(jnp.shape, kernels)], [strides] * len(kernels) if isinstance(strides, int) else strides
    if not shapes or len(strides) != len(shapes) or any(len(shape) not in (2, 4) for shape in shapes):
        raise ValueError(f"needs dense or convolution kernels, a stride for each, got {shapes} and {strides}")
    pairs = zip(kernels, strides, strict=True)
    norms = [spectral_norm(k) if k.ndim == 2 else conv_norm_bound(k, stride=stride) for k, stride in pairs]
    return math.prod(norms, start=jnp.ones((), norms[0].dtype))


def _scores(critic: Critic, points: Samples) -> Scores:
    scores = critic(points)
    if scores.shape != (len(points),):
        raise ValueError(f"a critic must give one score per sample, ({len(points)},), got {scores.shape}")
    return at_least_float32(scores)


def _rows(points: Samples) -> Float[Array, "n d"]:
    return at_least_float32(points).reshape(len(points), -1)
