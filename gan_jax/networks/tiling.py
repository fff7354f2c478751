"""Convolution of large images block by block.

The matrices of `toom_cook` grow with the square of an image's side. Beyond some size it is cheaper to convolve blocks
of the image, overlapping by what the kernel sees, as a batch of images of their own.
"""

import jax.numpy as jnp
from jax import lax

from gan_jax.networks.toom_cook import Pads, axes_of, conv_hwbc
from gan_jax.types import Array

__all__ = ["conv_nhwc", "conv_tiled"]

_LARGE_SIDE = 32
_SIDE = 16  # of a block: outputs, or inputs where these are spread out


def _block(n_in: int, n_out: int, r: int, stride: int, dilation: int, low: int):
    """Cut an axis into equal blocks of outputs, of which the last may reach beyond the axis; a short one is one block.

    Returns their count and size; where the inputs of the first start, how many they are, and how much further those of
    the next start; and the padding with which a block is convolved.
    """
    count = -(-n_out // (_SIDE * dilation))
    if count == 1:  # what its outputs see may reach further than the next block would
        high = (n_out - 1) * stride + r - 1 - (n_in - 1) * dilation - low
        return 1, n_out, 0, n_in, n_in, (low, high)
    size = -(-n_out // (count * dilation)) * dilation
    start = -(low // dilation)
    inner = low + start * dilation
    length = ((size - 1) * stride + r - 1 - inner) // dilation + 1
    padding = inner, (size - 1) * stride + r - 1 - (length - 1) * dilation - inner
    return count, size, start, length, size * stride // dilation, padding


def _cut(x: Array, count: int, start: int, length: int, step: int) -> Array:
    """The leading axis in windows that may overlap their next: (N, ...) to (count, length, ...)."""
    if count == 1:
        return x[None]
    ends = (-start, start + (count + 1) * step - x.shape[0], 0)  # where negative, cropped
    x = lax.pad(x, jnp.zeros((), x.dtype), [ends] + [(0, 0, 0)] * (x.ndim - 1))
    x = x.reshape(count + 1, step, *x.shape[1:])
    return jnp.concatenate([x[:-1, :length], x[1:, : max(length - step, 0)]], axis=1)


def conv_tiled(x: Array, kernel: Array, stride: int, padding: Pads, dilation: int) -> Array:
    """Convolve activations (H, W, B, C) as `conv_hwbc` does.

    >>> x, kernel = jnp.arange(40.0).reshape(40, 1, 1, 1), jnp.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    >>> conv_tiled(x, kernel, stride=1, padding=((0, 0), (0, 0)), dilation=1).ravel()[:39:19].tolist()
    [10.0, 219.0, 428.0]
    """
    axes = axes_of(x, kernel, stride, padding, dilation)
    batch = x.shape[2]
    (m, h, *rows, row_padding), (n, w, *columns, column_padding) = (_block(*axis) for axis in axes)
    x = _cut(x, m, *rows).transpose(2, 1, 0, 3, 4)
    x = _cut(x, n, *columns).transpose(2, 1, 3, 0, 4, 5)
    x = x.reshape(*x.shape[:2], m * n * batch, -1)
    y = conv_hwbc(x, kernel, stride, (row_padding, column_padding), dilation)
    y = y.reshape(h, w, m, n, batch, -1).transpose(2, 0, 3, 1, 4, 5).reshape(m * h, n * w, batch, -1)
    return y[: axes[0][1], : axes[1][1]]


def conv_nhwc(x: Array, kernel: Array, *, stride: int, padding: Pads, dilation: int) -> Array:
    """Convolve images (N, H, W, C) as `conv_hwbc` does, block by block where they are large.

    >>> x, kernel = jnp.arange(4.0).reshape(1, 4, 1, 1), jnp.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    >>> conv_nhwc(x, kernel, stride=1, padding=((0, 0), (0, 0)), dilation=1).ravel().tolist()
    [10.0, 21.0, 32.0]
    """
    large = max(x.shape[1:3]) * dilation > _LARGE_SIDE
    convolve = conv_tiled if large else conv_hwbc
    return convolve(x.transpose(1, 2, 0, 3), kernel, stride, padding, dilation).transpose(2, 0, 1, 3)
