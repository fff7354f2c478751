"""Images in a grid, and PNG files."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.files import atomic_write
from gan_jax.types import Array, UInt8

__all__ = ["grid", "read_png", "save_png"]


def grid(
    images: UInt8[Array | np.ndarray, "n h w c"], columns: int, *, gap: int = 1
) -> UInt8[np.ndarray, "height width c"]:
    """Lay images (N, H, W, C) out row by row on white, giving one uint8 image (H', W', C).

    >>> grid(np.zeros((5, 8, 8, 1), np.uint8), columns=3).shape
    (19, 28, 1)
    """
    n, h, w, c = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, c), 255, np.uint8)
    for i, image in enumerate(np.asarray(images)):
        top, left = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        canvas[top : top + h, left : left + w] = image
    return canvas


def save_png(path: Path, image: UInt8[np.ndarray, "h w c"], *, shortest_side: int = 480) -> None:
    """Write one uint8 image (H, W, C), C = 1, 3 or 4, enlarged by a whole factor to about the shortest side.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_png(Path(folder) / "a.png", np.zeros((10, 20, 1), np.uint8), shortest_side=40)
    ...     with Image.open(Path(folder) / "a.png") as image:
    ...         image.size
    (80, 40)
    """
    factor = max(1, round(shortest_side / min(image.shape[:2])))
    image = image.repeat(factor, axis=0).repeat(factor, axis=1)
    with atomic_write(path) as part:
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(part, format="PNG", optimize=True)


def read_png(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture in color."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
