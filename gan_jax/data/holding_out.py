"""Images and labels in memory, some of them held out."""

import numpy as np

from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.large_arrays import reorder
from gan_jax.errors import InputError

__all__ = ["entries", "hold_out", "split"]


def hold_out(images: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...] = ()) -> Dataset:
    """Keep back every fifth image, after a shuffle that is the same on every machine, in the memory of the images.

    Raises:
      InputError: there are fewer than five.

    >>> data = hold_out(np.zeros((10, 8, 8, 1), np.uint8), None)
    >>> len(data.train), len(data.held_out)
    (8, 2)
    """
    if len(images) < 5:
        raise InputError(f"{len(images)} images are too few to hold any out; give at least 5", field="data.source")
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    return split(images, labels, order, -(-len(images) // 5), classes)


def split(
    images: np.ndarray, labels: np.ndarray | None, order: np.ndarray, count: int, classes: tuple[str, ...] = ()
) -> Dataset:
    """Hold out the first so many of an order, in the memory of the images."""
    train, held_out = {}, {}
    for name, array in entries(images, labels).items():
        reorder(array, order)
        train[name], held_out[name] = array[count:], array[:count]
    return from_arrays(train, held_out, classes)


def entries(images: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the arrays of a batch: samples, and int32 labels if there are any."""
    return {"sample": images} if labels is None else {"sample": images, "label": labels.astype(np.int32)}
