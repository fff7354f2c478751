"""JSON files that are whole or absent."""

import json
import os
from pathlib import Path
from typing import Any

from gan_jax.errors import InputError


def write_json(file: Path, value: Any) -> None:
    """Write a value that JSON can hold, under another name until it is whole."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_text(json.dumps(value, indent=2) + "\n")
    part.replace(file)


def read_json(file: Path) -> Any:
    """Read a value.

    Raises:
      InputError: the file is not JSON.
      FileNotFoundError: there is none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "a.json", {"b": 1})
    ...     read_json(Path(folder) / "a.json")
    {'b': 1}
    """
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise InputError(f"{file}: is not JSON ({error})") from None
