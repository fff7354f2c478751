"""Zip and tar archives, unpacked where nothing can be written outside of the folder."""

import os
import shutil
import tarfile
from pathlib import Path
from time import mktime
from zipfile import BadZipFile, ZipFile

from gan_jax.errors import InputError, one_line

__all__ = ["is_archive", "unpack"]

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(path: Path) -> bool:
    """Whether a path is that of an archive, by its name.

    >>> is_archive(Path("a.TAR.GZ")), is_archive(Path("a.npz"))
    (True, False)
    """
    return path.name.lower().endswith(_SUFFIXES)


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive into a new folder.

    Raises:
      InputError: it is damaged, a name in it leads out of the folder, or there is no room for it.
    """
    try:
        if path.name.lower().endswith(".zip"):
            with ZipFile(path) as archive:
                for info in archive.infolist():
                    _check_inside(info.filename, path)
                _check_space(sum(info.file_size for info in archive.infolist()), path, folder)
                archive.extractall(folder)
                for (
                    info
                ) in archive.infolist():  # as tar does it by itself: a later call tells by it that nothing changed
                    time = mktime((*info.date_time, 0, 0, -1))
                    os.utime(folder / info.filename, (time, time))
        else:
            with tarfile.open(path) as archive:
                _check_space(sum(member.size for member in archive.getmembers()), path, folder)
                archive.extractall(folder, filter="data")
    except (tarfile.FilterError, tarfile.TarError, BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be unpacked ({one_line(error)})") from None


def _check_space(size: int, path: Path, folder: Path) -> None:
    free = shutil.disk_usage(folder.parent).free
    if size > free:
        reason = f"{size / 1e9:,.1f} GB when unpacked, and {free / 1e9:,.1f} GB are free beside {folder}"
        raise InputError(f"{path}: takes {reason}; make room, or choose another --out")


def _check_inside(name: str, path: Path) -> None:
    if name.startswith(("/", "\\")) or ".." in Path(name.replace("\\", "/")).parts or ":" in name[:2]:
        raise InputError(f"{path}: {name!r} leads out of the folder that it is unpacked to; do not trust this archive")
