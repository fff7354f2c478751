"""Data sets by name or path, each read to the same two arrays: one to train on and one held out."""

import os
import socket
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.data.files import check_images, one_line, read_images
from gan_jax.data.toy import TOYS
from gan_jax.errors import InputError


class Dataset(NamedTuple):
    """Two arrays that share no sample: uint8 images (N, H, W, C) of one size, or float32 points (N, D)."""

    train: np.ndarray
    held_out: np.ndarray


def read(source: str, data_dir: Path | None = None) -> Dataset:
    """Read a data set whole into memory; sizes and channels are the data's own.

    `source` is `"digits"` (the real 8x8 digits that scikit-learn ships), a two-dimensional distribution of
    `gan_jax.data.toy.TOYS` (100,000 points to train on, 10,000 held out), an `.npz` file with an array `images`, a
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
    if source in TOYS:
        return _toy(source)
    path = Path(resolve(source, data_dir))
    if path.suffix == ".npz" or path.is_absolute():
        if not path.exists():
            raise InputError(
                f"data.source: there is no file or folder {path}; give a folder of images, an .npz or a TFDS name"
            )
        return _hold_out(read_images(path))
    return _tfds(source, data_dir)


def resolve(source: str, data_dir: Path | None = None) -> str:
    """Return the absolute path of a source that is one, and any other source as it is.

    A name that TFDS knows, or that is prepared in `data_dir`, stands for that data set even where there is a folder of
    that name: write `./mnist` for the folder.

    >>> resolve("digits"), resolve("mnist"), resolve("./mine.npz") == str(Path.cwd() / "mine.npz")
    ('digits', 'mnist', True)
    """
    if not source:
        raise InputError("data.source: is empty; give a folder of images, an .npz or a TFDS name")
    path = Path(source).expanduser()
    is_path = path.is_absolute() or path.suffix == ".npz" or source.startswith(".")
    if source == "digits" or source in TOYS or not (is_path or path.is_dir()):
        return source
    if is_path or not _tfds_knows(source, data_dir):
        return str(path.absolute())
    return source


def _tfds_knows(name: str, data_dir: Path | None) -> bool:
    import tensorflow_datasets as tfds

    name = name.partition("/")[0].partition(":")[0]
    return (data_dir is not None and (data_dir / name).is_dir()) or name in tfds.list_builders(
        with_community_datasets=False
    )


def _hold_out(images: np.ndarray) -> Dataset:
    """Keep back every fifth image, after a shuffle that is the same on every machine."""
    if len(images) < 5:
        raise InputError(f"data.source: {len(images)} images are too few to hold any out; give at least 5")
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    held_out = -(-len(images) // 5)
    return Dataset(train=images[order[held_out:]], held_out=images[order[:held_out]])


def _toy(name: str) -> Dataset:
    draw = jax.jit(TOYS[name]().sample, static_argnums=1)
    train_key, held_out_key = jax.random.split(jax.random.key(0))
    return Dataset(np.asarray(draw(train_key, 100_000)), np.asarray(draw(held_out_key, 10_000)))


def _digits() -> np.ndarray:
    from sklearn.datasets import load_digits  # imported late: it takes longer than the rest of the package

    levels = load_digits().images  # (1797, 8, 8), 0 to 16
    return np.round(levels * (255 / 16)).astype(np.uint8)[..., None]


def _tfds(name: str, data_dir: Path | None) -> Dataset:
    import absl.logging

    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)  # it advises to install OpenCV, and to look at every failed attempt
    try:
        builder = _tfds_builder(name, data_dir)
        train = _tfds_split(builder, "train")
        for name in ("test", "validation"):
            if name in builder.info.splits:
                return Dataset(train, _tfds_split(builder, name))
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
        raise InputError(f"data.source: TFDS cannot use {name} in {where} ({one_line(error)}); {advice}") from None
    if builder.is_prepared():
        return builder
    if not _has_network():
        raise InputError(f"data.source: {name} is not in {where} and there is no network to download it; {advice}")
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(
            f"data.source: TFDS could not prepare {name} in {where} ({one_line(error)}); {advice}"
        ) from error
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
        raise InputError(f"data.source: TFDS cannot read {builder.name} ({one_line(error)})") from error
    images = [example["image"] for example in source]
    if len({image.shape for image in images}) != 1:
        raise InputError(f"data.source: the images of {builder.name} differ in size; resize them to a folder first")
    return check_images(np.stack(images), builder.name)
