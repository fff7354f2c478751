"""Images made alike: of one size, one color, without transparency; and which of them are held out."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gan_jax.errors import InputError

__all__ = ["Preparation", "held_out", "prepare_image"]

_HOLD_OUT = 5  # every fifth image, by its content


@dataclass(frozen=True)
class Preparation:
    """How images are made alike.

    Attributes:
      size: (H, W) of all, or None for that of the first, which all others must have.
      crop: the largest part of the size's proportions, from the center or from anywhere; "none" takes the whole image,
        and changes its proportions.
      resize: "area" (the mean over each pixel's area) or "lanczos"; what has to grow is interpolated by "lanczos".
      color: "rgb" or "gray" for all, or None for that of the first, which all others must have.
      alpha: "refuse" transparent images, or lay them on "white" or "black".
      skip_unreadable: whether files that cannot be read are left out and listed.
    """

    size: tuple[int, int] | None = None
    crop: Literal["center", "random", "none"] = "center"
    resize: Literal["area", "lanczos"] = "area"
    color: Literal["rgb", "gray"] | None = None
    alpha: Literal["refuse", "white", "black"] = "refuse"
    skip_unreadable: bool = False


def prepare_image(image: np.ndarray, how: Preparation) -> np.ndarray:
    """Return a uint8 image (H, W, C) of the chosen color and size; the same image is cropped the same way each time.

    Raises:
      InputError: it has an alpha channel, which is refused; the message says what to do.

    >>> prepare_image(np.zeros((6, 9, 3), np.uint8), Preparation(size=(4, 4), color="gray")).shape
    (4, 4, 1)
    """
    from PIL import Image

    channels = image.shape[-1]
    if channels == 4 and how.alpha == "refuse":
        raise InputError("has an alpha channel; give --alpha white or black to lay it on that")
    picture = Image.fromarray(image.squeeze(-1) if channels == 1 else image)
    if channels == 4:
        ground = Image.new("RGBA", picture.size, how.alpha)
        picture = Image.alpha_composite(ground, picture).convert("RGB")
    if how.color is not None:
        picture = picture.convert({"rgb": "RGB", "gray": "L"}[how.color])
    if how.size is not None:
        picture = _resized(picture, how, image)
    pixels = np.asarray(picture)
    return pixels.reshape(*pixels.shape[:2], -1)


def held_out(sample: np.ndarray) -> bool:
    """Whether a sample is held out, by its content: one in five, wherever it is and whatever is beside it.

    >>> sum(held_out(np.full((2, 2, 1), i, np.uint8)) for i in range(250))
    45
    """
    return int.from_bytes(hashlib.sha256(np.ascontiguousarray(sample).data).digest()[:8]) % _HOLD_OUT == 0


def _resized(picture: Any, how: Preparation, image: np.ndarray) -> Any:
    from PIL import Image

    assert how.size is not None
    height, width = how.size
    box = None
    if how.crop != "none":
        scale = min(picture.width / width, picture.height / height)
        room = picture.width - scale * width, picture.height - scale * height
        at = (0.5, 0.5)
        if how.crop == "random":
            seed = int.from_bytes(hashlib.sha256(np.ascontiguousarray(image).data).digest()[:8])
            at = tuple(np.random.default_rng(seed).uniform(size=2))
        left, top = at[0] * room[0], at[1] * room[1]
        box = (left, top, left + scale * width, top + scale * height)
    grows = width > picture.width or height > picture.height
    kind = Image.Resampling.LANCZOS if grows or how.resize == "lanczos" else Image.Resampling.BOX
    return picture.resize((width, height), kind, box)
