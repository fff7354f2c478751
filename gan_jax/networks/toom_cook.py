"""Convolution as matrix products only, so that derivatives of every order are matrix products too.

Along one axis a convolution is the bilinear map `y[o] = sum_k w[k] x[i]` where `i * dilation = o * stride + k - low`.
Toom-Cook (Winograd) interpolation writes it as three constant matrices, `y = R @ ((Q @ w) * (P @ x))`, built here in
numpy from the shapes alone, with padding, cropping, stride and dilation folded in. In two dimensions the elementwise
product becomes one batched matrix product over channels. Activations lie as (H, W, B, C): the constants act on the
leading axes, the channels stay last, and XLA turns the transpositions from and to NHWC into bitcasts.

Source: Winograd (1980), Arithmetic complexity of computations; Lavin, Gray (2016), Fast algorithms for convolutional
neural networks.
"""

import math
from functools import lru_cache

import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array

__all__ = ["FEW_CHANNELS", "MAX_KERNEL", "SMALL_IMAGE", "Matrices", "Pads", "axes_of", "conv_hwbc"]

Pads = tuple[tuple[int, int], tuple[int, int]]
Matrices = tuple[np.ndarray, ...]

# Per axis. Each further point costs up to half a digit of float32.
_MAX_POINTS = 9
MAX_KERNEL = 8
# With no more channels than this, interpolation does not pay: gather or scatter the taps instead.
FEW_CHANNELS = 4
# Up to this many pixels, one Kronecker product beats one matrix per axis.
SMALL_IMAGE = 64

# With the point at infinity, these amplify rounding the least: at 8 points, with 3x3 kernels, 21 times, and at 9 points
# 47 times, where 0, 1, -1, 2, -2, 1/2, -1/2, 4 would do so 201 times.
_FINITE_POINTS = [0, 1, -1, 2, -2, 0.5, -0.5]
_EIGHT_FINITE_POINTS = [sign * point for point in (0.232, 0.676, 1.126, 2.179) for sign in (1, -1)]


