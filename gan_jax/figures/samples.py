"""Samples as a PNG file."""

from pathlib import Path

import numpy as np

from gan_jax.figures.grid import grid, save_png
from gan_jax.figures.scatter import save_scatter
from gan_jax.types import Array, Float, UInt8

__all__ = ["save_samples"]

_COLUMNS = 10


def save_samples(
    path: Path,
    samples: UInt8[Array | np.ndarray, "n h w c"] | Float[Array | np.ndarray, "n d"],
    *,
    modes: Float[np.ndarray, "k d"] | None = None,
) -> None:
    """Write a PNG: a grid of the first hundred images (N, H, W, C), uint8, or a plot of points (N, D).

    Known modes (K, D) of the points' distribution are marked.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_samples(Path(folder) / "a.png", np.zeros((30, 8, 8, 1), np.uint8))
    ...     with Image.open(Path(folder) / "a.png") as image:
    ...         image.size
    (1547, 476)
    """
    samples = np.asarray(samples)
    if samples.ndim == 4:
        save_png(path, grid(samples[: _COLUMNS**2], _COLUMNS))
    else:
        save_scatter(path, samples, modes=modes)
