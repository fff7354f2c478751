"""TensorFlow Datasets: prepared folders, read without TensorFlow; what is not prepared is fetched where that can be."""

import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.files import check_images
from gan_jax.data.holding_out import entries, hold_out
from gan_jax.data.large_arrays import check_room
from gan_jax.data.vocabulary import vocabulary_of
from gan_jax.errors import InputError, one_line

__all__ = ["Split", "knows", "read_split", "read_tfds"]

_FIELD = "data.source"
_CAPTIONS = ("caption", "captions", "text")  # names of features that are
_AT_ONCE = 2**19  # bytes of images
_INSTALLED = find_spec("tensorflow_datasets") is not None  # the extra `tfds`; imported late, since it takes long


def knows(name: str, data_dir: Path | None) -> bool:
    """Whether a name is one of TFDS, or prepared in a folder."""
    name = name.partition("/")[0].partition(":")[0]
    if data_dir is not None and (data_dir / name).is_dir():
        return True
    if not _INSTALLED:
        return False
    import tensorflow_datasets as tfds

    return name in tfds.list_builders(with_community_datasets=False)


def read_tfds(name: str, data_dir: Path | None) -> Dataset:
    """Read a data set by its name; without a split for testing, every fifth image is held out.

    Raises:
      InputError: TFDS is not installed, or cannot read it; the message says what to do.
    """
    if not _INSTALLED:
        install = 'install TensorFlow Datasets by `pip install "gan_jax[tfds]"` if it is one of theirs'
        raise InputError(f"{name} is no file, no folder and no data set of gan_jax; {install}", field=_FIELD)
    import absl.logging

    verbosity = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)  # it advises to install OpenCV, and to look at every failed attempt
    try:
        builder = _builder(name, data_dir)
        features: Any = builder.info.features
        classes = tuple(getattr(features["label"], "names", ())) if "label" in features else ()
        train = read_split(builder, "train", bool(classes))
        for name in ("test", "validation"):
            if name in builder.info.splits:
                return _joined(train, read_split(builder, name, bool(classes)), classes=classes)
        return _joined(train, classes=classes)
    finally:
        absl.logging.set_verbosity(verbosity)


def _builder(name: str, data_dir: Path | None):
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


class Split(NamedTuple):
    """The images of a split, and what belongs to each.

    Attributes:
      images: uint8 (N, H, W, C).
      labels: int32 (N,), or None.
      captions: of each, or None.
    """

    images: np.ndarray
    labels: np.ndarray | None
    captions: list[str] | None


def read_split(builder, split: str, has_labels: bool) -> Split:
    """Read the images, labels and captions of a split, each image straight to its place in memory."""
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
    said = next((name for name in _CAPTIONS if name in builder.info.features), None)
    captions = []
    for i, example in enumerate(_examples(source, max(1, _AT_ONCE // first.nbytes))):
        if example["image"].shape != first.shape:
            raise InputError(f"images of {builder.name} differ in size; resize them to a folder first", field=_FIELD)
        images[i] = example["image"]
        labels[i] = example["label"] if has_labels else 0
        if said:
            captions.append(_caption(example[said], f"{builder.name}: image {i} of {split}"))
    return Split(check_images(images, builder.name), labels if has_labels else None, captions if said else None)


def _examples(source: Any, count: int) -> Iterator[dict[str, Any]]:
    """Examples in their order, read so many at once: of small images that takes a third of the time."""
    for start in range(0, len(source), count):
        yield from source.__getitems__(range(start, min(start + count, len(source))))


def _caption(value: Any, image: str) -> str:
    """The text of a feature, or the first of several, as COCO's captions are."""
    while isinstance(value, dict):
        value = value["text"]
    text = next(iter(np.atleast_1d(np.asarray(value, object))), b"")
    text = text.decode() if isinstance(text, bytes) else str(text)
    if not text.strip():
        raise InputError(f"{image} has no caption; prepare the data without it", field=_FIELD)
    return text


def _joined(*splits: Split, classes: tuple[str, ...]) -> Dataset:
    """One part to train on, of which some are held out, or one of either."""
    captions = [caption for split in splits for caption in split.captions or ()]
    vocabulary = vocabulary_of(captions) if captions else None
    parts = [
        entries(split.images, split.labels, vocabulary(split.captions) if vocabulary and split.captions else None)
        for split in splits
    ]
    if len(parts) == 1:
        return hold_out(parts[0], classes, vocabulary)
    return from_arrays(parts[0], parts[1], classes, vocabulary)
