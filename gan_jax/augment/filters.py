"""The last groups of adaptive discriminator augmentation: gains of frequency bands, and noise.

Source: Karras et al. (2020), Training generative adversarial networks with limited data, appendix B.
"""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.augment.image import Image, sometimes
from gan_jax.types import ArrayLike, Key

__all__ = ["ada_filter", "ada_noise"]

_SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.8365163037378079, 0.48296291314469025)
_BANDS = 4
_POWER = np.array([10, 1, 1, 1], np.float32) / 13  # expected of each band, from the lowest: that of natural images


def ada_filter(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Multiply each of four octaves by `2^N` or leave it, on both axes, and the whole so that its power is as expected.

    The bands are those of the wavelet sym2, and sum to the image itself. What lies beyond the edge is reflected. As
    products with matrices, which any size can have; the authors filter with 43 taps.

    >>> flat = jnp.ones((6, 6, 1))
    >>> bool(jnp.ptp(ada_filter(jax.random.key(0), flat, 1.0)) < 1e-5)
    True
    """
    keys = jax.random.split(key, _BANDS + 1)
    draws = jnp.exp2(jax.random.normal(keys[0], (_BANDS,), jnp.float32))
    gains = jnp.ones(_BANDS, jnp.float32)
    for band in range(_BANDS):
        amplified = jnp.ones(_BANDS, jnp.float32).at[band].set(draws[band])
        amplified = amplified / jnp.sqrt((_POWER * amplified**2).sum())
        gains = gains * sometimes(keys[band + 1], strength, amplified, jnp.ones_like(gains))
    rows, columns = (jnp.tensordot(gains, _band_matrices(side), 1) for side in image.shape[:2])
    filtered = jnp.einsum("ij,jlc,kl->ikc", rows, image, columns, precision="highest")
    return jnp.where((gains == 1).all(), image, filtered)


def ada_noise(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Add normal noise to each number, its standard deviation `|N| / 10` for the whole image.

    >>> ada_noise(jax.random.key(0), jnp.zeros((4, 4, 2)), 1.0).shape
    (4, 4, 2)
    """
    level, pixels, whether = jax.random.split(key, 3)
    spread = 0.1 * jnp.abs(jax.random.normal(level, (), jnp.float32))
    return sometimes(whether, strength, image + spread * jax.random.normal(pixels, image.shape, image.dtype), image)


@lru_cache
def _band_matrices(side: int) -> np.ndarray:
    """For each band the matrix (side, side) that takes a reflected line of pixels to its part in that band."""
    bank = _bank()
    period = max(1, 2 * (side - 1))
    matrices = np.zeros((_BANDS, side, side), np.float32)
    for tap in range(bank.shape[1]):
        place = np.abs(np.arange(side) + tap - bank.shape[1] // 2) % period
        place = np.minimum(place, period - place) % side
        for band in range(_BANDS):
            np.add.at(matrices[band], (np.arange(side), place), bank[band, tap])
    return matrices


def _bank() -> np.ndarray:
    """Filters of the bands, from the lowest, whose sum passes everything on: each octave splits what is below it."""
    low = np.convolve(_SYM2, _SYM2[::-1]) / 2
    high = low * (-1.0) ** (np.arange(len(low)) - len(low) // 2)
    bands = [np.ones(1)]
    for _ in range(_BANDS - 1):
        spread = [np.stack([band, np.zeros_like(band)], axis=1).ravel()[:-1] for band in bands]
        bands = [np.convolve(band, low) for band in spread]
        edge = (len(bands[0]) - len(high)) // 2
        bands.append(np.pad(high, edge))
    return np.stack(bands)
