"""Resizing as published scores were taken with: TensorFlow 1's bilinear, and clean-fid's, which averages."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Float, Images

__all__ = ["bicubic", "bilinear"]


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


def bicubic(images: Images | Float[Array, "n h w c"], size: tuple[int, int]) -> Float[Array, "n height width c"]:
    """Resize images as `bilinear` does, by Keys' cubic kernel (a = -1/2), widened where images shrink.

    Pixels are squares, results are not rounded to levels but kept between 0 and 255: as Pillow resizes images of
    floats, and clean-fid with it.

    Source: Parmar, Zhang, Zhu (2022), On aliased resizing and surprising subtleties in GAN evaluation.

    >>> bicubic(jnp.array([0, 80, 100, 180], jnp.uint8).reshape(1, 1, 4, 1), (1, 1)).round().ravel().tolist()
    [90.0]
    """
    shape = (len(images), *size, images.shape[3])
    resized = jax.image.resize(images.astype(jnp.float32), shape, "cubic", antialias=True)
    return jnp.clip(resized, 0, 255)


def _along(axis: int, x: Array, size: int) -> Array:
    # Picked, not multiplied by a matrix: a GPU rounds the operands of a product to 10 bits.
    old = x.shape[axis]
    position = np.arange(size, dtype=np.float32) * np.float32(old / size)
    left = position.astype(np.int32)
    fraction = (position - left.astype(np.float32)).reshape(*[1] * axis, -1, *[1] * (x.ndim - 1 - axis))
    low, high = (x.take(index, axis, mode="clip") for index in (left, left + 1))
    return low + (high - low) * fraction
