"""Digits that are cut off above and on the left, and by how much: what SDXL is told of its training images."""

from pathlib import Path

import numpy as np

from gan_jax.data import tfds
from gan_jax.data.dataset import Dataset, Source, from_arrays
from gan_jax.types import Float, UInt8

__all__ = ["centers", "cropped", "read_cropped_mnist", "with_crops"]


def cropped(images: UInt8[np.ndarray, "n h w c"], crops: np.ndarray) -> UInt8[np.ndarray, "n h w c"]:
    """Return images without their first rows and columns, as many as `crops` (N, 2) says, and black in their place.

    >>> image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    >>> cropped(image, np.array([[0, 1]]))[0, :, :, 0].tolist()
    [[1, 0], [3, 0]]
    """
    height, width = images.shape[1:3]
    top, left = np.asarray(crops, int).T
    padded = np.pad(images, ((0, 0), (0, top.max(initial=0)), (0, left.max(initial=0)), (0, 0)))
    n, rows, columns = np.arange(len(images)), np.arange(height), np.arange(width)
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


def with_crops(data: Dataset, *, most: int, each: int = 1) -> Dataset:
    """Return images cropped by 0 to `most` pixels along each axis, with an entry "crop", float32 (N, 2).

    Args:
      data: uint8 images (N, H, W, C).
      most: pixels that are cut off, at most.
      each: crops of each image.

    >>> from gan_jax.data.digits import read_digits
    >>> data = with_crops(read_digits(), most=3, each=8)
    >>> data.shape, data.spec["crop"].shape, len(data.train)
    ((8, 8, 1), (2,), 11496)
    """

    def of(source: Source, seed: int) -> dict[str, np.ndarray]:
        arrays = {name: np.repeat(array, each, axis=0) for name, array in source.batch(slice(None)).items()}
        crops = np.random.default_rng(seed).integers(most + 1, size=(len(arrays["sample"]), 2))
        return arrays | {"sample": cropped(arrays["sample"], crops), "crop": crops.astype(np.float32)}

    return from_arrays(of(data.train, 0), of(data.held_out, 1), data.classes)


def read_cropped_mnist(data_dir: Path | None = None) -> Dataset:
    """Return MNIST, each image cropped by 0 to 9 pixels along each axis.

    Raises:
      InputError: TFDS does not find it.
    """
    return with_crops(tfds.read_tfds("mnist", data_dir), most=9)
