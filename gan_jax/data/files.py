"""Samples from files: an `.npz`, a folder of images. Nothing is converted that would lose what it holds."""

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from gan_jax.errors import InputError

__all__ = ["check_images", "check_points", "one_line", "read_images", "read_labeled_images", "read_samples"]

# How each kind of picture is read. Others, of 16 bits or with a transparent color, would lose what they hold.
_MODES = {"1": "L", "L": "L", "RGB": "RGB", "P": "RGB", "RGBA": "RGBA", "CMYK": "RGB"}
_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def read_images(path: Path) -> np.ndarray:
    """Read an `.npz` file's array `images`, or a folder of images of one size, searched through its subfolders.

    Returns uint8 (N, H, W, C).

    Raises:
      InputError: it is neither, cannot be read, or holds anything but 8-bit images; the message names the file.
    """
    if path.is_dir():
        return check_images(_folder(path), str(path))
    arrays = _npz(path)
    if "images" not in arrays:
        raise InputError(f"{path}: has no array 'images', only {sorted(arrays)}; use np.savez(images=...)")
    return check_images(arrays["images"], str(path))


def read_labeled_images(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read what `read_images` does, and an `.npz` file's array `labels`, whole numbers (N,), if it has one.

    Raises:
      InputError: as for `read_images`, or labels that are not one whole number of at least 0 for each image.
    """
    images, labels = read_images(path), None
    if not path.is_dir() and "labels" in (arrays := _npz(path)):
        labels = arrays["labels"]
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise InputError(
                f"{path}: labels must be whole numbers ({len(images)},) from 0, got {labels.dtype} {labels.shape}"
            )
    return images, labels


def read_samples(path: Path) -> np.ndarray:
    """Read what `read_images` does, or an `.npz` file's array `points`, float32 (N, D).

    Raises:
      InputError: as for `read_images`, or points that are not finite.
    """
    if not path.is_dir() and "points" in (arrays := _npz(path)):
        return check_points(arrays["points"], str(path))
    return read_images(path)


def check_images(images: np.ndarray, name: str) -> np.ndarray:
    """Return uint8 images (N, H, W, C), adding the channel axis to grayscale ones; refuse anything else.

    Raises:
      InputError: another dtype, rank or number of channels than 1, 3 or 4, no image at all, or numbers that look like
        images in [0, 1] or [-1, 1].

    >>> check_images(np.zeros((2, 8, 8), np.uint8), "mine").shape
    (2, 8, 8, 1)
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        raise InputError(f"{name}: images must be uint8 (N, H, W, C), C = 1, 3 or 4, got {images.dtype} {images.shape}")
    if images.dtype != np.uint8:
        raise InputError(f"{name}: images must be uint8, 0 to 255, got {images.dtype}{_range(images)}")
    if images.max() == 1 or (np.isin(images, (0, 1, 255)).all() and (images == 1).any()):
        raise InputError(f"{name}: the images hold no gray but 1 of 255; scale them to 0..255 before they become uint8")
    return images


def check_points(points: np.ndarray, name: str) -> np.ndarray:
    """Return float32 points (N, D); refuse anything else.

    Raises:
      InputError: another rank, no numbers, or some that are not finite.

    >>> check_points(np.zeros((5, 2)), "mine").dtype
    dtype('float32')
    """
    if points.ndim != 2 or 0 in points.shape or points.dtype.kind not in "fiu":
        raise InputError(f"{name}: points must be numbers (N, D), got {points.dtype} {points.shape}")
    if not np.isfinite(points).all():
        raise InputError(f"{name}: {np.sum(~np.isfinite(points))} of the points' numbers are not finite")
    return points.astype(np.float32)


def _range(images: np.ndarray) -> str:
    """What numbers they are, and what would make images of them."""
    if images.dtype.kind not in "fiu":
        return ", which is no number"
    if not np.isfinite(images).all():
        return f" with {np.sum(~np.isfinite(images))} numbers that are not finite"
    low, high = images.min(), images.max()
    says = f" from {low:.3g} to {high:.3g}"
    if images.dtype.kind == "f" and low >= 0 and high <= 1:
        return f"{says}; if they are meant in [0, 1], store np.round(255 * images).astype(np.uint8)"
    if images.dtype.kind == "f" and low >= -1 and high <= 1:
        return f"{says}; if they are meant in [-1, 1], store np.round(127.5 * (images + 1)).astype(np.uint8)"
    if low >= 0 and high <= 255:
        return f"{says}; store np.round(images).astype(np.uint8)"
    return f"{says}; bring them to 0..255 and store them as uint8"


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: is not a readable .npz file ({one_line(error)})") from None


def _folder(path: Path) -> np.ndarray:
    files = sorted(file for file in path.rglob("[!.]*") if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(f"{path}: the folder holds no images")
    images = [_picture(file) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise InputError(f"{file}: is {_says(image)}, but {files[0].name} is {_says(images[0])}; make them alike")
    return np.stack(images)


def _picture(file: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode not in _MODES or "transparency" in image.info:
                raise InputError(f"{file}: is of mode {image.mode}; convert it to 8-bit grayscale, RGB or RGBA")
            return np.asarray(image.convert(_MODES[image.mode]))
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: is not a readable image ({one_line(error)})") from None


def _says(image: np.ndarray) -> str:
    height, width, *channels = image.shape
    return f"{width}x{height} {'color' if channels else 'grayscale'}"


def one_line(error: BaseException) -> str:
    """Say an error in one short line.

    >>> one_line(ValueError("two\\nlines"))
    'two lines'
    """
    return " ".join(str(error).split())[:200] or type(error).__name__
