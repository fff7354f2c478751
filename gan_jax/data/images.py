"""Images as they are stored (uint8) and as networks see them (float32 in [-1, 1]); grids; PNG."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from PIL import Image

from gan_jax.types import Array, Images, Samples


def to_float(images: Images) -> Samples:
    """Map 0..255 to float32 in [-1, 1].

    >>> to_float(jnp.array([0, 255], jnp.uint8)).tolist()
    [-1.0, 1.0]
    """
    return images.astype(jnp.float32) / 127.5 - 1


def to_uint8(images: Samples) -> Images:
    """Map [-1, 1] to the nearest of 0..255; values outside are clipped. The inverse of `to_float`.

    >>> to_uint8(jnp.array([-1.0, 0.999, 2.0])).tolist()
    [0, 255, 255]
    """
    return jnp.clip(jnp.round((images.astype(jnp.float32) + 1) * 127.5), 0, 255).astype(jnp.uint8)


def grid(images: np.ndarray | Array, columns: int, *, gap: int = 1) -> np.ndarray:
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


def save_png(path: Path, image: np.ndarray, *, shortest_side: int = 480) -> None:
    """Write one uint8 image (H, W, C), C = 1, 3 or 4, enlarged by a whole factor if it is smaller than asked.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_png(Path(folder) / "a.png", np.zeros((10, 20, 1), np.uint8), shortest_side=40)
    ...     with Image.open(Path(folder) / "a.png") as image:
    ...         image.size
    (80, 40)
    """
    factor = max(1, round(shortest_side / min(image.shape[:2])))
    image = image.repeat(factor, axis=0).repeat(factor, axis=1)
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(path, format="PNG", optimize=True)
