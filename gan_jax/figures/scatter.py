"""Points in a scatter plot."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.files import atomic_write
from gan_jax.types import Float

__all__ = ["plot_scatter", "save_scatter"]


_MARGIN = 0.35  # around the modes, of the widest distance between them


def plot_scatter(
    axes: Any, points: Float[np.ndarray, "n d"], *, size: float = 2, modes: Float[np.ndarray, "k d"] | None = None
) -> None:
    """Plot points (N, D) on Matplotlib's axes: the first two coordinates, or a histogram where there is one.

    A point takes `size` square points of print. Known modes (K, D) are marked by rings, and decide what part of the
    plane is shown, so that pictures of one distribution compare.
    """
    if points.shape[1] == 1:
        axes.hist(points[:, 0], bins=50, color=BLUE)
        return
    axes.scatter(*points.T[:2], s=size, alpha=0.3, linewidths=0, color=BLUE, rasterized=True)
    axes.set_aspect("equal")
    if modes is not None:
        axes.plot(*modes.T[:2], "o", mfc="none", mec=VERMILION, mew=0.8, ms=4 * size**0.5, label="true modes")
        low, high = modes.min(), modes.max()
        margin = _MARGIN * (high - low)
        axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))


def save_scatter(
    path: Path, points: Float[np.ndarray, "n d"], *, modes: Float[np.ndarray, "k d"] | None = None
) -> None:
    """Write a PNG of points (N, D) and perhaps known modes, as `plot_scatter` does."""
    from matplotlib.figure import Figure  # imported late: images do without it

    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="x", ylabel="y" if points.shape[1] > 1 else "points")
    plot_scatter(axes, points, modes=modes)
    if modes is not None:
        axes.legend(loc="upper right", frameon=False, fontsize="x-small", borderpad=0)
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)