@lru_cache(None)
def _toom(m: int, r: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, B, C such that `C @ ((A @ x) * (B @ w)) == np.convolve(x, w)`, x of length m and w of length r."""
    n = m + r - 1
    if n == 1:
        one = np.ones((1, 1))
        return one, one, one
    points = _FINITE_POINTS[: n - 1] if n < _MAX_POINTS else _EIGHT_FINITE_POINTS

    def evaluate(terms: int) -> np.ndarray:
        """Values of a polynomial at the points and, as the last row, at infinity."""
        return np.vstack([np.vander(points, terms, increasing=True), np.eye(terms)[-1]])

    A, B, C = evaluate(m), evaluate(r), np.linalg.inv(evaluate(n))
    # Give each product's three factors the same norm: the float32 error is smallest then.
    norms = np.array([np.linalg.norm(A, axis=1), np.linalg.norm(B, axis=1), np.linalg.norm(C, axis=0)])
    a, b, c = norms.prod(0) ** (1 / 3) / norms
    return A * a[:, None], B * b[:, None], C * c


def _stride_one(n_in: int, n_out: int, r: int, low: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P (t, tiles, n_in), Q (t, r), R (n_out, t, tiles) of `y[o] = sum_k x[o + k - low] w[k]` with the fewest products.

    Either the input is cut in tiles of m, each convolved to m + r - 1 outputs, or the output is, by the transposed map.
    """

    def cheapest(n: int) -> tuple[int, int]:
        costs = [(-(-n // m) * (m + r - 1), m) for m in range(1, _MAX_POINTS - r + 2)]
        # Fewer points are more accurate: worth 7 % an axis.
        return next((cost, m) for cost, m in costs if cost <= 1.07 * min(costs)[0])

    cut_output = cheapest(n_out) <= cheapest(n_in)
    n, other, shift = (n_out, n_in, -low) if cut_output else (n_in, n_out, low - r + 1)
    m = cheapest(n)[1]
    A, B, C = _toom(m, r)
    tiles = -(-n // m)
    short, long = np.zeros((len(A), tiles, n)), np.zeros((len(A), tiles, other))
    for tile in range(tiles):
        for j in range(m):
            if tile * m + j < n:
                short[:, tile, tile * m + j] = A[:, j]
        for j in range(m + r - 1):
            if 0 <= tile * m + j + shift < other:
                long[:, tile, tile * m + j + shift] = C[j]
    if cut_output:
        return long, B, short.transpose(2, 0, 1)
    return short, B[:, ::-1], long.transpose(2, 0, 1)


@lru_cache(None)
def _interpolation(
    n_in: int, n_out: int, r: int, stride: int, dilation: int, low: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_stride_one`, on inputs split in `stride` phases or outputs in `dilation` phases; Q is (t, phases, r)."""
    phases, sign = (dilation, 1) if dilation > 1 else (stride, -1)
    taps = [
        (p, k, (k - low + sign * p) // phases)
        for p in range(phases)
        for k in range(r)
        if (k - low + sign * p) % phases == 0
    ]
    first, last = min(a for *_, a in taps), max(a for *_, a in taps)
    P, Q, R = _stride_one(-(-n_in // stride), -(-n_out // dilation), last - first + 1, -first)
    select = np.zeros((last - first + 1, phases, r))
    for p, k, a in taps:
        select[a - first, p, k] = 1
    return P, np.einsum("ta,apk->tpk", Q, select), R


@lru_cache(None)
def _incidence(n_in: int, n_out: int, r: int, stride: int, dilation: int, low: int) -> np.ndarray:
    """K[o, k, i] = 1 where y[o] takes w[k] x[i]."""
    o, k, i = np.ogrid[:n_out, :r, :n_in]
    return (o * stride + k - low == i * dilation).astype(np.float64)


def _on_first(matrix: np.ndarray, x: Array) -> Array:
    """The constant matrix applied to the leading axis."""
    return jnp.dot(matrix.astype(x.dtype), x.reshape(x.shape[0], -1)).reshape(matrix.shape[:1] + x.shape[1:])


def _on_two(first: np.ndarray, second: np.ndarray, x: Array) -> Array:
    """A constant matrix applied to each of the two leading axes."""
    x = _on_first(first, x)
    copies = jnp.broadcast_to(second.astype(x.dtype), x.shape[:1] + second.shape)
    return jnp.matmul(copies, x.reshape((*x.shape[:2], -1))).reshape(copies.shape[:2] + x.shape[2:])


def _together(P: Matrices, u: Array, R: Matrices, x: Array) -> Array:
    """The convolution of a small image, (H, W, B, C) to (H', W', B, D): both axes in one constant matrix."""
    (h, w), (h2, w2), (batch, c) = (m.shape[2] for m in P), (len(m) for m in R), x.shape[2:]
    analyse = np.einsum("tah,ubw->tuabhw", *P).reshape(-1, h * w)
    synthesise = np.einsum("hta,wub->hwtuab", *R).reshape(h2 * w2, -1)
    y = _on_first(analyse, x.reshape(h * w, batch, c))
    y = jnp.matmul(y.reshape(len(u), -1, c), u)
    return _on_first(synthesise, y.reshape(-1, batch, u.shape[2])).reshape(h2, w2, batch, -1)


def _apart(P: Matrices, u: Array, R: Matrices, x: Array) -> Array:
    """The convolution of a large image, as `_together`: one constant matrix per axis."""
    (t, a, h), (s, b, w), (batch, c) = P[0].shape, P[1].shape, x.shape[2:]
    y = _on_two(P[0].reshape(-1, h), P[1].reshape(-1, w), x)
    # Every tile of the first axis takes a kernel of its own: copies of these are small, the activations, which would
    # otherwise have to be transposed before and after the product, are not.
    u = jnp.broadcast_to(u.reshape(t, 1, s, c, -1), (t, a, s, c, u.shape[2]))
    y = jnp.matmul(y.reshape(t, a, s, b * batch, c), u)
    return _on_two(R[0].reshape(len(R[0]), -1), R[1].reshape(len(R[1]), -1), y.reshape(t * a, s * b, batch, -1))


def _split(x: Array, s: int) -> Array:
    """(H, W, B, C) to (H / s, W / s, B, s * s * C)."""
    if s == 1:
        return x
    x = jnp.pad(x, [(0, -n % s) for n in x.shape[:2]] + [(0, 0)] * 2)
    h, w, b, c = x.shape
    return x.reshape(h // s, s, w // s, s, b, c).transpose(0, 2, 4, 1, 3, 5).reshape(h // s, w // s, b, -1)


def _merge(y: Array, s: int, size: list[int]) -> Array:
    """(H / s, W / s, B, s * s * C) to (H, W, B, C), cropped to the size."""
    if s == 1:
        return y
    h, w, b, c = y.shape
    y = y.reshape(h, w, b, s, s, c // s**2).transpose(0, 3, 1, 4, 2, 5).reshape(h * s, w * s, b, -1)
    return y[: size[0], : size[1]]


def axes_of(x: Array, kernel: Array, stride: int, padding: Pads, dilation: int) -> list[tuple[int, ...]]:
    """What happens along each of the two axes: (inputs, outputs, taps, stride, dilation, low padding)."""
    return [
        (n, ((n - 1) * dilation + 1 + low + high - k) // stride + 1, k, stride, dilation, low)
        for n, k, (low, high) in zip(x.shape[:2], kernel.shape[:2], padding, strict=True)
    ]


def conv_hwbc(x: Array, kernel: Array, stride: int, padding: Pads, dilation: int) -> Array:
    """Convolve activations (H, W, B, C) with a kernel (kh, kw, C, D), giving (H', W', B, D).

    As `lax.conv_general_dilated` with `window_strides` = stride or `lhs_dilation` = dilation on both axes; one of the
    two must be 1. Float32 or wider.

    >>> x, kernel = jnp.arange(4.0).reshape(4, 1, 1, 1), jnp.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    >>> conv_hwbc(x, kernel, stride=1, padding=((0, 0), (0, 0)), dilation=1).ravel().tolist()
    [10.0, 21.0, 32.0]
    """
    kh, kw, c, d = kernel.shape
    axes = axes_of(x, kernel, stride, padding, dilation)
    size = [out for _, out, *_ in axes]
    if c <= FEW_CHANNELS:  # gather each output's inputs, then one product
        K = [_incidence(*axis) for axis in axes]
        rows, columns = (k.reshape(-1, k.shape[2]) for k in K)
        y = _on_two(rows, columns, x).reshape(size[0], kh, size[1], kw, -1, c)
        return jnp.einsum("hkwlbc,klcd->hwbd", y, kernel)
    if d <= FEW_CHANNELS:  # one product, then add up each output's terms
        K = [_incidence(*axis).swapaxes(1, 2) for axis in axes]
        y = jnp.einsum("hwbc,klcd->hkwlbd", x, kernel).reshape(x.shape[0] * kh, x.shape[1] * kw, -1, d)
        rows, columns = (k.reshape(len(k), -1) for k in K)
        return _on_two(rows, columns, y)
    P, Q, R = zip(*(_interpolation(*axis) for axis in axes), strict=True)
    q = np.einsum("tpk,uql->tupqkl", *Q).reshape(-1, kh * kw)
    u = _on_first(q, kernel.reshape(kh * kw, c, d)).reshape(-1, stride**2, dilation**2, c, d)
    u = u.swapaxes(2, 3).reshape(-1, stride**2 * c, dilation**2 * d)
    x = _split(x, stride)
    small = max(math.prod(x.shape[:2]), math.prod(len(r) for r in R)) <= SMALL_IMAGE
    return _merge((_together if small else _apart)(P, u, R, x), dilation, size)
