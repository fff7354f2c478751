"""Data sets of any size on disk: shards of samples with random access, and a description of them."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.data.dataset import Dataset
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError
from gan_jax.files import read_json
from gan_jax.types import Spec

__all__ = ["DESCRIPTION", "RecordSource", "Shard", "describe_records", "is_prepared", "read_records", "write_shard"]

DESCRIPTION = "dataset.json"
"""The file in a folder that says what its shards hold."""

_FORMAT = 1


class Shard(NamedTuple):
    """A file of records.

    Attributes:
      file: its name.
      count: how many records it holds.
      size: bytes of the file, from which a shard that is cut off is told.
      sha256: of the records.
    """

    file: str
    count: int
    size: int
    sha256: str


@dataclass(frozen=True, eq=False)
class RecordSource:
    """Samples in the shards of a folder, read as they are asked for.

    Attributes:
      folder: of the shards.
      shards: in the order of their samples.
      spec: shape and dtype of what belongs to one sample, in the order of its bytes in a record.
    """

    folder: Path
    shards: tuple[Shard, ...]
    spec: Spec

    def __len__(self) -> int:
        return sum(shard.count for shard in self.shards)

    def batch(self, indices: np.ndarray | slice) -> dict[str, np.ndarray]:
        """Return the entries of these indices.

        Raises:
          InputError: a shard is missing, or cut off.
        """
        rows = range(*indices.indices(len(self))) if isinstance(indices, slice) else indices.tolist()
        size = sum(_bytes(entry) for entry in self.spec.values())
        whole = np.empty((len(rows), size), np.uint8)
        for start in range(0, len(rows), 1024):  # the records of a part exist beside the array
            part = list(rows[start : start + 1024])
            for row, record in enumerate(self._records.__getitems__(part), start):
                whole[row] = np.frombuffer(record, np.uint8)
        arrays, start = {}, 0
        for name, entry in self.spec.items():
            values = whole[:, start : start + _bytes(entry)]
            start += _bytes(entry)
            values = values if entry.dtype == np.uint8 else np.ascontiguousarray(values).view(entry.dtype)
            arrays[name] = np.ascontiguousarray(values).reshape(len(rows), *entry.shape)
        return arrays

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what belongs to a sample, and of the hashes of the shards."""
        total = hashlib.sha256(repr([(name, e.shape, np.dtype(e.dtype).str) for name, e in self.spec.items()]).encode())
        for shard in self.shards:
            total.update(f"{shard.count} {shard.sha256} ".encode())
        return total.hexdigest()

    @cached_property
    def _records(self) -> Any:
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        files = [self.folder / shard.file for shard in self.shards]
        for file, shard in zip(files, self.shards, strict=True):
            found = file.stat().st_size if file.is_file() else None
            if found != shard.size:
                what = "is missing" if found is None else f"has {found:,} bytes of {shard.size:,}"
                raise InputError(f"{file}: {what}; prepare the data again")
        return ArrayRecordDataSource([str(file) for file in files])


def is_prepared(folder: Path) -> bool:
    """Whether a folder holds what `gan-jax data` writes."""
    return (folder / DESCRIPTION).is_file()


def read_records(folder: Path) -> Dataset:
    """Open the data set of a folder, none of whose samples are read.

    Raises:
      InputError: there is none, its description is not what `gan-jax data` writes, or a shard is missing or cut off.
    """
    file = folder / DESCRIPTION
    try:
        description = read_json(file)
        if description["format"] != _FORMAT:
            raise ValueError(f"it is of format {description['format']}, not {_FORMAT}")
        spec = {
            name: jax.ShapeDtypeStruct(tuple(entry["shape"]), np.dtype(entry["dtype"]))
            for name, entry in description["entries"].items()
        }
        train, held_out = (
            RecordSource(folder, tuple(Shard(**shard) for shard in description["splits"][split]), spec)
            for split in ("train", "held_out")
        )
        classes, words = tuple(description["classes"]), tuple(description.get("words", ()))
        vocabulary = Vocabulary(words, spec["tokens"].shape[0]) if "tokens" in spec else None
    except FileNotFoundError:
        raise InputError(f"{folder}: holds no prepared data, it has no {DESCRIPTION}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: is not what `gan-jax data` has written ({error})") from None
    for source in (train, held_out):
        source._records  # noqa: B018  opens the files
    return Dataset(spec, train, held_out, classes, vocabulary)


def write_shard(file: Path, arrays: Mapping[str, np.ndarray]) -> Shard:
    """Write samples, and what belongs to each, as one shard; the file is whole only when this returns."""
    from array_record.python.array_record_module import ArrayRecordWriter

    count = len(next(iter(arrays.values())))
    rows = [np.ascontiguousarray(array).reshape(count, -1).view(np.uint8) for array in arrays.values()]
    total = hashlib.sha256()
    writer = ArrayRecordWriter(str(file), "group_size:1,uncompressed")  # each record is read by itself
    try:
        for parts in zip(*rows, strict=True):
            record = b"".join(part.tobytes() for part in parts)
            total.update(record)
            writer.write(record)
    finally:
        writer.close()
    return Shard(file.name, count, file.stat().st_size, total.hexdigest())


def describe_records(
    spec: Spec, classes: Sequence[str], splits: Mapping[str, Sequence[Shard]], vocabulary: Vocabulary | None = None
) -> dict[str, Any]:
    """Return what `dataset.json` must hold."""
    return {
        "format": _FORMAT,
        "entries": {name: {"shape": list(e.shape), "dtype": np.dtype(e.dtype).str} for name, e in spec.items()},
        "classes": list(classes),
        "words": list(vocabulary.words) if vocabulary else [],
        "splits": {split: [shard._asdict() for shard in shards] for split, shards in splits.items()},
    }


def _bytes(entry: jax.ShapeDtypeStruct) -> int:
    return math.prod(entry.shape) * np.dtype(entry.dtype).itemsize
