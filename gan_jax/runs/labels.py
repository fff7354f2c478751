"""The labels that samples of a run are drawn of."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.errors import InputError

__all__ = ["balanced_labels", "class_of", "labels_like_data", "labels_of", "labels_of_seeds"]


def labels_like_data(class_counts: tuple[int, ...], n: int, seed: int) -> np.ndarray:
    """Draw labels (n,), int32, as often as each class is in the data; fewer are the first of more.

    >>> labels_like_data((0, 5, 0), 3, seed=0).tolist()
    [1, 1, 1]
    """
    rates = np.asarray(class_counts, np.float64)
    drawn = np.random.Generator(np.random.PCG64(seed)).choice(len(rates), size=n, p=rates / rates.sum())
    return drawn.astype(np.int32)


def labels_of_seeds(class_counts: tuple[int, ...], seeds: Sequence[int]) -> np.ndarray:
    """Draw the label of each seed's only sample, (N,) int32, as often as each class is in the data.

    >>> labels_of_seeds((0, 5, 0), range(3)).tolist()
    [1, 1, 1]
    """
    return np.concatenate([labels_like_data(class_counts, 1, seed) for seed in seeds])


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
