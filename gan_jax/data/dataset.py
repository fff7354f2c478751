"""What data are: their shapes, types and classes, and two sources with random access, to train on and held out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

from gan_jax.data.large_arrays import blocks
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.types import Spec

__all__ = [
    "ArraySource",
    "Dataset",
    "Source",
    "Subset",
    "count_classes",
    "from_arrays",
    "only_class",
    "sha256",
    "some_samples",
    "subsample",
]


@runtime_checkable
class Source(Protocol):
    """Samples with random access, and what belongs to each.

    Attributes:
      fingerprint: a hash of all of it, so that a run can tell other data from its own.
    """

    @property
    def fingerprint(self) -> str:
        """A hash of all of it."""
        ...

    def __len__(self) -> int:
        """How many samples there are."""
        ...

    def batch(self, indices: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Return the samples of these indices: uint8 images (N, H, W, C) or float32 points (N, D), under "sample"."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Arrays in memory that share their first axis: "sample", and whatever else belongs to each, "label" or "tokens".

    >>> source = ArraySource({"sample": np.zeros((5, 2), np.float32), "label": np.arange(5, dtype=np.int32)})
    >>> len(source), source.batch(np.array([3, 1]))["label"].tolist()
    (5, [3, 1])
    """

    arrays: Mapping[str, np.ndarray]

    def __post_init__(self):
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if "sample" not in lengths or len({*lengths.values()}) > 1:
            raise ValueError(f"arrays must share their first axis, one of them named 'sample', got {lengths}")

    def __len__(self) -> int:
        return len(self.arrays["sample"])

    def batch(self, indices: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Return the entries of these indices; of a slice, views."""
        return {name: array[indices] for name, array in self.arrays.items()}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names, shapes, dtypes and contents."""
        return self._sha256

    @cached_property
    def _sha256(self) -> str:
        return sha256(self.arrays)


@dataclass(frozen=True, eq=False)
class Subset:
    """Some samples of a source.

    >>> some = Subset(ArraySource({"sample": np.arange(8.0).reshape(4, 2)}), np.array([3, 1]))
    >>> len(some), some.batch(slice(0, 1))["sample"].tolist()
    (2, [[6.0, 7.0]])
    """

    source: Source
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Return the entries of these indices, which count the subset's samples."""
        return self.source.batch(self.indices[indices])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the source's and of the indices."""
        return hashlib.sha256(f"{self.source.fingerprint} {self.indices.tolist()}".encode()).hexdigest()


class Dataset(NamedTuple):
    """Two sources that share no sample.

    Attributes:
      spec: shape and dtype of one sample and of whatever belongs to it, as they are stored, by name.
      train: to train on.
      held_out: to evaluate with.
      classes: the names of the classes that "label" counts.
      vocabulary: the words that "tokens", the rows of captions, count.
    """

    spec: Spec
    train: Source
    held_out: Source
    classes: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.spec["sample"].shape

    @property
    def fingerprint(self) -> str:
        """Hash of both parts."""
        return hashlib.sha256(f"{self.train.fingerprint} {self.held_out.fingerprint}".encode()).hexdigest()


def from_arrays(
    train: Mapping[str, np.ndarray],
    held_out: Mapping[str, np.ndarray],
    classes: tuple[str, ...] = (),
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Return the data set of arrays in memory.

    >>> data = from_arrays({"sample": np.zeros((5, 2), np.float32)}, {"sample": np.ones((2, 2), np.float32)})
    >>> data.shape, len(data.train), len(data.held_out)
    ((2,), 5, 2)
    """
    spec = {name: jax.ShapeDtypeStruct(array.shape[1:], array.dtype) for name, array in train.items()}
    return Dataset(spec, ArraySource(dict(train)), ArraySource(dict(held_out)), classes, vocabulary)


def only_class(data: Dataset, label: int) -> Dataset:
    """Return the samples of one class.

    >>> arrays = {"sample": np.zeros((3, 2), np.float32), "label": np.array([0, 1, 1], np.int32)}
    >>> data = only_class(from_arrays(arrays, arrays, classes=("a", "b")), 1)
    >>> len(data.train), len(data.held_out)
    (2, 2)
    """

    def of(source: Source) -> Source:
        parts = np.array_split(np.arange(len(source)), -(-len(source) // 1024))
        labels = [source.batch(part)["label"] for part in parts]
        return Subset(source, np.flatnonzero(np.concatenate(labels) == label))

    return data._replace(train=of(data.train), held_out=of(data.held_out))


def subsample(data: Dataset, fraction: float) -> Dataset:
    """Return the data with a fraction of their training samples, at least one: drawn once, the same for every seed.

    A smaller fraction is a part of a larger one.

    >>> arrays = {"sample": np.zeros((30, 2), np.float32)}
    >>> data = subsample(from_arrays(arrays, arrays), 0.1)
    >>> len(data.train), len(data.held_out)
    (3, 30)
    """
    size = len(data.train)
    drawn = np.random.default_rng(0).permutation(size)[: max(1, round(fraction * size))]
    return data._replace(train=Subset(data.train, np.sort(drawn)))


def count_classes(source: Source, classes: int) -> list[int]:
    """Return how many samples each class has; of more than 100,000 samples, so many of these, evenly spaced.

    >>> count_classes(ArraySource({"sample": np.zeros((3, 2)), "label": np.array([0, 2, 2])}), classes=3)
    [1, 0, 2]
    """
    indices = np.linspace(0, len(source) - 1, min(len(source), 100_000)).astype(int)
    counts = np.zeros(classes, int)
    for part in np.array_split(indices, -(-len(indices) // 1024)):
        counts += np.bincount(source.batch(part)["label"], minlength=classes)
    return counts.tolist()


def sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """Hash the names, shapes, dtypes and contents of arrays.

    >>> sha256({"a": np.zeros(2)}) == sha256({"a": np.zeros((2, 1))})
    False
    """
    total = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        for block in blocks(array):
            total.update(block.data)
    return total.hexdigest()


def some_samples(source: Source, count: int) -> np.ndarray:
    """Return at most `count` samples of a source, from its beginning to its end: of every class, however it is sorted.

    >>> source = ArraySource({"sample": np.arange(9, dtype=np.float32)[:, None]})
    >>> some_samples(source, 3)[:, 0].tolist()
    [0.0, 4.0, 8.0]
    """
    count = min(count, len(source))
    return source.batch(np.linspace(0, len(source) - 1, count).astype(int))["sample"]
