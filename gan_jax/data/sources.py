"""Data sets by name or path, each read to the same type: a source to train on and one held out."""

import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.data.alike import held_out
from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.files import check_images
from gan_jax.data.large_arrays import check_room, reorder
from gan_jax.data.originals import find_originals
from gan_jax.data.pictures import read_pictures
from gan_jax.data.records import is_prepared, read_records
from gan_jax.data.toy import TOYS
from gan_jax.errors import InputError, one_line
from gan_jax.files import expand_user

__all__ = ["DATASETS", "read", "resolve"]

_FIELD = "data.source"
_SUFFIXES = {".gz", ".npy", ".npz", ".tar", ".tgz", ".zip"}  # no name of TFDS ends so


def read(source: str, data_dir: Path | None = None) -> Dataset:
    """Read a data set whole into memory; sizes, channels and classes are the data's own.

    `source` is a name in `DATASETS` (`"digits"`, the real 8x8 digits that scikit-learn ships, or a two-dimensional
    distribution of `gan_jax.data.toy.TOYS`, 100,000 points to train on, 10,000 held out), an `.npz` file with an array
    `images` and perhaps `labels`, a folder of images (searched through its subfolders, which are classes or splits as
    `gan_jax.data.originals` finds them), a folder that `gan-jax data` has written, of which nothing is read yet, or a
    TensorFlow Datasets name such as `"mnist"`, looked for in `data_dir`. Of one's own images without splits one in five
    is held out, by its content; a TFDS data set without a split for testing keeps back every fifth.

    Raises:
      InputError: nothing can be read; the message names the source and says what to do.

    >>> digits = read("digits")
    >>> digits.shape, len(digits.train), len(digits.held_out), digits.classes[:2]
    ((8, 8, 1), 1437, 360, ('0', '1'))
    """
    if source in DATASETS:
        return DATASETS[source]()
    path = Path(resolve(source, data_dir))
    if path.is_absolute():
        if not path.exists():
            raise InputError(
                f"there is no file or folder {path}; give a folder of images, an .npz or a TFDS name", field=_FIELD
            )
        return read_records(path) if is_prepared(path) else _own(path)
    return _tfds(source, data_dir)


def resolve(source: str, data_dir: Path | None = None) -> str:
    """Return the absolute path of a source that is one, and any other source as it is.

    A name that TFDS knows, or that is prepared in `data_dir`, stands for that data set even where there is a folder of
    that name: write `./mnist` for the folder.

    Raises:
      InputError: the source is empty, or begins with `~` and a name that no user has.

    >>> resolve("digits"), resolve("mnist"), resolve("./mine.npz") == str(Path.cwd() / "mine.npz")
    ('digits', 'mnist', True)
    """
    if not source:
        raise InputError("is empty; give a folder of images, an .npz or a TFDS name", field=_FIELD)
    if source in DATASETS:
        return source
    try:
        path = expand_user(source)
    except InputError as error:
        raise InputError(error.reason, field=_FIELD) from None
    suffix = path.suffix.lower()
    if path.is_absolute() or source.startswith(".") or suffix in _SUFFIXES or (suffix and path.is_file()):
        return str(path.absolute())
    return str(path.absolute()) if path.is_dir() and not _tfds_knows(source, data_dir) else source


def _tfds_knows(name: str, data_dir: Path | None) -> bool:
    import tensorflow_datasets as tfds

    name = name.partition("/")[0].partition(":")[0]
    return (data_dir is not None and (data_dir / name).is_dir()) or name in tfds.list_builders(
        with_community_datasets=False
    )


def _own(path: Path) -> Dataset:
    """One's own images. Where they have no splits, each is held out or not by its content: another moves none."""
    originals = find_originals(path)
    images = originals.images
    if not isinstance(images, np.ndarray):
        images = check_images(read_pictures(images, path), str(path))
    if originals.splits:
        is_held_out = np.array([split == "held_out" for split in originals.splits])
    else:
        is_held_out = np.array([held_out(image) for image in images])
    if is_held_out.all() or not is_held_out.any():
        raise InputError(
            f"{len(images)} images are too few, or too alike, to hold any out by their content; give more", field=_FIELD
        )
    order = np.argsort(~is_held_out, kind="stable")
    return _split(images, originals.labels, order, int(is_held_out.sum()), originals.classes)


