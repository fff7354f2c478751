"""Curves over the iterations of a run."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from gan_jax.evaluation.protocol import Protocol
from gan_jax.figures.palette import BLUE, CURVES, GREEN, VERMILION
from gan_jax.figures.panels import Line, Panel, column, evaluation_panels
from gan_jax.files import atomic_write
from gan_jax.systems.system import Metric

__all__ = ["plot_curves", "plot_panel"]

_COLUMNS = 4  # of panels
_TITLE_WIDTH = 36  # characters
_CAPTION_WIDTH = 66  # characters, for each column
_FEW = 40  # points of a curve that are marked each


def plot_curves(
    file: Path,
    lines: Sequence[Line],
    *,
    baseline: Mapping[str, float],
    protocol: Protocol,
    metrics: Mapping[str, Metric],
) -> None:
    """Write a PNG of a run's evaluations over its iterations, a panel for each number, the baseline dashed.

    Nothing is written where the lines hold no number that is finite.

    Args:
      file: the PNG.
      lines: of the evaluations.
      baseline: the real data's scores.
      protocol: of the scores.
      metrics: of the system.
    """
    from matplotlib.figure import Figure  # imported late: it takes long

    panels = [panel for panel in evaluation_panels(lines, baseline, metrics) if panel.known_curves(lines)]
    if not panels:
        return
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * rows + 0.2), layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(all_axes, panels, strict=False):
        plot_panel(axes, panel, lines)
        axes.set_title(fill(panel.title, _TITLE_WIDTH), fontsize="medium")
        axes.set(xlabel="iterations", ylabel=panel.unit)
        if any(panel.curves.values()) or panel.bound is not None:
            axes.legend(fontsize="x-small", frameon=False)
    for axes in all_axes[len(panels) :]:
        axes.remove()
    caption = f"{protocol.describe()}; dashed: real data"
    figure.supxlabel(fill(caption, _CAPTION_WIDTH * columns), fontsize=6)
    with atomic_write(file) as part:
        figure.savefig(part, format="png", dpi=110)


def plot_panel(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    """Plot a panel of which lines hold a number on Matplotlib's axes: curves, band and baseline, scales and ticks."""
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

    steps = column(lines, "step")
    values = {name: column(lines, name) for name in (*panel.known_curves(lines), *panel.band)}
    if panel.band:
        axes.fill_between(
            steps, *(values[name] for name in panel.band), color=BLUE, alpha=0.2, lw=0, label="5 % to 95 %"
        )
    for name, color in zip(panel.known_curves(lines), cycle(CURVES.values()), strict=False):
        marker = "o" if np.isfinite(values[name]).sum() < _FEW else ""
        axes.plot(steps, values[name], color=color, lw=1.2, marker=marker, markersize=2.2, label=panel.curves[name])
    if panel.has_baseline():
        axes.axhline(panel.baseline, color=VERMILION, ls="--", lw=1)
    if panel.bound is not None:
        axes.axhline(panel.bound, color=GREEN, ls=":", lw=1.2, label="bound")

    # Round ticks, and powers of ten only where the numbers span more than one.
    lines_across = [panel.baseline] if panel.has_baseline() else []
    lines_across += [panel.bound] if panel.bound is not None else []
    numbers = np.concatenate([*values.values(), np.array(lines_across, float)])
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
    if panel.scale == "log" and low > 0 and high > 20 * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,), numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(EngFormatter(sep="") if high >= 1e4 else _short)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(axis="y", color=axes.xaxis.label.get_color(), alpha=0.1, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _short(value: float, _) -> str:
    return f"{value:.4g}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")
