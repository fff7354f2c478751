"""Images as they come: where a folder, an `.npz` or an unpacked archive has them, their labels, captions and splits."""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.data.captions import find_captions
from gan_jax.data.classics import read_cifar, read_mnist
from gan_jax.data.files import read_labeled_images
from gan_jax.data.pictures import picture_files
from gan_jax.data.vocabulary import Vocabulary, vocabulary_of
from gan_jax.errors import InputError, one_line
from gan_jax.files import expand_user

__all__ = ["SPLITS", "Originals", "find_originals"]

SPLITS = {"train": "train", "test": "held_out", "valid": "held_out", "validation": "held_out", "val": "held_out"}
"""Names of folders that are no classes, and what becomes of their images."""


class Originals(NamedTuple):
    """Images that are not read yet, or not of one kind yet.

    Attributes:
      images: files, or uint8 images (N, H, W, C).
      names: of each, for messages.
      labels: of each, int32 (N,), or None.
      splits: of each, "train" or "held_out", or None where the data have no splits of their own.
      classes: names of the classes.
      left_out: what is there and is not used, in words.
      tokens: the rows of their captions, int32 (N, L), or None.
      vocabulary: the words of the captions.
    """

    images: Sequence[Path] | np.ndarray
    names: Sequence[str]
    labels: np.ndarray | None = None
    splits: Sequence[str] | None = None
    classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    tokens: np.ndarray | None = None
    vocabulary: Vocabulary | None = None

    def part(self, start: int, stop: int) -> "Originals":
        """Return some of them."""
        return self._replace(
            images=self.images[start:stop],
            names=self.names[start:stop],
            labels=None if self.labels is None else self.labels[start:stop],
            splits=None if self.splits is None else self.splits[start:stop],
            tokens=None if self.tokens is None else self.tokens[start:stop],
        )


def find_originals(path: Path, labels: str | None = None) -> Originals:
    """Find the images of a folder, with captions if it has any, an `.npz` file, or the files of MNIST and CIFAR.

    Args:
      path: the folder or file.
      labels: "folders", whose names are then the classes; "none"; or a CSV or JSON-lines file of names and labels. By
        default those that an `.npz`, MNIST or CIFAR bring, or those of folders if all images lie in some.

    Raises:
      InputError: there are none, or the labels do not fit them; the message names the file and says what to do.
    """
    if path.is_file():
        return _of_arrays(path, {"": read_labeled_images(path)}, labels)
    for read in (read_mnist, read_cifar):
        found = read(path)
        if found:
            arrays, classes = found
            return _of_arrays(path, arrays, labels, classes)
    return _of_folder(path, labels)


def _of_arrays(path: Path, arrays: dict, labels: str | None, classes: tuple[str, ...] = ()) -> Originals:
    """Arrays by split, "" where there is one part only."""
    if labels not in (None, "none"):
        raise InputError(f"{path} brings its labels itself; leave it out, or give none", field="labels")
    images = np.concatenate([images for images, _ in arrays.values()]) if len(arrays) > 1 else arrays[""][0]
    numbers = [numbers for _, numbers in arrays.values()]
    label = None
    if labels is None and all(each is not None for each in numbers):
        label = np.concatenate(numbers).astype(np.int32)
        classes = classes or tuple(map(str, range(int(label.max()) + 1)))
    splits = None if "" in arrays else [split for split, (images, _) in arrays.items() for _ in range(len(images))]
    names = [f"{path}: image {i}" for i in range(len(images))]
    return Originals(images, names, label, splits, classes if label is not None else ())


def _of_folder(path: Path, labels: str | None) -> Originals:
    splits, left_out = _split_folders(path)
    roots = {folder: split for folder, split in splits.items()} or {path: None}
    files, split_of, classes_of = [], [], []
    for root, split in roots.items():
        found = picture_files(root)
        files += found
        split_of += [split] * len(found)
        classes_of += [
            file.relative_to(root).parts[0] if len(file.relative_to(root).parts) > 1 else "" for file in found
        ]
    if not files:
        raise InputError(f"{path}: the folder holds no images")
    names = [str(file) for file in files]
    label, classes = None, ()
    if labels == "folders" or (labels is None and all(classes_of)):
        label, classes = _by_folder(path, [*roots], files, classes_of)
    elif labels not in (None, "none"):
        label, classes = _by_file(expand_user(labels), path, files)
    captions = find_captions([path, *splits], files)
    vocabulary = None if captions is None else vocabulary_of(captions)
    return Originals(
        files,
        names,
        label,
        split_of if splits else None,
        classes,
        left_out,
        tokens=None if captions is None or vocabulary is None else vocabulary(captions),
        vocabulary=vocabulary,
    )


def _split_folders(path: Path) -> tuple[dict[Path, str], tuple[str, ...]]:
    """The folders that are splits, where there is one to train on and one held out, and what is left out of them."""
    folders = {child.name.lower(): child for child in sorted(path.iterdir()) if child.is_dir()}
    held_out = next((name for name in ("test", "valid", "validation", "val") if name in folders), None)
    if "train" not in folders or held_out is None:
        return {}, ()
    others = [child.name for name, child in folders.items() if name not in ("train", held_out) and name[0] != "."]
    left_out = tuple(f"{name}/: the splits are train/ and {folders[held_out].name}/" for name in others)
    return {folders["train"]: "train", folders[held_out]: "held_out"}, left_out


def _by_folder(path: Path, roots: list[Path], files: list[Path], classes_of: list[str]) -> tuple[np.ndarray, tuple]:
    if not all(classes_of):
        loose = files[classes_of.index("")]
        raise InputError(f"{loose}: lies in no class folder; move it into one, or give --labels none")
    classes = tuple(sorted({*classes_of}))
    for root in roots:
        for folder in sorted(child for child in root.iterdir() if child.is_dir() and child.name[0] != "."):
            if folder.name not in classes:
                raise InputError(f"{folder}: the class folder holds no images; remove it")
    for name in classes:
        if classes_of.count(name) < 2:
            raise InputError(
                f"{path}: the class {name} has one image; give more, or no labels by `gan-jax data --labels none`"
            )
    return np.array([classes.index(name) for name in classes_of], np.int32), classes


def _by_file(file: Path, folder: Path, files: list[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels from lines `name,label` or `{"file": name, "label": label}`."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        if file.suffix == ".csv":
            pairs = [row[:2] for row in csv.reader(lines) if row]
        else:
            pairs = [(str(row["file"]), str(row["label"])) for row in map(json.loads, filter(str.strip, lines))]
        label_of = {name.strip(): label.strip() for name, label in pairs}
    except (OSError, ValueError, KeyError, TypeError) as error:
        advice = 'a CSV of lines `name,label`, or JSON lines {"file": name, "label": label}'
        raise InputError(f"{file} cannot be read ({one_line(error)}); give {advice}", field="labels") from None
    names = [file.relative_to(folder).as_posix() for file in files]
    missing = [name for name in names if name not in label_of]
    if missing:
        count = f"{len(missing)} of {len(names)} images have no label in {file}, the first is {missing[0]}"
        raise InputError(f"{count}; add them, or remove the images", field="labels")
    found = {label_of[name] for name in names}
    classes = tuple(sorted(found, key=lambda label: (len(label), label) if label.isdigit() else (math.inf, label)))
    return np.array([classes.index(label_of[name]) for name in names], np.int32), classes
