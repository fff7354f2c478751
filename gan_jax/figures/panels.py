"""What the plots of a run show: panels over its iterations, described by the system's metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from gan_jax.evaluation.scores import GOOD, main_scores
from gan_jax.systems.system import Metric
from gan_jax.types import Float

__all__ = ["Line", "Panel", "capitalized", "column", "evaluation_panels", "history_panels", "training_panels"]

Line = Mapping[str, Any]
"""The numbers of one iteration, which is under "step", by name."""


class Panel(NamedTuple):
    """One plot over iterations.

    Attributes:
      title: of the plot.
      unit: of its numbers.
      curves: the key of each curve, by the name of its number in the lines; empty if it needs none.
      baseline: the real data's number.
      band: the names of two numbers that bound a band around the first curve.
      bound: a number that the curve is held to.
      scale: logarithmic only where all numbers are positive and their range is wide.
    """

    title: str
    unit: str
    curves: Mapping[str, str]
    baseline: float | None = None
    band: tuple[str, ...] = ()
    bound: float | None = None
    scale: Literal["linear", "log"] = "linear"

    def known_curves(self, lines: Sequence[Line]) -> list[str]:
        """Return the names of the curves of which lines hold a number."""
        return [name for name in self.curves if np.isfinite(column(lines, name)).any()]

    def has_baseline(self) -> bool:
        """Whether there is a baseline to plot."""
        return self.baseline is not None and bool(np.isfinite(self.baseline))


def column(lines: Sequence[Line], name: str) -> Float[np.ndarray, " n"]:
    """Return one number of each line, float64 (N,), NaN where it is missing or infinite.

    >>> column([{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("inf")}, {"step": 3}], "loss").tolist()
    [2.0, nan, nan]
    """
    values = np.array([line.get(name) for line in lines], float)
    return np.where(np.isfinite(values), values, np.nan)


def training_panels(metrics: Mapping[str, Metric]) -> list[Panel]:
    """Return the panels of the lines that training writes: one for each `Metric.panel`, and one of the throughput.

    >>> loss = Metric("decoder", "nats", panel="Losses")
    >>> [panel.title for panel in training_panels({"a": loss, "b": loss, "c": Metric("noise level", "1")})]
    ['Losses', 'Noise level', 'Throughput']
    """
    groups: dict[str, dict[str, Metric]] = {}
    for name, metric in metrics.items():
        groups.setdefault(metric.panel or capitalized(metric.title), {})[name] = metric
    panels = []
    for title, group in groups.items():
        first = next(iter(group.values()))
        keys = {name: metric.title if metric.panel else "" for name, metric in group.items()}
        panels.append(Panel(title, first.unit, keys, bound=first.bound, scale=first.scale))
    return [*panels, Panel("Throughput", "images per second", {"images_per_s": ""})]


def evaluation_panels(
    lines: Sequence[Line], baseline: Mapping[str, float], metrics: Mapping[str, Metric]
) -> list[Panel]:
    """Return the panels of the lines that a run's evaluations write: its scores, and what it records of diagnoses.

    Args:
      lines: of which the last names the scores.
      baseline: the real data's scores.
      metrics: of the system.
    """
    scores = [
        Panel(
            capitalized(name.replace("_", " ")),
            "score",
            {name: ""},
            baseline=baseline.get(name),
            scale="log" if GOOD[name] == "low" else "linear",
        )
        for name in main_scores(list(lines[-1]) if lines else [])
    ]
    return scores + history_panels(metrics)


def history_panels(metrics: Mapping[str, Metric]) -> list[Panel]:
    """Return the panels of what `evaluation.history` records of diagnoses.

    >>> loss = Metric("loss", "nats", history=("train", "held_out", "gap"))
    >>> [panel.title for panel in history_panels({"loss": loss})]
    ['Loss', 'Loss, training minus held-out']
    """
    on = {"train": "on training data", "held_out": "on held-out data"}
    panels = []
    for name, metric in metrics.items():
        title = capitalized(metric.title)
        means = {f"{name}_{kind}": on[kind] for kind in metric.history if kind in on}
        if means:
            panels.append(Panel(title, metric.unit, means, scale=metric.scale))
        if "gap" in metric.history:
            panels.append(Panel(f"{title}, training minus held-out", metric.unit, {f"{name}_gap": ""}))
        if "quantiles" in metric.history:
            band = (f"{name}_q05", f"{name}_q95")
            curves = {f"{name}_median": "median"}
            panels.append(Panel(title, metric.unit, curves, band=band, bound=metric.bound, scale=metric.scale))
    return panels


def capitalized(title: str) -> str:
    """Return a title with its first letter large.

    >>> capitalized("critic's loss of GANs")
    "Critic's loss of GANs"
    """
    return title[:1].upper() + title[1:]
