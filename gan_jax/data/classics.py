"""The files in which MNIST and CIFAR are published."""

import gzip
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import InputError, one_line

__all__ = ["LabeledArrays", "read_cifar", "read_mnist"]


class LabeledArrays(NamedTuple):
    """Images of a split (N, H, W, C), and the label of each.

    Attributes:
      images: uint8.
      labels: int32.
    """

    images: np.ndarray
    labels: np.ndarray


def read_mnist(folder: Path) -> tuple[dict[str, LabeledArrays], tuple[str, ...]] | None:
    """Read MNIST's IDX files, packed or not, in a folder or those in it: arrays by split and the classes' names.

    None where there are none.

    Raises:
      InputError: a file is damaged.

    Source: LeCun, Cortes, Burges (1998), The MNIST database of handwritten digits.
    """
    arrays = {}
    for prefix, split in {"train": "train", "t10k": "held_out"}.items():
        images, labels = (sorted(folder.rglob(f"{prefix}-{kind}*")) for kind in ("images?idx3", "labels?idx1"))
        if not images or not labels:
            return None
        arrays[split] = LabeledArrays(_idx(images[0])[..., None], _idx(labels[0]).astype(np.int32))
    return arrays, tuple(map(str, range(1 + max(int(part.labels.max()) for part in arrays.values()))))


def read_cifar(folder: Path) -> tuple[dict[str, LabeledArrays], tuple[str, ...]] | None:
    """Read CIFAR-10 or CIFAR-100, of its binary or its Python version, as `read_mnist`.

    Raises:
      InputError: a file is damaged, or holds more than arrays, lists and numbers.

    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    for patterns, read in (
        (("data_batch_*.bin", "test_batch.bin", "batches.meta.txt"), _binary),
        (("train.bin", "test.bin", "fine_label_names.txt"), _binary),
        (("data_batch_[0-9]", "test_batch", "batches.meta"), _pickled),
        (("train", "test", "meta"), _pickled),
    ):
        train, test, names = (sorted(path for path in folder.rglob(pattern) if path.is_file()) for pattern in patterns)
        if train and test and names:
            return {"train": read(train), "held_out": read(test)}, _class_names(names[0])
    return None


def _idx(file: Path) -> np.ndarray:
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        kind, rank = content[2], content[3]
        if kind != 8:
            raise ValueError(f"its numbers are of type {kind:#x}, not bytes")
        shape = np.frombuffer(content, ">i4", rank, 4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise InputError(f"{file}: is not a readable IDX file ({one_line(error)}); download it again") from None


def _binary(files: list[Path]) -> LabeledArrays:
    """Rows of labels and 3072 bytes; CIFAR-100 has a coarse label before the fine one."""
    labels = 1 if "batch" in files[0].name else 2
    rows = []
    for file in files:
        content = np.frombuffer(file.read_bytes(), np.uint8)
        if not len(content) or len(content) % (labels + 3072):
            raise InputError(f"{file}: has {len(content):,} bytes, no multiple of {labels + 3072}; download it again")
        rows.append(content.reshape(-1, labels + 3072))
    content = np.concatenate(rows)
    return LabeledArrays(_images(content[:, labels:]), content[:, labels - 1].astype(np.int32))


def _pickled(files: list[Path]) -> LabeledArrays:
    parts = [_unpickle(file) for file in files]
    try:
        labels = [part[b"labels"] if b"labels" in part else part[b"fine_labels"] for part in parts]
        images = _images(np.concatenate([part[b"data"] for part in parts]))
        return LabeledArrays(images, np.concatenate(labels).astype(np.int32))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{files[0]}: is no batch of CIFAR ({one_line(error)}); download it again") from None


def _images(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _class_names(file: Path) -> tuple[str, ...]:
    if file.suffix == ".txt":
        return tuple(file.read_text().split())
    found = _unpickle(file)
    names = found.get(b"label_names") or found.get(b"fine_label_names") or ()
    return tuple(name.decode() for name in names)


class _Unpickler(pickle.Unpickler):
    """Reads arrays, lists and numbers; anything else could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            return {"_reconstruct": _reconstruct, "ndarray": np.ndarray, "dtype": np.dtype}[name]
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"it holds {module}.{name}")


def _reconstruct(kind: Any, shape: tuple[int, ...], dtype: bytes) -> np.ndarray:
    return np.ndarray(shape, np.dtype(dtype.decode()))


def _unpickle(file: Path) -> dict[bytes, Any]:
    try:
        return _Unpickler(BytesIO(file.read_bytes()), encoding="bytes").load()
    except Exception as error:  # a damaged file may fail in any way
        raise InputError(f"{file}: is not a readable file of CIFAR ({one_line(error)}); download it again") from None
