"""Arrays that may fill most of the memory: whether there is room for one, and work on it without another like it."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np

from gan_jax.errors import InputError

__all__ = ["available_memory", "blocks", "check_room", "reorder"]

_BLOCK = 1 << 16  # numbers
_PARTS = 32  # in which an array is reordered: a copy of one of them exists at a time
_FREE = Path("/proc/meminfo")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # of a container


def available_memory() -> int:
    """Return how many bytes can be had: what is free, no more than the limit of a container, or what there is at all.

    Where the system does not say, there is no bound.

    >>> available_memory() > 0
    True
    """
    found = [sys.maxsize]
    with suppress(OSError):
        found += [1024 * int(kilobytes) for kilobytes in re.findall(r"MemAvailable: *(\d+) kB", _FREE.read_text())]
    for limit in _LIMITS:
        with suppress(OSError, ValueError):  # "max" is none
            found.append(int(limit.read_text()))
    with suppress(AttributeError, OSError, ValueError):  # not on every system
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(size for size in found if size > 0)


def check_room(size: int, name: str) -> None:
    """Check that so many bytes fit in memory, before they are read.

    Raises:
      InputError: they do not.

    >>> check_room(1000, "mine.npz: images")
    """
    if size > (free := available_memory()):
        raise InputError(f"{name} take {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free; give fewer")


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array's numbers in C order, flat and a block at a time; each block is valid until the next.

    >>> [block.tolist() for block in blocks(np.arange(6).reshape(2, 3).T)]
    [[0, 3, 1, 4, 2, 5]]
    """
    flags = ("external_loop", "buffered", "zerosize_ok")
    for block in np.nditer(array, flags, order="C", buffersize=_BLOCK):
        yield np.ascontiguousarray(cast(np.ndarray, block))


def reorder(array: np.ndarray, order: np.ndarray) -> None:
    """Turn a contiguous array into `array[order]`, in its own memory.

    >>> array = np.array([[1, 2], [3, 4], [5, 6]])
    >>> reorder(array, np.array([2, 0, 1]))
    >>> array.tolist()
    [[5, 6], [1, 2], [3, 4]]
    """
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        raise ValueError(f"an array of strides {array.strides} is not contiguous")
    rows = array.reshape(len(array), -1, order="A")  # a view, in whichever order the array is
    for part in np.array_split(rows, min(_PARTS, rows.shape[1]), axis=1):
        part[:] = part[order]
