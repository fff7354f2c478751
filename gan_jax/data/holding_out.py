"""Images in memory, and what belongs to each, some of them held out."""

from collections.abc import Mapping

import numpy as np

from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.large_arrays import reorder
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError

__all__ = ["entries", "hold_out", "split"]


def hold_out(
    arrays: Mapping[str, np.ndarray], classes: tuple[str, ...] = (), vocabulary: Vocabulary | None = None
) -> Dataset:
    """Keep back every fifth image, after a shuffle that is the same on every machine, in the memory of the images.

    Raises:
      InputError: there are fewer than five.

    >>> data = hold_out({"sample": np.zeros((10, 8, 8, 1), np.uint8)})
    >>> len(data.train), len(data.held_out)
    (8, 2)
    """
    size = len(arrays["sample"])
    if size < 5:
        raise InputError(f"{size} images are too few to hold any out; give at least 5", field="data.source")
    order = np.random.Generator(np.random.PCG64(0)).permutation(size)
    return split(arrays, order, -(-size // 5), classes, vocabulary)


def split(
    arrays: Mapping[str, np.ndarray],
    order: np.ndarray,
    count: int,
    classes: tuple[str, ...] = (),
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Hold out the first so many of an order, in the memory of the images."""
    train, held_out = {}, {}
    for name, array in arrays.items():
        reorder(array, order)
        train[name], held_out[name] = array[count:], array[:count]
    return from_arrays(train, held_out, classes, vocabulary)


def entries(
    images: np.ndarray, labels: np.ndarray | None = None, tokens: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the arrays of a batch: samples, int32 labels if there are any, and rows of captions if there are any."""
    label = {} if labels is None else {"label": labels.astype(np.int32)}
    return {"sample": images} | label | ({} if tokens is None else {"tokens": tokens})
