"""Bilinear resizing as TensorFlow 1 did it, which the published scores were taken with."""

import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Float, Images

__all__ = ["bilinear"]


def bilinear(images: Images | Float[Array, "n h w c"], size: tuple[int, int]) -> Float[Array, "n height width c"]:
    """Resize images (N, H, W, C), uint8 or float of 0 to 255, to (N, *size, C), float32 of the same range.

    Pixel i of n becomes a point at `i * old / new` of the old pixels, between whose two neighbours it is interpolated,
    the last pixel repeated behind the edge. So pixels are points at their upper left corners, and nothing is averaged
    when images shrink: other libraries' bilinear resizing differs, and so would every score.

    Source: Parmar, Zhang, Zhu (2022), On aliased resizing and surprising subtleties in GAN evaluation.

    >>> bilinear(jnp.array([0, 100], jnp.uint8).reshape(1, 1, 2, 1), (1, 4)).ravel().tolist()
    [0.0, 50.0, 100.0, 100.0]
    """
    return _along(1, _along(2, images.astype(jnp.float32), size[1]), size[0])


def _along(axis: int, x: Array, size: int) -> Array:
    # Picked, not multiplied by a matrix: a GPU rounds the operands of a product to 10 bits.
    old = x.shape[axis]
    position = np.arange(size, dtype=np.float32) * np.float32(old / size)
    left = position.astype(np.int32)
    fraction = (position - left.astype(np.float32)).reshape(*[1] * axis, -1, *[1] * (x.ndim - 1 - axis))
    low, high = (x.take(index, axis, mode="clip") for index in (left, left + 1))
    return low + (high - low) * fraction
