"""Points in a scatter plot."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.figures.palette import BLUE
from gan_jax.files import atomic_write
from gan_jax.types import Float

__all__ = ["plot_scatter", "save_scatter"]


def plot_scatter(axes: Any, points: Float[np.ndarray, "n d"], *, size: float = 2) -> None:
    """Plot points (N, 2), each of `size` square points of print, on Matplotlib's axes."""
    axes.scatter(*points.T[:2], s=size, alpha=0.3, linewidths=0, color=BLUE, rasterized=True)
    axes.set_aspect("equal")


def save_scatter(path: Path, points: Float[np.ndarray, "n d"]) -> None:
    """Write a PNG of points (N, 2)."""
    from matplotlib.figure import Figure  # imported late: images do without it

    figure = Figure(figsize=(4, 4), layout="constrained")
    plot_scatter(figure.add_subplot(xlabel="x", ylabel="y"), points)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)
