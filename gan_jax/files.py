"""Files that are whole or absent, JSON in them, and paths as users write them."""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan_jax.errors import InputError

__all__ = [
    "append_json_line",
    "atomic_write",
    "cache_folder",
    "expand_user",
    "forget_lines_after",
    "naming",
    "read_json",
    "read_json_entries",
    "read_json_lines",
    "write_json",
]


def expand_user(path: str | Path) -> Path:
    """Return a path with the home folder in place of `~`, and that of another user in place of `~name`.

    Raises:
      InputError: there is no such user.

    >>> expand_user("~/a") == Path.home() / "a"
    True
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        home = Path(path).parts[0]
        raise InputError(f"{path}: there is no home folder {home}; write ./{home} if a file is called so") from None


def cache_folder() -> Path:
    """Return the folder of the cache: $GAN_JAX_CACHE, $XDG_CACHE_HOME/gan_jax or ~/.cache/gan_jax.

    Raises:
      InputError: the user has no home.

    >>> from unittest.mock import patch
    >>> with patch.dict(os.environ, GAN_JAX_CACHE="/tmp/weights"):
    ...     cache_folder().as_posix()
    '/tmp/weights'
    """
    own, shared = os.environ.get("GAN_JAX_CACHE"), os.environ.get("XDG_CACHE_HOME")
    folder = own or (f"{shared}/gan_jax" if shared else "~/.cache/gan_jax")
    try:
        return expand_user(folder)
    except InputError:
        raise InputError(f"{folder}: there is no such home; name a folder by GAN_JAX_CACHE") from None


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Give a path beside a file to write to, which takes the file's place when all is written, or vanishes.

    The suffix is the file's. Folders that are missing are made. What a crash has left of an earlier part makes room.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "new" / "a.txt") as part:
    ...         _ = part.write_text("whole")
    ...     [path.name for path in (Path(folder) / "new").iterdir()]
    ['a.txt']
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.stem}.{os.getpid()}.part{file.suffix}")  # another process may write the same file
    try:
        with naming(file):
            if part.is_dir():  # of a process of the same number, as containers have them
                shutil.rmtree(part)
            yield part
            os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Say of an error of the system inside which file it is about, where it does not say: a write on a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(file)
        raise


def write_json(file: Path, value: Any, *, indent: int = 2) -> None:
    """Write a value that JSON can hold; a number that is not finite is the string "NaN", "Infinity" or "-Infinity".

    JSON knows no such numbers, and strict readers refuse them; these are the words of Protocol Buffers' JSON.
    """
    with atomic_write(file) as part:
        part.write_text(_dumps(value, indent) + "\n")


def read_json(file: Path) -> Any:
    """Read a value, with "NaN", "Infinity" and "-Infinity" as the numbers that they stand for.

    Raises:
      InputError: the file is not JSON.
      FileNotFoundError: there is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "a.json", {"b": [1, float("-inf")]})
    ...     (Path(folder) / "a.json").read_text().split(), read_json(Path(folder) / "a.json")
    (['{', '"b":', '[', '1,', '"-Infinity"', ']', '}'], {'b': [1, -inf]})
    """
    try:
        return _with_numbers(json.loads(file.read_text()))
    except ValueError as error:
        raise InputError(f"{file}: is not JSON ({error})") from None


def read_json_entries(file: Path, names: Iterable[str] = ()) -> dict[str, Any]:
    """Read named values, as `read_json` does.

    Raises:
      InputError: the file is not JSON, holds something else, or lacks one of the names.
      FileNotFoundError: there is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "a.json", {"b": 1})
    ...     read_json_entries(Path(folder) / "a.json", ["b"])
    {'b': 1}
    """
    found = read_json(file)
    lacking = [name for name in names if not isinstance(found, dict) or name not in found]
    if lacking or not isinstance(found, dict):
        reason = f"it lacks {', '.join(lacking)}" if lacking else "it has no named entries"
        raise InputError(f"{file}: is not what a run has written ({reason}); move it away")
    return found


def append_json_line(file: Path, value: Any) -> None:
    """Append a value as one line, its numbers as `write_json` writes them."""
    with naming(file), file.open("a") as lines:
        lines.write(_dumps(value) + "\n")


def read_json_lines(file: Path) -> list[dict[str, Any]]:
    """Read the lines of steps, none where there is no file; a line that a crash has torn is left out.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     append_json_line(Path(folder) / "a.jsonl", {"step": 1})
    ...     read_json_lines(Path(folder) / "a.jsonl"), read_json_lines(Path(folder) / "b.jsonl")
    ([{'step': 1}], [])
    """
    lines = []
    for line in file.read_bytes().splitlines(keepends=True) if file.exists() else []:
        try:
            value = _with_numbers(json.loads(line)) if line.endswith(b"\n") else None
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("step"), int):
            lines.append(value)
    return lines


def forget_lines_after(file: Path, step: int) -> None:
    """Drop the lines of steps that a resumed run will take again, and whatever a crash has torn."""
    if file.exists():
        kept = [value for value in read_json_lines(file) if value["step"] <= step]
        with atomic_write(file) as part:
            part.write_text("".join(_dumps(value) + "\n" for value in kept))


_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def _dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(_with_words(value), indent=indent, allow_nan=False)


def _with_words(value: Any) -> Any:
    """The value with words for its numbers that are not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return _mapped(_with_words, value)


def _with_numbers(value: Any) -> Any:
    """What `_with_words` was given."""
    if isinstance(value, str):
        return _NUMBERS.get(value, value)
    return _mapped(_with_numbers, value)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: function(part) for key, part in value.items()}
    return [function(part) for part in value] if isinstance(value, list | tuple) else value
