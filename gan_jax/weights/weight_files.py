"""The files that hold a network's weights: which they are, what tensors are in them, one tensor at a time.

A safetensors file is eight bytes, the length of a header; the header, which is JSON; and raw numbers.
"""

import json
import math
from hashlib import file_digest
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries

__all__ = ["Tensor", "find", "read", "sha256", "tensors"]

_DTYPES: dict[str, Any] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(jnp.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_LONGEST_HEADER = 100_000_000  # as the format's own reader has it
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_STEMS = ("diffusion_pytorch_model", "model", "open_clip_model")


class Tensor(NamedTuple):
    """Where a tensor is.

    Attributes:
      file: that holds it.
      dtype: of its numbers.
      shape: of the tensor.
      start: the byte of the file at which it begins.
    """

    file: Path
    dtype: np.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return math.prod(self.shape) * self.dtype.itemsize


def find(folder: str | Path, variant: str | None = None) -> list[Path]:
    """Return the files of a folder's weights: one, or those that an index names.

    The names are those of diffusers, transformers and open_clip; a variant, as "fp16", is part of the name.

    Raises:
      InputError: there is no such folder or no such file, or what is there is pickled.
    """
    folder = expand_user(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    part = f".{variant}" if variant else ""
    for stem in _STEMS:
        for index in (f"{stem}.safetensors.index{part}.json", f"{stem}{part}.safetensors.index.json"):
            if (folder / index).is_file():
                return _indexed(folder / index)
        if (folder / f"{stem}{part}.safetensors").is_file():
            return [folder / f"{stem}{part}.safetensors"]
    raise InputError(f"{folder}: {_why_none(folder, variant)}")


def _why_none(folder: Path, variant: str | None) -> str:
    if (folder / "model_index.json").is_file():
        parts = sorted(path.parent.name for path in folder.glob("*/config.json"))
        return f"is of several networks; give the folder of one of them, as {', '.join(parts) or 'unet'}"
    names = sorted(path.name for path in folder.iterdir())
    if others := [name for name in names if name.endswith(".safetensors")]:
        return f"has no weights{f' of the variant {variant}' if variant else ''}, but {', '.join(others)}"
    if pickled := [name for name in names if name.endswith(_PICKLED)]:
        return f"{pickled[0]} is a pickle, which is not read; save it as safetensors (`safe_serialization=True`)"
    return f"has no weights; there should be {_STEMS[0]}.safetensors or {_STEMS[1]}.safetensors"


def _indexed(index: Path) -> list[Path]:
    names = read_json_entries(index, ["weight_map"])["weight_map"]
    files = sorted({str(name) for name in names.values()}) if isinstance(names, dict) else []
    if not files or any(Path(name).name != name for name in files):
        raise InputError(f"{index}: names no files of its folder")
    for name in files:
        if not (index.parent / name).is_file():
            raise InputError(f"{index.parent / name}: is missing, and {index.name} names it")
    return [index.parent / name for name in files]


def tensors(files: list[Path]) -> dict[str, Tensor]:
    """Return the tensors of files by name, of which only the headers are read.

    Raises:
      InputError: a file is damaged or no safetensors file, or two hold a tensor of the same name.
    """
    found: dict[str, Tensor] = {}
    for file in files:
        for name, tensor in _header(file).items():
            if name in found:
                raise InputError(f"{file}: holds {name}, which {found[name].file.name} holds too")
            found[name] = tensor
    return found


def _header(file: Path) -> dict[str, Tensor]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(_LONGEST_HEADER, file.stat().st_size - 8):
                raise ValueError("its header is of an impossible length")
            entries = json.loads(stream.read(length))
        found = {name: _tensor(file, 8 + length, **entry) for name, entry in entries.items() if name != "__metadata__"}
        ends = [tensor.start + tensor.size for tensor in found.values()]
        if max(ends, default=0) > file.stat().st_size:
            raise ValueError("it ends before its tensors do")
        return found
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(f"{file}: is damaged or no safetensors file ({' '.join(str(error).split())[:200]})") from None


def _tensor(file: Path, first: int, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    if dtype not in _DTYPES:
        raise ValueError(f"it holds numbers of the kind {dtype}, which are not read")
    start, end = data_offsets
    tensor = Tensor(file, _DTYPES[dtype], tuple(map(int, shape)), first + start)
    if start < 0 or any(side < 0 for side in tensor.shape) or end - start != tensor.size:
        raise ValueError("a tensor is of another size than its shape")
    return tensor


def read(tensor: Tensor) -> np.ndarray:
    """Return a tensor as a view of its file, which is mapped for as long as the view lives."""
    if not tensor.size:
        return np.zeros(tensor.shape, tensor.dtype)
    count = math.prod(tensor.shape)
    flat = np.memmap(tensor.file, tensor.dtype, "r", offset=tensor.start, shape=(count,))
    return flat.reshape(tensor.shape)


def sha256(folder: str | Path, variant: str | None = None) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder's weights, by name: what a protocol says of them.

    Raises:
      InputError: as `find`, or a file cannot be read.
    """
    found = {}
    for file in find(folder, variant):
        try:
            with file.open("rb") as stream:
                found[file.name] = file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    return found
