"""The plots of a run's report: small multiples over iterations, as SVG that takes the page's font and colours."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from gan_jax.evaluation.scores import GOOD
from gan_jax.figures.scores import BLUE, ORANGE, main_numbers

Line = dict[str, Any]

_MOST = 400  # points of a curve
_INK = "#010203"  # stands for the page's own
_COLORS = {"blue": BLUE, "orange": ORANGE, "green": "#009e73", "purple": "#cc79a7"}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.linewidth": 0.6,
    **dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], _INK),
}


class Panel(NamedTuple):
    """One plot over iterations.

    Attributes:
      title: above it.
      unit: of its numbers.
      curves: what each number is called, by its name.
      baseline: what real data get.
      band: names of two numbers that the first curve lies between.
      log: whether a wide range is to be logarithmic, where it can be.
    """

    title: str
    unit: str
    curves: Mapping[str, str]
    baseline: float | None = None
    band: tuple[str, ...] = ()
    log: bool = False


TRAINING = (
    Panel("Wasserstein estimate", "critic score", {"wasserstein": ""}),
    Panel(
        "Losses",
        "critic score",
        {"critic_loss": "critic", "critic_total": "critic with penalty", "generator_loss": "generator"},
    ),
    Panel("Penalty before its weight", "penalty", {"penalty": ""}, log=True),
    Panel("Critic's slope where it is penalised", "score per unit of data", {"slope": ""}),
    Panel(
        "Parameter gradients",
        "norm",
        {"critic_param_grad_norm": "critic", "generator_param_grad_norm": "generator"},
        log=True,
    ),
    Panel("Throughput", "images per second", {"images_per_s": ""}),
)
"""What the lines of `metrics.jsonl` hold."""


def over_time(lines: Sequence[Line], baseline: Mapping[str, float]) -> list[Panel]:
    """Return the panels of what `scores.jsonl` holds, with what real data get."""
    names = main_numbers(list(lines[-1])) if lines else []
    return [
        *(
            Panel(name.replace("_", " "), "score", {name: ""}, baseline.get(name), log=GOOD[name] == "low")
            for name in names
        ),
        Panel(
            "Critic's loss",
            "critic score",
            {"critic_loss_train": "on training data", "critic_loss_held_out": "on held-out data"},
        ),
        Panel("Critic's gap, training minus held-out", "critic score", {"critic_gap": ""}),
        Panel(
            "Critic's gradient norm",
            "score per unit of data",
            {"slope_median": "median"},
            band=("slope_q05", "slope_q95"),
        ),
    ]


def column(lines: Sequence[Line], name: str) -> np.ndarray:
    """Return one number of each line, NaN where it is missing or infinite."""
    values = np.array([line.get(name) for line in lines], float)
    return np.where(np.isfinite(values), values, np.nan)


def panels(wanted: Iterable[Panel], lines: Sequence[Line], end: int) -> str:
    """Draw those panels of which the lines hold anything, up to an iteration."""
    if not lines:
        return ""
    lines = [lines[i] for i in np.linspace(0, len(lines) - 1, min(len(lines), _MOST)).round().astype(int)]
    figures = [_figure(panel, lines, end) for panel in wanted if any(_known(lines, panel))]
    return f'<div class="panels">\n{"".join(figures)}</div>' if figures else ""


def _known(lines: Sequence[Line], panel: Panel) -> list[str]:
    return [name for name in panel.curves if np.isfinite(column(lines, name)).any()]


def _figure(panel: Panel, lines: Sequence[Line], end: int) -> str:
    """A plot under its title and what its colours say, which is text of the page."""
    keys = [
        (f'<i style="border-color: var(--{color})"></i>', panel.curves[name])
        for name, color in zip(_known(lines, panel), _COLORS, strict=False)
        if panel.curves[name]
    ]
    if panel.band:
        keys.append(('<i class="band" style="border-color: var(--blue)"></i>', "5 % to 95 %"))
    if _drawable(panel.baseline):
        keys.append(('<i class="dashed" style="border-color: var(--orange)"></i>', "real data"))
    legend = "".join(f"<span>{swatch}{escape(text)}</span>" for swatch, text in keys)
    caption = f'<figcaption>{escape(panel.title)}\n<span class="keys">{legend}</span></figcaption>'
    return f"<figure>{caption}\n{_inline(_draw(panel, lines, end), panel.title)}</figure>\n"


def _draw(panel: Panel, lines: Sequence[Line], end: int) -> str:
    import matplotlib  # imported late: it takes long
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

    steps = column(lines, "step")
    values = {name: column(lines, name) for name in (*_known(lines, panel), *panel.band)}
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": panel.title}):
        figure = Figure(figsize=(3.5, 2.2))
        axes = figure.add_axes(
            (0.15, 0.18, 0.83, 0.7), xlabel="iterations", xlim=(0, 1.015 * max(end, 1))
        )  # all in line
        axes.set_title(
            panel.unit, loc="left", x=-0.16, fontsize="medium", pad=8
        )  # takes less room than upright, and is read
        if panel.band:
            axes.fill_between(steps, *(values[name] for name in panel.band), color=BLUE, alpha=0.2, lw=0)
        for name, color in zip(_known(lines, panel), _COLORS.values(), strict=False):
            few = np.isfinite(values[name]).sum() < 40
            axes.plot(steps, values[name], color=color, lw=1.2, marker="o" if few else "", markersize=2.2)
        if _drawable(panel.baseline):
            axes.axhline(panel.baseline, color=ORANGE, ls="--", lw=1)
        seen = np.concatenate([*values.values(), [panel.baseline] if _drawable(panel.baseline) else []])
        low, high = np.nanmin(seen), np.nanmax(seen)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
        if panel.log and low > 0 and high > 20 * low:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,), numticks=6))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(EngFormatter(sep="") if high >= 1e4 else _short)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.grid(axis="y", color=_INK, alpha=0.1, lw=0.6)
        axes.tick_params(length=2.5, width=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return buffer.getvalue()


def _short(value: float, _) -> str:
    return f"{value:.4g}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def _drawable(baseline: float | None) -> bool:
    return baseline is not None and np.isfinite(baseline)


def _inline(svg: str, label: str) -> str:
    """What of an SVG file belongs in a page, with the page's colours for those of `_COLORS`."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->| xmlns(:xlink)?=\"[^\"]*\"", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="(?![mp][0-9a-f]{10}")[^"]*"', "", svg)  # names that several plots would share
    svg = svg.replace("xlink:href", "href").replace(_INK, "currentColor")
    for name, color in _COLORS.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(label)} over iterations"', 1)
