"""Several kinds of samples side by side, and their scores."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any, cast

import numpy as np

from gan_jax.evaluation.scores import GOOD, main_scores
from gan_jax.evaluation.scoring import Evaluation
from gan_jax.figures.grid import grid
from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.figures.scatter import plot_scatter
from gan_jax.files import atomic_write
from gan_jax.types import Float, UInt8

__all__ = ["letter", "plot_comparison"]

_Samples = UInt8[np.ndarray, "n h w c"] | Float[np.ndarray, "n d"]

_SIDE = 6  # images along each side of a grid
_COLUMNS = 6  # of panels, and of kinds of samples
_CAPTION_WIDTH = 20  # characters, for each inch
_ARROWS = {"low": "\N{DOWNWARDS ARROW}", "high": "\N{UPWARDS ARROW}"}
_TOWARDS = "\N{RIGHTWARDS ARROW}"


def letter(place: int) -> str:
    """Return A, B, ..., Z, AA, AB, ... for 0, 1, ...

    >>> letter(0), letter(25), letter(26)
    ('A', 'Z', 'AA')
    """
    before, last = divmod(place, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + last)


def plot_comparison(
    file: Path,
    evaluations: Sequence[Evaluation],
    samples: Sequence[_Samples],
    *,
    real: _Samples | None = None,
    modes: Float[np.ndarray, "k d"] | None = None,
) -> None:
    """Write a PNG: above, some samples of each kind; below, their scores with the standard deviation.

    An arrow behind the name of a score says which way is better.

    Args:
      file: the PNG.
      evaluations: by one protocol.
      samples: of each, uint8 images (N, H, W, C) or points (N, D).
      real: such of the real data, which are shown behind them.
      modes: of points, if their distribution is known.
    """
    from matplotlib.figure import Figure  # imported late: it takes long

    names = main_scores(list(evaluations[0].scores))
    rows = -(-len(names) // _COLUMNS)
    kinds = len(evaluations) + (real is not None)
    columns = min(kinds, _COLUMNS)
    high = 3.2 * -(-kinds // columns)
    figure = Figure(figsize=(max(2.6 * columns, 9), high + 1.9 * rows), layout="constrained")
    cast(Any, figure.get_layout_engine()).set(h_pad=0.12)  # or the titles of pictures are cut off
    subfigures: Any = figure.subfigures(2, 1, height_ratios=(high, 1.9 * rows))
    above, below = subfigures
    letters = [letter(place) for place in range(len(evaluations))]

    # Above, the samples, each kind under a letter.
    all_axes = above.subplots(-(-kinds // columns), columns, squeeze=False).ravel()
    for axes in all_axes[kinds:]:
        axes.remove()
    for axes, head, evaluation, some in zip(all_axes, letters, evaluations, samples, strict=False):
        _plot_samples(axes, some, modes)
        axes.set_title(f"{head}  {Path(evaluation.samples).name}", fontsize="small")
    if real is not None:
        axes = all_axes[kinds - 1]
        _plot_samples(axes, real, modes)
        axes.set_title("real data", fontsize="small", color=VERMILION)

    # Below, a panel for each score, with the letters on its axis.
    all_axes = below.subplots(rows, min(len(names), _COLUMNS), squeeze=False).ravel()
    for axes in all_axes[len(names) :]:
        axes.remove()
    for axes, name in zip(all_axes, names, strict=False):
        for place, evaluation in enumerate(evaluations):
            value = evaluation.scores[name]
            axes.errorbar(place, value.mean, yerr=value.sd or 0, marker="o", color=BLUE, capsize=3)
        axes.axhline(evaluations[0].scores[name].baseline, color=VERMILION, ls="--", lw=1)
        axes.set(xticks=range(len(evaluations)), xticklabels=letters)
        axes.set_xlim(-0.5, len(evaluations) - 0.5)
        arrow = _ARROWS.get(GOOD[name], f"{_TOWARDS} {GOOD[name]}")
        axes.set_title(f"{name.replace('_', ' ')} {arrow}", fontsize="small")
        axes.tick_params(labelsize="x-small")
        axes.spines[["top", "right"]].set_visible(False)
    caption = f"{evaluations[0].protocol.describe()}; dashed: real data; arrows: what is better"
    below.supxlabel(fill(caption, int(_CAPTION_WIDTH * figure.get_figwidth())), fontsize=6)
    with atomic_write(file) as part:
        figure.savefig(part, format="png", dpi=110)


def _plot_samples(axes: Any, samples: _Samples, modes: Float[np.ndarray, "k d"] | None) -> None:
    if samples.ndim == 2:
        plot_scatter(axes, samples, size=1, modes=modes)
        return
    image = grid(samples[: _SIDE**2], _SIDE)
    axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
    axes.axis("off")
