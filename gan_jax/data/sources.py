"""Data sets by name or path, each read to the same type: a source to train on and one held out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np

from gan_jax.data import tfds
from gan_jax.data.alike import held_out
from gan_jax.data.captioned_digits import read_captioned_mnist, with_captions
from gan_jax.data.crops import read_cropped_mnist, with_crops
from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.digits import read_digits
from gan_jax.data.discs import read_discs
from gan_jax.data.files import check_images
from gan_jax.data.holding_out import entries, split
from gan_jax.data.originals import find_originals
from gan_jax.data.pictures import read_pictures
from gan_jax.data.records import is_prepared, read_records
from gan_jax.data.toy import TOYS
from gan_jax.errors import InputError
from gan_jax.files import expand_user

__all__ = ["DATASETS", "read", "resolve"]

_FIELD = "data.source"
_SUFFIXES = {".gz", ".npy", ".npz", ".tar", ".tgz", ".zip"}  # no name of TFDS ends so


def read(source: str, data_dir: Path | None = None) -> Dataset:
    """Read a data set whole into memory; sizes, channels and classes are the data's own.

    `source` is a name in `DATASETS` (`"digits"`, the real 8x8 digits in the package, `"captioned_digits"`, these with
    captions, `"captioned_mnist"`, MNIST in 32x32 pixels with captions, `"cropped_digits"`, `"cropped_mnist"`, cut off
    as far as an entry says, `"discs"` with their outlines, or a two-dimensional distribution of
    `gan_jax.data.toy.TOYS`, 100,000 points to train on, 10,000 held out), an `.npz` file with an array `images` and
    perhaps `labels`, a folder of images (searched through its subfolders, which are classes or splits as
    `gan_jax.data.originals` finds them, with captions as `gan_jax.data.captions` does), a folder that `gan-jax data`
    has written, of which nothing is read yet, or a TensorFlow Datasets name such as `"mnist"`, looked for in
    `data_dir`. Of one's own images without splits one in five is held out, by its content; a TFDS data set without a
    split for testing keeps back every fifth.

    Raises:
      InputError: nothing can be read; the message names the source and says what to do.

    >>> digits = read("digits")
    >>> digits.shape, len(digits.train), len(digits.held_out), digits.classes[:2]
    ((8, 8, 1), 1437, 360, ('0', '1'))
    """
    if source in DATASETS:
        return DATASETS[source](data_dir)
    path = Path(resolve(source, data_dir))
    if path.is_absolute():
        if not path.exists():
            raise InputError(
                f"there is no file or folder {path}; give a folder of images, an .npz or a TFDS name", field=_FIELD
            )
        return read_records(path) if is_prepared(path) else _own(path)
    return tfds.read_tfds(source, data_dir)


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
    return str(path.absolute()) if path.is_dir() and not tfds.knows(source, data_dir) else source


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
    arrays = entries(images, originals.labels, originals.tokens)
    return split(arrays, order, int(is_held_out.sum()), originals.classes, originals.vocabulary)


def _toy(name: str, data_dir: Path | None) -> Dataset:
    draw = jax.jit(TOYS[name]().sample, static_argnums=1)
    train_key, held_out_key = jax.random.split(jax.random.key(0))
    train, held_out = np.asarray(draw(train_key, 100_000)), np.asarray(draw(held_out_key, 10_000))
    return from_arrays({"sample": train}, {"sample": held_out})


DATASETS: dict[str, Callable[[Path | None], Dataset]] = {
    "digits": lambda data_dir: read_digits(),
    "cropped_digits": lambda data_dir: with_crops(read_digits(), most=3, each=8),
    "cropped_mnist": read_cropped_mnist,
    "discs": lambda data_dir: read_discs(),
    "captioned_digits": lambda data_dir: with_captions(read_digits()),
    "captioned_mnist": read_captioned_mnist,
    **{name: partial(_toy, name) for name in TOYS},
}
"""By name, functions `(data_dir) -> Dataset` that read a data set."""
