"""The tensors of a PyTorch file without PyTorch, and without running anything that the file says to run.

Such a file is a pickle, which is a program, beside raw numbers. Here a reader runs it that knows three names, each a
maker of plain data; any other name ends the reading. Memory and time stay in proportion to the file, whatever sizes it
claims, and however often it uses what it has made already: what doubles itself is never written out or hashed.
Both formats are read: pickles one after the other with the numbers behind them (up to PyTorch 1.5), and zip files.
"""

import io
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZIP_STORED, ZipFile

import jax.numpy as jnp
import numpy as np

from gan_jax.errors import InputError

__all__ = ["read"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(jnp.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}
# Tensors may share numbers but are copied apart: all of them to at most this many times the size of the file.
_MOST_SHARED = 4
# A tuple may be twice another, which is twice a third. To hash it takes as long as if all were written out.
_MOST_IN_TUPLE = 1000
_MOST_AXES = 64  # NumPy's


class _Storage(NamedTuple):
    """A row of numbers, which tensors are views of."""

    key: str
    dtype: np.dtype
    n: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Dict(dict):
    def __setstate__(self, state: Any) -> None:
        """Leave out what PyTorch hangs on to a state dict, the versions of its modules."""


class _Name(NamedTuple):
    """What a name in a pickle stands for; immutable, as a pickle may set the attributes of what it names."""

    call: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)


def _tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor without a storage")
    if max(len(size), len(stride)) > _MOST_AXES:
        raise ValueError(f"a tensor of {len(size)} axes")
    return _Tensor(storage, _count(offset), tuple(map(_count, size)), tuple(map(_count, stride)))


def _dict(items: list | None = None) -> _Dict:
    made = _Dict(items or ())
    if items is not None:
        items.clear()  # or a few bytes would ask for all of them once more
    return made


_NAMES = {
    ("collections", "OrderedDict"): _Name(_dict),
    ("torch._utils", "_rebuild_tensor_v2"): _Name(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Name(lambda tensor, *_: tensor),
}


def _checked(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """What an opcode does that makes a tuple, and a look at how much is in it."""

    def load_checked(reader: Any) -> None:
        load(reader)
        made, sizes = reader.stack[-1], reader.sizes
        size = 1 + sum(sizes.get(id(part), 1) if type(part) is tuple else 1 for part in made)
        if size > _MOST_IN_TUPLE:
            raise ValueError("a tuple of too many tuples")
        sizes[id(made)] = size

    return load_checked


_OPCODES: dict[int, Any] = pickle._Unpickler.dispatch
_OF_TUPLES = (pickle.TUPLE[0], pickle.TUPLE1[0], pickle.TUPLE2[0], pickle.TUPLE3[0])


class _Reader(pickle._Unpickler):  # the one in C allots as much memory as a damaged file asks for
    dispatch: dict[int, Any] = _OPCODES | {code: _checked(_OPCODES[code]) for code in _OF_TUPLES}

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}
        self.sizes: dict[int, int] = {}  # of the tuples, by their id

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.cuda") and name in _DTYPES:
            return name
        if (module, name) not in _NAMES:
            raise InputError(f"holds something other than tensors ({_line(f'{module}.{name}')}); it is not read")
        return _NAMES[module, name]

    def persistent_load(self, saved: Any) -> _Storage:
        kind, name, key, _, count, *view = saved
        if kind != "storage" or any(part is not None for part in view):
            raise InputError("holds tensors in an old form that is not read; save it with a newer PyTorch")
        storage = _Storage(_key(key), _DTYPES[name], _count(count))
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError(f"storage {storage.key} is of two kinds")
        return storage


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict: tensors by name, as contiguous arrays of the tensors' dtypes that share no memory.

    Raises:
      InputError: the file cannot be read, is damaged, is no PyTorch file, or holds anything but tensors by name.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        data = path.read_bytes()
        tensors, numbers = (_zip if data.startswith(b"PK") else _legacy)(data)
        _check_sizes(tensors, len(data))
        return {name: _array(name, tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # a damaged pickle may fail in any way
        raise InputError(f"{path}: is damaged or no PyTorch file ({_line(error)})") from None


def _legacy(data: bytes) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    """Five pickles: magic number, version, system, state dict, keys of storages; then these, each after its count."""
    file = io.BytesIO(data)
    if _Reader(file).load() != _MAGIC or _Reader(file).load() != _VERSION:
        raise InputError("is no PyTorch file")
    _check_order("little" if _Reader(file).load()["little_endian"] else "big")
    reader = _Reader(file)
    tensors = _state_dict(reader.load())
    keys = _Reader(file).load()
    numbers, start = {}, file.tell()
    for key in map(_key, keys):
        storage = reader.storages[key]
        end = start + 8 + storage.n * storage.dtype.itemsize
        if data[start : start + 8] != storage.n.to_bytes(8, "little") or end > len(data):
            raise ValueError(f"storage {key} is of another size")
        numbers[key] = np.frombuffer(memoryview(data)[start + 8 : end], storage.dtype)
        start = end
    return tensors, numbers


def _zip(data: bytes) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    """A folder with the state dict as `data.pkl` and the storages as `data/KEY`, uncompressed."""
    with ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if any(info.compress_type != ZIP_STORED for info in members.values()):
            raise ValueError("compressed")
        if sum(info.file_size for info in members.values()) > len(data):
            raise ValueError("larger within than without")
        if "data.pkl" not in members:
            raise InputError("is no PyTorch file")
        if "byteorder" in members:
            _check_order(archive.read(members["byteorder"]).decode())
        reader = _Reader(io.BytesIO(archive.read(members["data.pkl"])))
        tensors = _state_dict(reader.load())
        numbers = {}
        for key, storage in reader.storages.items():
            member = archive.read(members[f"data/{key}"])
            if len(member) != storage.n * storage.dtype.itemsize:
                raise ValueError(f"storage {key} is of another size")
            numbers[key] = np.frombuffer(member, storage.dtype)
    return tensors, numbers


def _check_order(order: str) -> None:
    if order != "little":
        raise InputError(f"holds numbers of {_line(order)} byte order; save it on a little-endian machine")


def _state_dict(contents: Any) -> dict[str, _Tensor]:
    named = isinstance(contents, dict) and all(isinstance(name, str) for name in contents)
    if not named or not all(isinstance(tensor, _Tensor) for tensor in contents.values()):
        raise InputError("holds something other than tensors by name; save the state_dict() of the network alone")
    return contents


def _check_sizes(tensors: dict[str, _Tensor], size: int) -> None:
    total = sum(math.prod(tensor.size) * tensor.storage.dtype.itemsize for tensor in tensors.values())
    if total > _MOST_SHARED * size:
        raise InputError(f"holds tensors of {total:,} bytes in {size:,}; save them cloned, sharing no memory")


def _array(name: str, tensor: _Tensor, numbers: np.ndarray) -> np.ndarray:
    offset, size, stride = tensor[1:]
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        return np.zeros(size, numbers.dtype)
    if last >= len(numbers):
        raise InputError(f"is damaged: tensor {_line(name)} reaches outside of its storage")
    steps = [step * numbers.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(numbers[offset:], size, steps).copy()


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"no size is {_line(value)}")
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str | int):
        raise ValueError(f"no key is {_line(value)}")
    return str(value)


def _line(what: Any) -> str:
    """Say it in one short line; of what may hold more than could be written, an error too, only the kind."""
    parts = what.args if isinstance(what, Exception) else (what,)
    plain = all(isinstance(part, str | int | float | None) for part in parts)
    return (" ".join(str(what)[:1000].split())[:200] if plain else "") or type(what).__name__
