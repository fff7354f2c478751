"""Scores as pictures: over the iterations of a run, and of several samples side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.scores import GOOD
from gan_jax.evaluation.scoring import Evaluation
from gan_jax.figures.samples import grid

BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everyone
_SIDE = 6  # images along each side of a grid
_COLUMNS = 6  # of panels


def main_numbers(names: Sequence[str]) -> list[str]:
    """Return the names of scores without those that are another's spread.

    >>> main_numbers(["frechet", "kernel", "kernel_sd"])
    ['frechet', 'kernel']
    """
    return [name for name in names if name in GOOD and not name.endswith("_sd")]


def draw_curves(
    file: Path, lines: Sequence[dict[str, float]], baseline: dict[str, float], protocol: Protocol | None
) -> None:
    """Draw scores over iterations, a panel each, with what real data get as a dashed line."""
    from matplotlib.figure import Figure  # imported late: it takes long

    names = main_numbers(list(lines[0]))
    extra = ["critic_gap"] if "critic_gap" in lines[0] else []
    figure = Figure(figsize=(3.2 * len(names + extra), 2.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names + extra), squeeze=False)[0], names + extra, strict=True):
        axes.plot([line["step"] for line in lines], [line.get(name, np.nan) for line in lines], color=BLUE, marker=".")
        if name in baseline:
            axes.axhline(baseline[name], color=ORANGE, ls="--", lw=1)
        axes.set(title=name.replace("_", " "), xlabel="iterations")
        axes.title.set_fontsize("medium")
        axes.spines[["top", "right"]].set_visible(False)
    says = f"{protocol.describe()}; dashed: real data" if protocol else "dashed: real data"
    figure.supxlabel(says, fontsize=6)
    figure.savefig(file, dpi=110)


def draw_comparison(file: Path, found: Sequence[Evaluation], shown: Sequence[np.ndarray]) -> None:
    """Draw samples above, a grid for each of several evaluations, and their scores with spread below.

    `shown` are some samples of each, images (N, H, W, C) or points (N, D).
    """
    from matplotlib.figure import Figure

    names = main_numbers(list(found[0].scores))
    rows = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(max(2.6 * len(found), 9), 3.2 + 1.9 * rows), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3.2, 1.9 * rows))
    letters = [chr(ord("A") + place) for place in range(len(found))]
    grids = above.subplots(1, len(found), squeeze=False)[0]
    for axes, letter, scored, samples in zip(grids, letters, found, shown, strict=True):
        _show(axes, samples)
        axes.set_title(f"{letter}  {scored.samples}", fontsize="small")
    panels = below.subplots(rows, min(len(names), _COLUMNS), squeeze=False).ravel()
    for axes in panels[len(names) :]:
        axes.remove()
    for axes, name in zip(panels, names, strict=False):
        for place, scored in enumerate(found):
            value = scored.scores[name]
            axes.errorbar(place, value.mean, yerr=value.sd or 0, marker="o", color=BLUE, capsize=3)
        axes.axhline(found[0].scores[name].baseline, color=ORANGE, ls="--", lw=1)
        axes.set(xticks=range(len(found)), xticklabels=letters)
        axes.set_xlim(-0.5, len(found) - 0.5)
        axes.set_title(name.replace("_", " "), fontsize="small")
        axes.tick_params(labelsize="x-small")
        axes.spines[["top", "right"]].set_visible(False)
    below.supxlabel(f"{found[0].protocol.describe()}; dashed: real data", fontsize=6)
    figure.savefig(file, dpi=110)


def _show(axes, samples: np.ndarray) -> None:
    if samples.ndim == 2:
        axes.scatter(*samples.T[:2], s=1, alpha=0.3, linewidths=0, color=BLUE, rasterized=True)
        axes.set_aspect("equal")
        return
    picture = grid(samples[: _SIDE**2], _SIDE)
    axes.imshow(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
