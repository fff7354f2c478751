"""The Laplacian pyramid: images as a sum of bands of frequencies.

Source: Burt, Adelson (1983), The Laplacian pyramid as a compact image code.
"""

from collections.abc import Sequence

import jax.numpy as jnp

from gan_jax.networks.resample import downsample, upsample
from gan_jax.numerics import safe_divide, safe_sqrt
from gan_jax.types import Array, Float

__all__ = ["equalized", "laplacian_bands", "sum_of_bands"]


def laplacian_bands(x: Float[Array, "n h w c"], count: int) -> list[Float[Array, "n ..."]]:
    """Split images into bands of frequencies, each of half the size: `b_i = x_i - up(x_i+1)`, and what is left at last.

    >>> [band.shape for band in laplacian_bands(jnp.ones((1, 6, 5, 3)), 2)]
    [(1, 6, 5, 3), (1, 3, 3, 3), (1, 2, 2, 3)]
    """
    bands = []
    for _ in range(count):
        lower = _half(x)
        bands.append(x - _twice(lower, x.shape))
        x = lower
    return [*bands, x]


def sum_of_bands(bands: Sequence[Float[Array, "n ..."]]) -> Float[Array, "n h w c"]:
    """Return the images that `laplacian_bands` has split."""
    *bands, x = bands
    for band in reversed(bands):
        x = band + _twice(x, band.shape)
    return x


# Beyond its edge an image goes on as it ends: zeros there would be an edge of their own in every band.
def _half(x: Array) -> Array:
    _, h, w, _ = x.shape
    x = jnp.pad(x, ((0, 0), (2, 2 + h % 2), (2, 2 + w % 2), (0, 0)), mode="edge")
    return downsample(x)[:, 1:-1, 1:-1]


def _twice(x: Array, shape: tuple[int, ...]) -> Array:
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return upsample(x)[:, 2 : 2 + shape[1], 2 : 2 + shape[2]]


def equalized(gradient: Float[Array, "h w 3"], bands: int) -> Float[Array, "h w 3"]:
    """Give every band of a gradient a root mean square of one; without bands, leave it as it is.

    Fine patterns, of which a network's gradient is mostly made, are then no stronger than coarse ones and colors.

    >>> equalized(jnp.ones((8, 8, 3)), 2).std().item()
    0.0
    """
    if bands == 0:
        return gradient
    found = laplacian_bands(gradient[None], bands)
    return sum_of_bands([safe_divide(band, safe_sqrt(jnp.square(band).mean())) for band in found])[0]
