"""Samples from files: an `.npz`, a folder of images. Nothing is converted that would lose what it holds."""

from pathlib import Path

import numpy as np

from gan_jax.data.large_arrays import blocks
from gan_jax.data.npz import array_names, declared, read_array
from gan_jax.data.pictures import picture_files, read_pictures
from gan_jax.errors import InputError

__all__ = ["check_images", "check_points", "read_images", "read_labeled_images", "read_samples"]


def read_images(path: Path) -> np.ndarray:
    """Read an `.npz` file's array `images`, or a folder of images of one size, searched as `picture_files` does.

    Returns uint8 (N, H, W, C).

    Raises:
      InputError: it is neither, cannot be read, or holds anything but 8-bit images; the message names the file.
    """
    if path.is_dir():
        return check_images(read_pictures(picture_files(path), path), str(path))
    if "images" not in (names := array_names(path)):
        some = f"{sorted(names)[:9]}"[1:-1] + (" ..." if len(names) > 9 else "")
        raise InputError(f"{path}: has no array 'images', only {some}; use np.savez(images=...)")
    _check_shape(*declared(path, "images"), str(path))
    return check_images(read_array(path, "images"), str(path))


def read_labeled_images(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read what `read_images` does, and an `.npz` file's array `labels`, whole numbers (N,), if it has one.

    Raises:
      InputError: as for `read_images`, or labels that are not one whole number from 0 to 2^31 - 1 for each image.
    """
    images = read_images(path)
    if path.is_dir() or "labels" not in array_names(path):
        return images, None
    shape, dtype = declared(path, "labels")
    says = f"{path}: labels must be whole numbers ({len(images)},) from 0 to 2^31 - 1, got {dtype} {shape}"
    if shape != images.shape[:1] or dtype.kind not in "iu":
        raise InputError(f"{says}; number the classes")
    labels = read_array(path, "labels")
    if not 0 <= labels.min() <= labels.max() < 2**31:
        raise InputError(f"{says} from {labels.min()} to {labels.max()}; number the classes")
    return images, labels


def read_samples(path: Path) -> np.ndarray:
    """Read what `read_images` does, or an `.npz` file's array `points`, float32 (N, D).

    Raises:
      InputError: as for `read_images`, or points that are not finite.
    """
    if not path.is_dir() and "points" in array_names(path):
        return check_points(read_array(path, "points"), str(path))
    return read_images(path)


def check_images(images: np.ndarray, name: str) -> np.ndarray:
    """Return uint8 images (N, H, W, C), adding the channel axis to grayscale ones; refuse anything else.

    Raises:
      InputError: another dtype, rank or number of channels than 1, 3 or 4, no image at all, three axes of which the
        last may be channels, or numbers that look like images in [0, 1] or [-1, 1].

    >>> check_images(np.zeros((2, 8, 8), np.uint8), "mine").shape
    (2, 8, 8, 1)
    """
    _check_shape(images.shape, images.dtype, name)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8:
        raise InputError(f"{name}: images must be uint8, 0 to 255, got {images.dtype}{_range(images)}")
    if _are_low(images):
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
    return points.astype(np.float32, copy=False)


def _check_shape(shape: tuple[int, ...], dtype: np.dtype, name: str) -> None:
    """Refuse what its numbers need not be seen for."""
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        raise InputError(f"{name}: images must be uint8 (N, H, W, C), C = 1, 3 or 4, got {dtype} {shape}")
    if len(shape) == 3 and shape[2] in (1, 3, 4):
        raise InputError(
            f"{name}: {shape} may be {shape[0]} grayscale images {shape[2]} wide or one of {shape[2]} channels; "
            "store images[..., None] for the first, images[None] for the second, or else (N, H, W, C)"
        )
    if dtype.kind not in "fiu":
        raise InputError(f"{name}: images must be uint8, 0 to 255, got {dtype}, which is no number")


def _are_low(images: np.ndarray) -> bool:
    """Whether there are levels of 1, and no other but 0 and 255: of images in [0, 1], or [-1, 1], that were cast."""
    ones = False
    for block in blocks(images):
        if ((block > 1) & (block < 255)).any():
            return False
        ones = ones or bool((block == 1).any())
    return ones


def _range(images: np.ndarray) -> str:
    """What numbers they are, and what would make images of them."""
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