def _hold_out(images: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...] = ()) -> Dataset:
    """Keep back every fifth image, after a shuffle that is the same on every machine, in the memory of the images."""
    if len(images) < 5:
        raise InputError(f"{len(images)} images are too few to hold any out; give at least 5", field=_FIELD)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    return _split(images, labels, order, -(-len(images) // 5), classes)


def _split(images: np.ndarray, labels: np.ndarray | None, order: np.ndarray, count: int, classes: tuple) -> Dataset:
    """Hold out the first so many of an order, in the memory of the images."""
    train, held_out = {}, {}
    for name, array in _entries(images, labels).items():
        reorder(array, order)
        train[name], held_out[name] = array[count:], array[:count]
    return from_arrays(train, held_out, classes)


def _entries(images: np.ndarray, labels: np.ndarray | None) -> dict[str, np.ndarray]:
    return {"sample": images} if labels is None else {"sample": images, "label": labels.astype(np.int32)}


def _toy(name: str) -> Dataset:
    draw = jax.jit(TOYS[name]().sample, static_argnums=1)
    train_key, held_out_key = jax.random.split(jax.random.key(0))
    train, held_out = np.asarray(draw(train_key, 100_000)), np.asarray(draw(held_out_key, 10_000))
    return from_arrays({"sample": train}, {"sample": held_out})


def _digits() -> Dataset:
    from sklearn.datasets import load_digits  # imported late: it takes longer than the rest of the package

    digits: Any = load_digits()  # (1797, 8, 8), 0 to 16
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return _hold_out(images, digits.target, tuple(map(str, digits.target_names)))


DATASETS: dict[str, Callable[[], Dataset]] = {"digits": _digits} | {name: partial(_toy, name) for name in TOYS}
"""By name, functions that read a data set."""


def _tfds(name: str, data_dir: Path | None) -> Dataset:
    import absl.logging

    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)  # it advises to install OpenCV, and to look at every failed attempt
    try:
        builder = _tfds_builder(name, data_dir)
        features: Any = builder.info.features
        classes = tuple(getattr(features["label"], "names", ())) if "label" in features else ()
        train = _tfds_split(builder, "train", bool(classes))
        for name in ("test", "validation"):
            if name in builder.info.splits:
                return from_arrays(_entries(*train), _entries(*_tfds_split(builder, name, bool(classes))), classes)
        return _hold_out(*train, classes)
    finally:
        absl.logging.set_verbosity(verbosity)


def _tfds_builder(name: str, data_dir: Path | None):
    import tensorflow_datasets as tfds

    where = data_dir or tfds.core.constants.DATA_DIR  # pyright: ignore[reportAttributeAccessIssue]
    folder = f"; for the folder {name} that is here, write ./{name}" if Path(name).is_dir() else ""
    advice = f"prepare it there as array_record, or point --data-dir at a folder that holds {name}{folder}"
    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False, file_format="array_record")
    except tfds.core.DatasetNotFoundError:
        raise InputError(
            f"{name} is neither a file, nor a folder, nor a data set of TFDS or prepared in {where}{folder}",
            field=_FIELD,
        ) from None
    except Exception as error:  # TFDS raises many kinds; the user can act on one line
        raise InputError(f"TFDS cannot use {name} in {where} ({one_line(error)}); {advice}", field=_FIELD) from None
    if builder.is_prepared():
        return builder
    if not _has_network():
        raise InputError(f"{name} is not in {where} and there is no network to download it; {advice}", field=_FIELD)
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(
            f"TFDS could not prepare {name} in {where} ({one_line(error)}); {advice}", field=_FIELD
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


def _tfds_split(builder, split: str, has_labels: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if "image" not in builder.info.features:
        raise InputError(f"{builder.name} has no feature 'image', only {sorted(builder.info.features)}", field=_FIELD)
    try:
        source = builder.as_data_source(split=split)
    except Exception as error:
        raise InputError(f"TFDS cannot read {builder.name} ({one_line(error)})", field=_FIELD) from error
    if not len(source):
        raise InputError(f"{builder.name} holds no images", field=_FIELD)
    first = source[0]["image"]
    check_room(len(source) * first.nbytes, f"{builder.name}: {len(source):,} images")
    images, labels = np.empty((len(source), *first.shape), first.dtype), np.zeros(len(source), np.int32)
    for i, example in enumerate(source):
        if example["image"].shape != first.shape:
            raise InputError(f"images of {builder.name} differ in size; resize them to a folder first", field=_FIELD)
        images[i] = example["image"]
        labels[i] = example["label"] if has_labels else 0
    return check_images(images, builder.name), labels if has_labels else None
