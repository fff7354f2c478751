"""One array of an `.npz` file. What it declares is looked at before it is read, and no other array is opened."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from gan_jax.data.large_arrays import check_room
from gan_jax.errors import InputError, one_line

__all__ = ["Declared", "array_names", "declared", "read_array"]

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# A small file may say that it holds more than memory does good to. From this size on, it may be so many times its own.
_LARGE, _RATIO = 1 << 30, 200


class Declared(NamedTuple):
    """What a file says that an array is."""

    shape: tuple[int, ...]
    dtype: np.dtype


def array_names(path: Path) -> tuple[str, ...]:
    """Return the names of a file's arrays, in the file's order.

    Raises:
      InputError: the file is no `.npz`, or has none; the message names it and says what to do.
    """
    with _archive(path) as archive:
        names = tuple(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
    if not names:
        raise InputError(f"{path}: is a zip file without arrays; prepare it by `gan-jax data`")
    return names


def declared(path: Path, name: str) -> Declared:
    """Return the shape and the dtype of an array that a file has, without reading it.

    Raises:
      InputError: the array cannot be read, or says that it is larger than memory or than can be believed.
    """
    with _archive(path) as archive, archive.open(f"{name}.npy") as file:
        if (version := npy.read_magic(file)) not in _HEADERS:
            raise ValueError(f"{name} is in version {version} of the format")
        shape, _, dtype = _HEADERS[version](file)
        info = archive.getinfo(f"{name}.npy")
        size, there = math.prod(shape) * dtype.itemsize, info.file_size - file.tell()
    packed = min(info.compress_size, path.stat().st_size)
    if min(shape, default=0) < 0 or (size > there and not dtype.hasobject):
        raise InputError(f"{path}: {name} should be {shape} of {dtype}, but {there:,} bytes are there; save it again")
    if size > _LARGE and size > _RATIO * packed:
        raise InputError(
            f"{path}: {name} would be {size / 1e9:,.1f} GB, over {_RATIO} times what is stored; "
            "if that is meant, save it with np.savez, uncompressed"
        )
    check_room(size, f"{path}: {name}")
    return Declared(shape, dtype)


def read_array(path: Path, name: str) -> np.ndarray:
    """Read an array of a file, and nothing else of it. Memory holds it once.

    Raises:
      InputError: as `declared`, or it holds Python objects.
    """
    dtype = declared(path, name).dtype
    if dtype.hasobject:
        raise InputError(f"{path}: {name} are Python objects ({dtype}), which are not read; save them as numbers")
    with _archive(path) as archive, archive.open(f"{name}.npy") as file:
        return npy.read_array(cast(IO[bytes], file), allow_pickle=False)


@contextmanager
def _archive(path: Path) -> Iterator[ZipFile]:
    """The open file. Whatever fails while it is open, fails because of it."""
    try:
        if not path.is_file():  # a pipe would never end
            raise InputError(f"{path}: is no file; give an .npz or a folder of images")
        with path.open("rb") as file:
            if file.read(6) == b"\x93NUMPY":
                raise InputError(f"{path}: is a bare array; save it as an .npz, np.savez('NAME.npz', images=...)")
            with ZipFile(file) as archive:
                yield archive
    except InputError:
        raise
    except Exception as error:  # a damaged file may fail in any way
        raise InputError(f"{path}: is not a readable .npz file ({one_line(error)})") from None
