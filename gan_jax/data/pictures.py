"""The pictures of a folder. Each is read as it is meant to be seen, with all that it holds, or refused."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from gan_jax.data.large_arrays import check_room
from gan_jax.errors import InputError, one_line

__all__ = ["picture_files", "read_picture", "read_pictures"]

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_SUFFIXES = {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"}
_SUFFIXES |= {".webp"}
# Pictures too, of which it is not known here whether all that they hold would be read.
_OTHERS = {".avif", ".exr", ".hdr", ".heic", ".heif", ".ico", ".j2k", ".jp2", ".jxl", ".psd", ".tga"}
# How each kind of picture is read. Others, of 16 bits or with a transparent color, would lose what they hold.
_MODES = {"1": "L", "L": "L", "RGB": "RGB", "P": "RGB", "RGBA": "RGBA", "CMYK": "RGB"}
_COLORS = {1: "grayscale", 3: "RGB color", 4: "RGBA color"}


def read_pictures(files: Sequence[Path], folder: Path) -> np.ndarray:
    """Read pictures of a folder as uint8 (N, H, W, C).

    Raises:
      InputError: one cannot be read or is unlike the first; the message names it and says what to do.
    """
    if not files:
        raise InputError(f"{folder}: the folder holds no images")
    first = read_picture(files[0])
    check_room(len(files) * first.nbytes, f"{folder}: {len(files):,} images")
    images = np.empty((len(files), *first.shape), np.uint8)
    for i, file in enumerate(files):
        image = read_picture(file)
        if image.shape != first.shape:
            name = files[0].relative_to(folder)
            raise InputError(f"{file}: is {_says(image)}, but {name} is {_says(first)}; make them alike")
        images[i] = image
    return images


def picture_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder, through its subfolders and through links, sorted by path.

    What is hidden, its name begins with a dot, is no data: `.ipynb_checkpoints`, `.Trash-0`.

    Raises:
      InputError: a folder cannot be read, a link leads nowhere or to what is there already, or a picture is no file or
        of a kind that is not read.
    """
    seen: dict[str, Path] = {}
    found, waiting = [], [(folder, os.path.realpath(folder))]
    try:
        while waiting:
            path, real = waiting.pop()
            is_folder, suffix = path.is_dir(), path.suffix.lower()
            if not path.exists():
                raise InputError(f"{path}: is a link to nothing; mend or remove it")
            if not is_folder and suffix not in _SUFFIXES | _OTHERS:
                continue
            if real in seen:
                raise InputError(f"{path}: is {seen[real]} again, by a link; remove one, or its images count twice")
            seen[real] = path
            if is_folder:
                with os.scandir(path) as entries:
                    shown = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
                waiting += [(path / entry.name, _real(entry, real)) for entry in reversed(shown)]
            else:
                found.append(_checked_file(path))
    except OSError as error:
        raise InputError(f"{folder}: cannot be searched ({one_line(error)})") from None
    return sorted(found)


def read_picture(file: Path) -> np.ndarray:
    """Read a picture, turned as its EXIF data say, as uint8 (H, W, C).

    Raises:
      InputError: it cannot be read, or holds more than 8 bits a channel, more than one picture, or a transparent color.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with file.open("rb") as stream, Image.open(stream, formats=_FORMATS) as image:
            if "transparency" in image.info:
                raise InputError(f"{file}: has a transparent color; convert it to 8-bit grayscale, RGB or RGBA")
            if image.mode not in _MODES:
                raise InputError(f"{file}: is of mode {image.mode}; convert it to 8-bit grayscale, RGB or RGBA")
            if (bits := _bits(image, stream)) > 8:
                raise InputError(f"{file}: has {bits} bits a channel; convert it to 8-bit grayscale, RGB or RGBA")
            if (count := getattr(image, "n_frames", 1)) > 1:
                raise InputError(f"{file}: holds {count} pictures; save each as a file of its own, or the first alone")
            image.load()
            pixels = np.asarray(_upright(image, file).convert(_MODES[image.mode]))
            return pixels.reshape(*pixels.shape[:2], -1)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{file}: is not a readable image; convert it to PNG, or remove it") from None
    except Exception as error:  # a damaged file may fail in any way
        raise InputError(f"{file}: is not a readable image ({one_line(error)})") from None


def _real(entry: os.DirEntry, parent: str) -> str:
    """The path without links; only for a link does it have to be asked for."""
    return os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(parent, entry.name)


def _checked_file(path: Path) -> Path:
    if not path.is_file():  # a pipe would never end
        raise InputError(f"{path}: is no regular file; remove it")
    if path.suffix.lower() in _OTHERS:
        raise InputError(f"{path}: {path.suffix} is not read; convert it to PNG, or remove it")
    return path


def _bits(image: Any, stream: IO[bytes]) -> int:
    """Bits of a channel in the file, of which Pillow keeps 8 where there is color."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(258, (1,)))  # BitsPerSample
    position = stream.tell()
    stream.seek(0)
    head = stream.read(1 << 16)
    stream.seek(position)
    if image.format == "PNG":
        return head[24]  # of the header's chunk
    if image.format == "PPM" and head[:2] not in (b"P1", b"P4"):
        return int(re.sub(rb"#[^\n]*", b"", head).split(maxsplit=4)[3]).bit_length()  # magic, width, height, maximum
    return 8


def _upright(image: Any, file: Path) -> Any:
    from PIL import ExifTags, Image

    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:
        reason = f"its EXIF data, which may turn it, are damaged ({one_line(error)}); remove them"
        raise InputError(f"{file}: {reason}") from None
    turn = Image.Transpose
    turns = (turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM, turn.TRANSPOSE)
    turns += (turn.ROTATE_270, turn.TRANSVERSE, turn.ROTATE_90)
    return image.transpose(turns[orientation - 2]) if orientation in range(2, 9) else image


def _says(image: np.ndarray) -> str:
    height, width, channels = image.shape
    return f"{width}x{height} {_COLORS[channels]}"
