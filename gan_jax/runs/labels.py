"""The labels, the captions and what else samples of a run are drawn of."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data.dataset import Dataset, Source
from gan_jax.errors import InputError

__all__ = [
    "balanced_labels",
    "captions_like_data",
    "captions_of",
    "class_of",
    "conditions_like_data",
    "labels_like_data",
    "labels_of",
]

_CAPTIONS = 500  # of the training data, that a run keeps


def labels_like_data(class_counts: tuple[int, ...], n: int, seed: int) -> np.ndarray:
    """Draw labels (n,), int32, as often as each class is in the data; fewer are the first of more.

    >>> labels_like_data((0, 5, 0), 3, seed=0).tolist()
    [1, 1, 1]
    """
    rates = np.asarray(class_counts, np.float64)
    drawn = np.random.Generator(np.random.PCG64(seed)).choice(len(rates), size=n, p=rates / rates.sum())
    return drawn.astype(np.int32)


def conditions_like_data(source: Source, names: Sequence[str], n: int, seed: int) -> dict[str, np.ndarray]:
    """Return entries (n, ...) of samples that are drawn with replacement; fewer are the first of more.

    >>> from gan_jax.data.dataset import ArraySource
    >>> source = ArraySource({"sample": np.zeros((1, 2)), "tokens": np.array([[1, 2]], np.int32)})
    >>> conditions_like_data(source, ["tokens"], 2, seed=0)["tokens"].tolist()
    [[1, 2], [1, 2]]
    """
    chosen = np.random.Generator(np.random.PCG64(seed)).integers(len(source), size=n)
    batch = source.batch(chosen)
    return {name: batch[name] for name in names if name in batch}


def captions_like_data(captions: Sequence[str], n: int, seed: int) -> list[str]:
    """Draw n captions of those given; fewer are the first of more.

    >>> captions_like_data(["a seven"], 2, seed=0)
    ['a seven', 'a seven']
    """
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(len(captions), size=n)
    return [captions[int(i)] for i in drawn]


def captions_of(data: Dataset) -> tuple[str, ...]:
    """Return the captions of up to 500 training samples, evenly spaced; none of data without."""
    if data.vocabulary is None:
        return ()
    rows = np.linspace(0, len(data.train) - 1, min(len(data.train), _CAPTIONS)).astype(int)
    return tuple(data.vocabulary.captions(data.train.batch(rows)["tokens"]))


def balanced_labels(count: int, n: int) -> np.ndarray:
    """Return labels (n,), int32, one class after the other and again.

    >>> balanced_labels(3, 5).tolist()
    [0, 1, 2, 0, 1]
    """
    return (np.arange(n) % count).astype(np.int32)


def class_of(classes: tuple[str, ...], name: str) -> int:
    """Return the number of a class, given by its name or its number.

    Raises:
      InputError: there is none; the message names those there are.

    >>> class_of(("cat", "dog"), "dog"), class_of(("cat", "dog"), "0")
    (1, 0)
    """
    if name in classes:
        return classes.index(name)
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    shown = ", ".join(classes[:20]) + ", ..." * (len(classes) > 20)
    raise InputError(f"{name} is none of the {len(classes)} classes {shown}", field="label")


def labels_of(classes: tuple[str, ...], label: Any, n: int) -> np.ndarray:
    """Return labels (n,), int32, of one class for all, by its name or number, or of n of them.

    Raises:
      InputError: there is no such class, or they are not n.

    >>> labels_of(("cat", "dog"), "dog", 2).tolist(), labels_of(("cat", "dog"), [1, 0], 2).tolist()
    ([1, 1], [1, 0])
    """
    given, count = np.asarray(label), len(classes)
    if given.ndim > 1 or given.size not in (1, n):
        raise InputError(f"{given.shape} are not one class, or one for each of {n}", field="label")
    if given.dtype.kind == "U":
        number = {name: class_of(classes, name) for name in np.unique(given).tolist()}
        given = np.asarray([number[name] for name in given.reshape(-1).tolist()])
    if given.dtype.kind not in "iu" or not ((given >= 0) & (given < count)).all():
        raise InputError(f"{label!r} is no class; give names, or numbers from 0 to {count - 1}", field="label")
    return np.broadcast_to(given.astype(np.int32), (n,)).copy()
