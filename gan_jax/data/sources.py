"""Image data sets by name or path, each read to the same two arrays: training images and held-out ones."""

import os
import socket
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.errors import InputError


class ImageSet(NamedTuple):
    """Two uint8 arrays (N, H, W, C) of one size, which share no image."""

    train: np.ndarray
    held_out: np.ndarray


def read(source: str, data_dir: Path | None = None) -> ImageSet:
    """Read a data set whole into memory; sizes and channels are the data's own.

    `source` is `"digits"` (the real 8x8 digits that scikit-learn ships), an `.npz` file with an array `images`, a
    folder of images (searched through its subfolders), or else a TensorFlow Datasets name such as `"mnist"`, looked for
    in `data_dir`. A data set without a split of its own for testing keeps back every fifth image.

    Raises:
      InputError: nothing can be read; the message names the source and says what to do.

    >>> images = read("digits")
    >>> images.train.shape, images.held_out.shape, images.train.dtype
    ((1437, 8, 8, 1), (360, 8, 8, 1), dtype('uint8'))
    """
    if source == "digits":
        return _hold_out(_digits())
    path = Path(source).expanduser()
    if path.suffix == ".npz":
        return _hold_out(_npz(path))
    if path.is_dir():
        return _hold_out(_folder(path))
    if path.is_absolute() or source.startswith((".", "~")):
        raise InputError(f"data.source: there is no folder {source}; give a folder of images, an .npz or a TFDS name")
    return _tfds(source, data_dir)


def check_images(images: np.ndarray, name: str) -> np.ndarray:
    """Return uint8 images (N, H, W, C), adding the channel axis to greyscale ones; refuse anything else.

    Raises:
      InputError: another dtype, rank or number of channels than 1, 3 or 4, or no image at all.

    >>> check_images(np.zeros((2, 8, 8), np.uint8), "mine").shape
    (2, 8, 8, 1)
    """
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        raise InputError(f"{name}: images must be uint8 (N, H, W, C), C = 1, 3 or 4, got {images.dtype} {images.shape}")
    return images


def _hold_out(images: np.ndarray) -> ImageSet:
    """Keep back every fifth image, after a shuffle that is the same on every machine."""
    if len(images) < 5:
        raise InputError(f"data.source: {len(images)} images are too few to hold any out; give at least 5")
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    held_out = -(-len(images) // 5)
    return ImageSet(train=images[order[held_out:]], held_out=images[order[:held_out]])


def _digits() -> np.ndarray:
    from sklearn.datasets import load_digits  # imported late: it takes longer than the rest of the package

    levels = load_digits().images  # (1797, 8, 8), 0 to 16
    return np.round(levels * (255 / 16)).astype(np.uint8)[..., None]


def _npz(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if "images" not in arrays:
                raise InputError(f"{path}: has no array 'images', only {sorted(arrays)}; use np.savez(images=...)")
            return check_images(arrays["images"], str(path))
    except FileNotFoundError:
        raise InputError(f"data.source: there is no file {path}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a readable .npz file ({error})") from None


def _folder(path: Path) -> np.ndarray:
    from PIL import Image

    Image.init()
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in Image.EXTENSION)
    if not files:
        raise InputError(f"data.source: the folder {path} holds no images")
    images, first = [], None
    for file in files:
        try:
            with Image.open(file) as image:
                key = (image.size, "L" if image.mode in ("1", "L") else "RGB")
                first = first or key
                if key != first:
                    raise InputError(f"{file}: is {_says(key)}, but {files[0].name} is {_says(first)}; make them alike")
                images.append(np.asarray(image.convert(key[1])))
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{file}: is not a readable image ({error})") from None
    return check_images(np.stack(images), str(path))


def _says(key: tuple[tuple[int, int], str]) -> str:
    (width, height), mode = key
    return f"{width}x{height} {'greyscale' if mode == 'L' else 'colour'}"


def _tfds(name: str, data_dir: Path | None) -> ImageSet:
    import absl.logging

    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)  # it advises to install OpenCV, and to look at every failed attempt
    try:
        builder = _tfds_builder(name, data_dir)
        train = _tfds_split(builder, "train")
        for name in ("test", "validation"):
            if name in builder.info.splits:
                return ImageSet(train, _tfds_split(builder, name))
        return _hold_out(train)
    finally:
        absl.logging.set_verbosity(verbosity)


def _tfds_builder(name: str, data_dir: Path | None):
    import tensorflow_datasets as tfds

    where = data_dir or tfds.core.constants.DATA_DIR
    advice = f"prepare it there as array_record, or point --data-dir at a folder that holds {name}"
    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False, file_format="array_record")
    except tfds.core.DatasetNotFoundError:
        raise InputError(
            f"data.source: {name} is neither a file, nor a folder, nor a data set of TFDS or prepared in {where}"
        ) from None
    except Exception as error:  # TFDS raises many kinds; the user can act on one line
        raise InputError(f"data.source: TFDS cannot use {name} in {where} ({_line(error)}); {advice}") from None
    if builder.is_prepared():
        return builder
    if not _has_network():
        raise InputError(f"data.source: {name} is not in {where} and there is no network to download it; {advice}")
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(f"data.source: TFDS could not prepare {name} in {where} ({_line(error)}); {advice}") from error
    return builder


def _has_network() -> bool:
    """Ask for a name first: TFDS itself would try for minutes before it gave up."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    try:
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        return False
    return True


def _tfds_split(builder, split: str) -> np.ndarray:
    if "image" not in builder.info.features:
        raise InputError(f"data.source: {builder.name} has no feature 'image', only {sorted(builder.info.features)}")
    try:
        source = builder.as_data_source(split=split)
    except Exception as error:
        raise InputError(f"data.source: TFDS cannot read {builder.name} ({_line(error)})") from error
    images = [example["image"] for example in source]
    if len({image.shape for image in images}) != 1:
        raise InputError(f"data.source: the images of {builder.name} differ in size; resize them to a folder first")
    return check_images(np.stack(images), builder.name)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
