"""A run in one HTML file that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np

from gan_jax import __version__
from gan_jax.figures.palette import CURVES, ON_DARK
from gan_jax.figures.panels import Line, column, evaluation_panels, training_panels
from gan_jax.figures.svg import plot_panels
from gan_jax.files import atomic_write
from gan_jax.report.images import interpolation_figure, samples_figure
from gan_jax.report.tables import diagnostics_table, facts, format_value, score_table, settings_tables
from gan_jax.systems.system import Metric
from gan_jax.types import UInt8

__all__ = ["ReportContents", "write_report"]

_NOTES = {
    "Scores": "Mean ± standard deviation over sets of samples of different seeds, beside what real samples score: the "
    "best that can be hoped for.",
    "Samples": "From the same noise at every iteration.",
    "Interpolation": "Each row is a path through the latent space, from one sample to another.",
    "Training": "Means over the iterations from one recorded step to the next, of which at most 400 are shown.",
    "Diagnostics": "Measured per sample, on training and on held-out data with the same noise: where the two differ, "
    "the system overfits.",
    "Settings": "As on the command line, a table for each prefix; — stands for a default that depends on others.",
}


class ReportContents(NamedTuple):
    """What a report shows of a run; what is empty is left out.

    Attributes:
      name: of the run.
      summary: data and system in a line.
      settings: of the experiment, nested.
      environment: versions and devices.
      metrics: of the system, which describe the numbers below.
      counts: names of what training counts, as in `System.counts`.
      evaluation: "scores", "protocol" and "seeds" of `Evaluation.to_json`, and where there are such the "step" that was
        evaluated, "modes" of `mode_counts`, "diagnostics" of `diagnose`, and "chosen_by" of a best checkpoint.
      training_lines: numbers of training, of some iterations.
      evaluation_lines: numbers of the run's evaluations, of some iterations.
      protocol: of the scores in `evaluation_lines`, its fields.
      baseline: the real data's scores by that protocol.
      sample_files: PNG files `step_ITERATION.png`.
      interpolation: uint8 images (paths, steps, H, W, C), along paths through the latent space.
    """

    name: str
    summary: str
    settings: Mapping[str, Any]
    environment: Mapping[str, Any] = {}
    metrics: Mapping[str, Metric] = {}
    counts: Sequence[str] = ()
    evaluation: Mapping[str, Any] = {}
    training_lines: Sequence[Line] = ()
    evaluation_lines: Sequence[Line] = ()
    protocol: Mapping[str, Any] = {}
    baseline: Mapping[str, float] = {}
    sample_files: Sequence[Path] = ()
    interpolation: UInt8[np.ndarray, "paths steps h w c"] | None = None


def write_report(file: Path, contents: ReportContents) -> None:
    """Write a run's report.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(Path(folder) / "a.html", ReportContents("a run", "digits · GAN", settings={"seed": 0}))
    ...     "<title>a run</title>" in (Path(folder) / "a.html").read_text("utf-8")
    True
    """
    training, evaluations = contents.training_lines, contents.evaluation_lines
    end = max((line["step"] for line in [*training, *evaluations]), default=0)
    sections = {
        "Scores": score_table(contents.evaluation),
        "Samples": samples_figure(contents.sample_files),
        "Interpolation": interpolation_figure(contents.interpolation),
        "Training": plot_panels(training_panels(contents.metrics), training, end),
        "Scores over time": plot_panels(
            evaluation_panels(evaluations, contents.baseline, contents.metrics), evaluations, end
        ),
        "Diagnostics": diagnostics_table(contents.evaluation.get("diagnostics", {}), contents.metrics),
        "Settings": settings_tables(contents.settings),
        "Environment": settings_tables(contents.environment),
    }
    sections = {title: content for title, content in sections.items() if content}
    notes = _NOTES | {"Scores over time": _scores_note(contents)}
    page = Template(files(__name__).joinpath("page.html").read_text("utf-8")).substitute(
        name=escape(contents.name),
        version=escape(__version__),
        summary=escape(contents.summary),
        colors=_css_variables(CURVES),
        colors_on_dark=_css_variables(ON_DARK),
        facts=facts(_facts(contents)),
        links="\n".join(f'<a href="#{_id(title)}">{title}</a>' for title in sections),
        sections="\n".join(_section(title, notes.get(title, ""), content) for title, content in sections.items()),
    )
    with atomic_write(file) as part:
        part.write_text(page, "utf-8")


def _facts(contents: ReportContents) -> dict[str, str]:
    """What the head of the page says: how far the run has come, and in what time."""
    lines = contents.training_lines
    last = lines[-1] if lines else {"step": contents.evaluation.get("step")}
    numbers = {"iterations": last.get("step")} | {name.replace("_", " "): last.get(name) for name in contents.counts}
    made = f"{datetime.now(UTC):%Y-%m-%d}"
    return {name: format_value(value) for name, value in numbers.items()} | {
        "training time": _training_time(lines),
        "report made": made,
    }


def _training_time(lines: Sequence[Line]) -> str:
    """How long training took, from its throughput: evaluations and pauses do not count."""
    images, speed = np.diff(column(lines, "images"), prepend=0), column(lines, "images_per_s")
    seconds = round(float(np.sum(images / speed, where=np.isfinite(images) & (speed > 0))))
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    if not hours + minutes + seconds:
        return "—"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _scores_note(contents: ReportContents) -> str:
    """In what the scores over time are unlike those of the whole run."""
    final = contents.evaluation.get("protocol", {})
    different = [
        f"{name} {format_value(value)}" for name, value in contents.protocol.items() if final.get(name) != value
    ]
    note = "Of one set of samples at each iteration"
    return f"{note}; unlike the scores above with {', '.join(different)}." if final and different else f"{note}."


def _css_variables(colors: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {color};" for name, color in colors.items())


def _section(title: str, note: str, content: str) -> str:
    note = f"<p>{escape(note)}</p>\n" if note else ""
    return f'<section id="{_id(title)}">\n<h2>{title}</h2>\n{note}{content}\n</section>'


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")
