"""Points in a scatter plot."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.figures.palette import BLUE
from gan_jax.files import atomic_write
from gan_jax.types import Float

__all__ = ["plot_scatter", "save_scatter"]


def plot_scatter(axes: Any, points: Float[np.ndarray, "n d"], *, size: float = 2) -> None:
    """Plot points (N, D) on Matplotlib's axes: the first two coordinates, or a histogram where there is one.

    A point takes `size` square points of print.
    """
    if points.shape[1] == 1:
        axes.hist(points[:, 0], bins=50, color=BLUE)
        return
    axes.scatter(*points.T[:2], s=size, alpha=0.3, linewidths=0, color=BLUE, rasterized=True)
    axes.set_aspect("equal")


def save_scatter(path: Path, points: Float[np.ndarray, "n d"]) -> None:
    """Write a PNG of points (N, D), as `plot_scatter` does."""
    from matplotlib.figure import Figure  # imported late: images do without it

    figure = Figure(figsize=(4, 4), layout="constrained")
    plot_scatter(figure.add_subplot(xlabel="x", ylabel="y" if points.shape[1] > 1 else "points"), points)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)
