"""Panels as SVG within a page, whose font and colors they take."""

import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import cycle
from typing import Any

import numpy as np

from gan_jax.figures.curves import plot_panel
from gan_jax.figures.palette import CURVES
from gan_jax.figures.panels import Line, Panel

__all__ = ["plot_panels", "thinned"]

_MAX_POINTS = 400  # of a curve
_INK = "#010203"  # stands for the page's own color of text
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.linewidth": 0.6,
    **dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], _INK),
}


def plot_panels(panels: Iterable[Panel], lines: Sequence[Line], end: int, name: str = "") -> str:
    """Return HTML of those panels of which lines hold a number, over iterations 0 to `end`; empty if there are none.

    A page that plots several runs gives each a name. It has a CSS variable for each color of `palette.CURVES`.

    >>> html = plot_panels([Panel("Loss", "nats", {"loss": ""})], [{"step": 1, "loss": 2.0}], end=10)
    >>> html.count("<svg"), "var(--blue)" in html
    (1, True)
    """
    if not lines:
        return ""
    lines = thinned(lines)
    figures = [_figure(panel, lines, end, name) for panel in panels if panel.known_curves(lines)]
    return f'<div class="panels">\n{"".join(figures)}</div>' if figures else ""


def thinned(lines: Sequence[Line], parts: int = 1) -> list[Line]:
    """Return some of the lines, the first and the last among them, at most a part of what a plot shows.

    >>> len(thinned([{"step": i} for i in range(1000)], parts=4))
    100
    """
    count = min(len(lines), _MAX_POINTS // parts)
    return [lines[i] for i in np.linspace(0, len(lines) - 1, count).round().astype(int)] if lines else []


def _figure(panel: Panel, lines: Sequence[Line], end: int, name: str) -> str:
    """One plot, under its title and the keys of its colors, which are text of the page."""
    keys = [
        (f'<i style="border-color: var(--{color})"></i>', panel.curves[name])
        for name, color in zip(panel.known_curves(lines), cycle(CURVES), strict=False)
        if panel.curves[name]
    ]
    if panel.band:
        keys.append(('<i class="band" style="border-color: var(--blue)"></i>', "5 % to 95 %"))
    if panel.has_baseline():
        keys.append(('<i class="dashed" style="border-color: var(--vermilion)"></i>', "real data"))
    if panel.bound is not None:
        keys.append(('<i class="dotted" style="border-color: var(--green)"></i>', f"bound {panel.bound:g}"))
    legend = "".join(f"<span>{swatch}{escape(text)}</span>" for swatch, text in keys)
    caption = f'<figcaption>{escape(panel.title)}\n<span class="keys">{legend}</span></figcaption>'
    return f"<figure>{caption}\n{_inline(_svg(panel, lines, end, name), panel.title)}</figure>\n"


def _svg(panel: Panel, lines: Sequence[Line], end: int, name: str) -> str:
    """One plot as an SVG file."""
    import matplotlib  # imported late: it takes long
    from matplotlib.figure import Figure

    # Two panels of one title have different curves: so their marks get different ids.
    style: Any = _STYLE | {"svg.hashsalt": " ".join([name, panel.title, *panel.curves])}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(3.5, 2.2))
        # Fixed margins, so that the plots of a page are aligned.
        axes = figure.add_axes((0.15, 0.18, 0.83, 0.7), xlabel="iterations", xlim=(0, 1.015 * max(end, 1)))
        # Above the axis, the unit takes less room than upright beside it.
        axes.set_title(panel.unit, loc="left", x=-0.16, fontsize="medium", pad=8)
        plot_panel(axes, panel, lines)
        axes.tick_params(length=2.5, width=0.6)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return buffer.getvalue()


def _inline(svg: str, label: str) -> str:
    """Return what of an SVG file belongs in a page, with CSS variables for the colors of curves."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->| xmlns(:xlink)?=\"[^\"]*\"", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="(?![mp][0-9a-f]{10}")[^"]*"', "", svg)  # names that several plots would share
    svg = svg.replace("xlink:href", "href").replace(_INK, "currentColor")
    for name, color in CURVES.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{escape(label)} over iterations"', 1)
