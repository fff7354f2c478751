"""Public weight files: where they are kept, how they are fetched, and their SHA-256."""

from hashlib import file_digest
from http.client import HTTPException
from pathlib import Path
from shutil import copyfileobj
from urllib.request import urlopen

from rich.console import Console
from rich.progress import wrap_file

from gan_jax.errors import InputError
from gan_jax.files import atomic_write

__all__ = ["download", "verify_sha256"]

_TIMEOUT = 30.0  # seconds without a byte


def verify_sha256(path: Path, sha256: str) -> Path:
    """Return the path of a file that has this SHA-256.

    Raises:
      InputError: it has another, or cannot be read.
    """
    try:
        found = _sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if found != sha256:
        raise InputError(
            f"{path}: is another file or a torn one, of SHA-256 {found}, not {sha256}; remove it, or fetch it again"
        )
    return path


def download(url: str, path: Path, sha256: str) -> Path:
    """Fetch a file to a path and return that; there is no file at the path before all bytes are there and checked.

    Raises:
      OSError: nothing can be fetched or written.
      InputError: what came has another SHA-256.
    """
    console = Console(stderr=True)
    hidden = not console.is_terminal
    try:
        with atomic_write(path) as part:
            with urlopen(url, timeout=_TIMEOUT) as response, part.open("wb") as file:
                total = int(response.headers.get("Content-Length") or 0)
                with wrap_file(response, total, description=path.name, console=console, disable=hidden) as reader:
                    copyfileobj(reader, file)
            if (size := part.stat().st_size) < total:
                raise OSError(f"the connection broke off after {size:,} of {total:,} bytes")
            if (found := _sha256(part)) != sha256:
                raise InputError(f"{url}: has SHA-256 {found}, not {sha256}; try again, or fetch it by hand")
    except HTTPException as error:
        raise OSError(f"the connection broke off: {error!r}") from error
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
