"""Digits that are cut off above and on the left, and by how much: what SDXL is told of its training images."""

import numpy as np

from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.digits import read_digits
from gan_jax.types import Float, UInt8

__all__ = ["MOST", "centers", "cropped", "read_cropped_digits"]

MOST = 3
"""Pixels that are cut off, at most, along each axis."""

_EACH = 8  # crops of each digit


def cropped(images: UInt8[np.ndarray, "n h w c"], crops: np.ndarray) -> UInt8[np.ndarray, "n h w c"]:
    """Return images without their first rows and columns, as many as `crops` (N, 2) says, and black in their place.

    >>> image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    >>> cropped(image, np.array([[0, 1]]))[0, :, :, 0].tolist()
    [[1, 0], [3, 0]]
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (0, MOST), (0, MOST), (0, 0)))
    n, rows, columns = np.arange(len(images)), np.arange(height), np.arange(width)
    top, left = np.asarray(crops, int).T
    return padded[n[:, None, None], (top[:, None] + rows)[:, :, None], (left[:, None] + columns)[:, None]]


def centers(images: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, "n 2"]:
    """Return the row and the column of the center of each image's ink, pixels.

    >>> image = np.zeros((1, 4, 4, 1), np.uint8)
    >>> image[0, 1, 2] = 255
    >>> centers(image).tolist()
    [[1.0, 2.0]]
    """
    ink = images.astype(np.float64).sum(axis=3)
    total = np.maximum(ink.sum(axis=(1, 2)), 1e-9)
    of_rows, of_columns = ink.sum(axis=2) / total[:, None], ink.sum(axis=1) / total[:, None]
    return np.stack([of_rows @ np.arange(ink.shape[1]), of_columns @ np.arange(ink.shape[2])], axis=1)


def read_cropped_digits() -> Dataset:
    """Return the 8x8 digits, each cropped eight times by 0 to 3 pixels, with an entry "crop", float32 (N, 2).

    >>> data = read_cropped_digits()
    >>> data.shape, data.spec["crop"].shape, len(data.train)
    ((8, 8, 1), (2,), 11496)
    """
    digits = read_digits()

    def of(source, seed: int) -> dict[str, np.ndarray]:
        batch = source.batch(slice(None))
        images, labels = (np.repeat(batch[name], _EACH, axis=0) for name in ("sample", "label"))
        crops = np.random.default_rng(seed).integers(MOST + 1, size=(len(images), 2))
        return {"sample": cropped(images, crops), "label": labels, "crop": crops.astype(np.float32)}

    return from_arrays(of(digits.train, 0), of(digits.held_out, 1), digits.classes)
