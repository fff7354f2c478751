"""A picture, or several one after the other, as a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.files import atomic_write
from gan_jax.types import UInt8

__all__ = ["ANIMATED", "STILL", "save_animation"]

STILL = (".png", ".jpg")
"""Endings of files that hold one picture."""

ANIMATED = (".png", ".gif")
"""Endings of files that may hold several."""

_QUALITY = 85  # of JPEG


def save_animation(path: Path, frames: Sequence[UInt8[np.ndarray, "h w c"]], *, seconds: float = 0.1) -> None:
    """Write uint8 pictures (H, W, 3) as one file, each shown for some time, again and again; one alone stands still.

    The path ends in one of `STILL`, or `ANIMATED` where there are several.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_animation(Path(folder) / "a.png", [np.full((4, 5, 3), i, np.uint8) for i in range(3)])
    ...     with Image.open(Path(folder) / "a.png") as image:
    ...         image.n_frames, image.size
    (3, (5, 4))
    """
    first, *rest = map(Image.fromarray, frames)
    lasting = {"save_all": True, "append_images": rest, "duration": round(1000 * seconds), "loop": 0} if rest else {}
    with atomic_write(path) as part:
        first.save(part, quality=_QUALITY, optimize=True, **lasting)
