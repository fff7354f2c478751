"""Affine maps of an image's plane, and an image seen through one by bilinear interpolation."""

import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from gan_jax.types import Array, Float

__all__ = ["rotation", "sample_affine", "scaling", "shift"]

_DENSE_SIDE = 64

Affine = Float[Array, "3 3"]
"""Of (row, column, 1), from the center of the image."""


def scaling(rows: Array, columns: Array) -> Affine:
    """Divide rows and columns: the result shows the image so many times as large."""
    zero, one = jnp.zeros((), jnp.float32), jnp.ones((), jnp.float32)
    return jnp.stack([jnp.stack([1 / rows, zero, zero]), jnp.stack([zero, 1 / columns, zero]), _last(zero, one)])


def rotation(angle: Array) -> Affine:
    """Turn by an angle in radians."""
    zero, one = jnp.zeros((), jnp.float32), jnp.ones((), jnp.float32)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([jnp.stack([cos, -sin, zero]), jnp.stack([sin, cos, zero]), _last(zero, one)])


def shift(rows: Array, columns: Array) -> Affine:
    """Move by numbers of pixels, down and to the right where positive."""
    zero, one = jnp.zeros((), jnp.float32), jnp.ones((), jnp.float32)
    return jnp.stack([jnp.stack([one, zero, -rows]), jnp.stack([zero, one, -columns]), _last(zero, one)])


def sample_affine(image: Float[Array, "h w c"], matrix: Affine) -> Float[Array, "h w c"]:
    """Return `y[p] = x[matrix p]`, bilinear; beyond its edge lies the reflected image.

    Up to 64 pixels a side two products with hat functions, which are deterministic on every device; above, gathers.

    >>> image = jnp.arange(9.0).reshape(3, 3, 1)
    >>> bool((sample_affine(image, jnp.eye(3)) == image).all())
    True
    """
    h, w, _ = image.shape
    i, j = jnp.meshgrid(_centered(h), _centered(w), indexing="ij")
    place = jnp.einsum("dk,kij->dij", matrix[:2], jnp.stack([i, j, jnp.ones_like(i)]), precision="highest")
    rows, columns = (_reflected(part + (side - 1) / 2, side) for part, side in zip(place, (h, w), strict=True))
    if max(h, w) > _DENSE_SIDE:
        return jnp.stack([map_coordinates(image[..., c], [rows, columns], 1) for c in range(image.shape[2])], axis=2)
    seen = jnp.einsum("ijk,klc->ijlc", _hats(rows, h), image, precision="highest")
    return jnp.einsum("ijl,ijlc->ijc", _hats(columns, w), seen, precision="highest")


def _last(zero: Array, one: Array) -> Array:
    return jnp.stack([zero, zero, one])


def _centered(size: int) -> Array:
    return jnp.arange(size, dtype=jnp.float32) - (size - 1) / 2


def _reflected(place: Array, size: int) -> Array:
    """Places beyond the first and the last pixel, reflected there as often as it takes."""
    if size == 1:
        return jnp.zeros_like(place)
    period = 2 * (size - 1)
    folded = jnp.abs(place) - period * jnp.floor(jnp.abs(place) / period)
    return jnp.minimum(folded, period - folded)


def _hats(place: Array, size: int) -> Array:
    """The weight of each pixel at a place between two: 1 less the distance, where that is above 0."""
    pixels = jnp.arange(size, dtype=jnp.float32).reshape(1, 1, -1)
    return jnp.maximum(1 - jnp.abs(place[..., None] - pixels), 0)
