"""Images as files, one each, in the form that other tools read."""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.errors import InputError
from gan_jax.types import Int, UInt8

__all__ = ["class_folders", "save_image_files"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def save_image_files(
    folder: Path,
    images: UInt8[np.ndarray, "n h w c"],
    numbers: Sequence[int],
    labels: Int[np.ndarray, " n"] | None = None,
    classes: Sequence[str] = (),
    *,
    advance: Callable[[int], None] = lambda done: None,
) -> None:
    """Write uint8 images (N, H, W, C) as `000000.png`, by their numbers, in the folder of their class if they have one.

    The folder is whole or absent. `advance(1)` is called after each.

    Raises:
      InputError: the folder holds something, or the images have neither 1, 3 nor 4 channels.

    >>> with tempfile.TemporaryDirectory() as parent:
    ...     folder = Path(parent) / "drawn"
    ...     save_image_files(folder, np.zeros((2, 4, 5, 1), np.uint8), [0, 7], np.array([1, 0]), ["cat", "dog"])
    ...     sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))
    ['cat/000007.png', 'dog/000000.png']
    """
    if images.shape[3] not in _MODES:
        raise InputError(f"images of {images.shape[3]} channels are no pictures; give an .npz", field="out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; give another folder", field="out")
    folders = class_folders(classes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as parent:
        part = Path(parent) / folder.name
        part.mkdir()
        for name in [] if labels is None else {folders[label] for label in labels.tolist()}:
            (part / name).mkdir()
        for i, (number, image) in enumerate(zip(numbers, images, strict=True)):
            inner = part if labels is None else part / folders[int(labels[i])]
            picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image, _MODES[image.shape[2]])
            picture.save(inner / f"{number:06d}.png")
            advance(1)
        part.replace(folder)


def class_folders(classes: Sequence[str]) -> list[str]:
    """Return the name of a folder for each class, where a class is called as no folder can be.

    >>> class_folders(["cat", "a/b", "a_b", ".."])
    ['cat', 'a_b', 'a_b_2', '3']
    """
    found: list[str] = []
    for i, name in enumerate(classes):
        plain = re.sub(r"[^\w .-]", "_", name).strip(" .") or str(i)
        found.append(f"{plain}_{i}" if plain in found else plain)
    return found
