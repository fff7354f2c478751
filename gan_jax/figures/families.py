"""Families of models side by side: what each draws, and its numbers over several trainings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.figures.grid import grid
from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.figures.scatter import plot_scatter
from gan_jax.files import atomic_write
from gan_jax.types import Float, UInt8

__all__ = ["plot_families"]

_SIDE = 6  # images along each side of a grid
_COLUMNS = 4  # of panels
# What is drawn of what there is: a number's name, its panel's title, and whether its axis is logarithmic.
_PANELS = {
    "frechet": ("Fréchet distance", False),
    "precision": ("precision", False),
    "recall": ("recall", False),
    "exact_transport": ("exact Wasserstein distance", False),
    "bits_flow": ("bits per dimension", False),
    "bits_iwae": ("bits per dimension", False),
    "kl_flow": ("KL to the density, nats", False),
    "kl_iwae": ("KL to the density, nats", False),
    "inversion_error": ("inversion error", True),
    "lipschitz": ("Lipschitz constant", True),
    "seconds_per_1000": ("seconds per 1,000 samples", True),
}


def plot_families(
    file: Path, found: Mapping[str, Any], shown: Mapping[str, UInt8[np.ndarray, "n h w c"] | Float[np.ndarray, "n d"]]
) -> None:
    """Write a PNG: above, samples of each family; below, a panel for each number with a dot for each training.

    Args:
      file: the PNG.
      found: "rows", numbers by name of each "family/seed", "baseline", those of real data, and "protocol".
      shown: samples of each family.
    """
    from matplotlib.figure import Figure  # imported late: it takes long

    families = list(shown)
    titles: dict[str, list[str]] = {}
    for name, (title, _) in _PANELS.items():
        if any(name in row for row in found["rows"].values()):
            titles.setdefault(title, []).append(name)
    rows = -(-len(titles) // _COLUMNS)
    figure = Figure(figsize=(max(2.6 * len(families), 9), 3.0 + 1.9 * rows), layout="constrained")
    subfigures: Any = figure.subfigures(2, 1, height_ratios=(3.0, 1.9 * rows))
    above, below = subfigures

    letters = [chr(ord("A") + place) for place in range(len(families))]
    pictures = above.subplots(1, len(families), squeeze=False)[0]
    for axes, letter, (family, samples) in zip(pictures, letters, shown.items(), strict=True):
        axes.set_title(f"{letter}  {family}", fontsize="small")
        if samples.ndim == 2:
            plot_scatter(axes, samples, size=1)
            continue
        image = grid(samples[: _SIDE**2], _SIDE)
        axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axes.axis("off")

    panels = below.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes in panels[len(titles) :]:
        axes.remove()
    for axes, (title, names) in zip(panels, titles.items(), strict=False):
        for row, numbers in found["rows"].items():
            family = row.rpartition("/")[0]
            for name in names:
                if name in numbers and family in families:
                    axes.plot(families.index(family), numbers[name], "o", color=BLUE, ms=5, alpha=0.7)
        for name in names:
            if name in found["baseline"]:
                axes.axhline(found["baseline"][name], color=VERMILION, ls="--", lw=1)
        if _PANELS[names[0]][1]:
            axes.set_yscale("log")
        axes.set(xticks=range(len(families)), xticklabels=letters)
        axes.set_xlim(-0.5, len(families) - 0.5)
        axes.set_title(title, fontsize="small")
        axes.tick_params(labelsize="x-small")
        axes.spines[["top", "right"]].set_visible(False)
    below.supxlabel(f"{found['protocol']}; dashed: real data", fontsize=6)
    with atomic_write(file) as part:
        figure.savefig(part, format="png", dpi=110)
