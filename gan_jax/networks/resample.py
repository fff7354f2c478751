"""Images of twice or half the size, plainly or by a binomial filter: shifts and sums, all derivatives as cheap."""

from collections.abc import Iterable, Sequence
from functools import reduce

import jax.numpy as jnp

from gan_jax.types import Array, Float

__all__ = ["TAPS", "blur", "double", "downsample", "halve", "upsample"]

TAPS = (1, 3, 3, 1)


def double(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    """Repeat each pixel twice along both sides.

    >>> double(jnp.array([1.0, 2.0]).reshape(1, 1, 2, 1))[0, 1, :, 0].tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    return x.repeat(2, axis=1).repeat(2, axis=2)


def halve(x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
    """Average 2x2 pixels: as (H, W, B, C), in which order small images are convolved on a CPU.

    >>> halve(jnp.arange(4.0).reshape(1, 2, 2, 1)).ravel().tolist()
    [1.5]
    """
    n, h, w, c = x.shape
    x = x.transpose(1, 2, 0, 3).reshape(h // 2, 2, w // 2, 2, n, c).mean(axis=(1, 3))
    return x.transpose(2, 0, 1, 3)


def upsample(x: Float[Array, "n h w c"], taps: Sequence[float] = TAPS) -> Float[Array, "n h2 w2 c"]:
    """Spread images out by 2, and smooth them by taps of sum 2 on each axis: a constant keeps its value inside.

    `y[o] = sum_k t[k] x[(o + k - low) / 2]` where that is whole, `low` half the taps rounded down; zeros lie beyond the
    edge. The taps [1, 3, 3, 1] are StyleGAN2's and R3GAN's, [1, 2, 1] StyleGAN's.

    Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN.

    >>> upsample(jnp.ones((1, 2, 2, 1)))[0, 1, :, 0].tolist()
    [0.75, 1.0, 1.0, 0.75]
    """
    for axis in (1, 2):
        x = _upsample(x, _of_sum(taps, 2), axis)
    return x


def downsample(x: Float[Array, "n h w c"], taps: Sequence[float] = TAPS) -> Float[Array, "n h2 w2 c"]:
    """Smooth images by taps of sum 1 on each axis, and take every second pixel; sides are even.

    `y[o] = sum_k t[k] x[2 o + k - low]`, `low` the taps less 2, halved and rounded up, zeros beyond the edge.

    Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN.

    >>> downsample(jnp.ones((1, 4, 4, 1)))[0, 1, :, 0].tolist()
    [0.765625, 0.765625]
    """
    for axis in (1, 2):
        x = _downsample(x, _of_sum(taps, 1), axis)
    return x


def blur(
    x: Float[Array, "n h w c"], taps: Sequence[float] = TAPS, *, gain: float = 1.0, padding: tuple[int, int] = (2, 1)
) -> Float[Array, "n h2 w2 c"]:
    """Smooth images by taps of sum `gain` on each axis, after as many zeros before and after it as given.

    >>> blur(jnp.ones((1, 4, 4, 1)))[0, 2, :, 0].tolist()
    [0.5, 0.875, 1.0, 0.875]
    """
    for axis in (1, 2):
        count = x.shape[axis] + sum(padding) - len(taps) + 1
        x = _sum(tap * _shifted(x, k - padding[0], count, 1, axis) for k, tap in enumerate(_of_sum(taps, gain)))
    return x


def _of_sum(taps: Sequence[float], total: float) -> list[float]:
    return [total * tap / sum(taps) for tap in taps]


def _upsample(x: Array, taps: list[float], axis: int) -> Array:
    n, low = x.shape[axis], len(taps) // 2
    phases = []
    for phase in range(2):
        terms = [(tap, (phase + k - low) // 2) for k, tap in enumerate(taps) if (phase + k - low) % 2 == 0]
        phases.append(_sum(tap * _shifted(x, shift, n, 1, axis) for tap, shift in terms))
    both = jnp.stack(phases, axis=axis + 1)
    return both.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])


def _downsample(x: Array, taps: list[float], axis: int) -> Array:
    low = (len(taps) - 1) // 2
    return _sum(tap * _shifted(x, k - low, x.shape[axis] // 2, 2, axis) for k, tap in enumerate(taps))


def _sum(terms: Iterable[Array]) -> Array:
    return reduce(jnp.add, terms)


def _shifted(x: Array, shift: int, count: int, stride: int, axis: int) -> Array:
    """`x[shift], x[shift + stride], ...` along an axis, `count` of them, zeros beyond the edges."""
    last = shift + (count - 1) * stride
    before, after = max(0, -shift), max(0, last - x.shape[axis] + 1)
    pads = [(0, 0)] * x.ndim
    pads[axis] = (before, after)
    cut = [slice(None)] * x.ndim
    cut[axis] = slice(shift + before, last + before + 1, stride)
    return jnp.pad(x, pads)[tuple(cut)]
