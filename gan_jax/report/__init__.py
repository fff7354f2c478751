"""A run, or several, in one HTML file that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np

from gan_jax import __version__
from gan_jax.figures.comparison import letter
from gan_jax.figures.palette import CURVES, ON_DARK
from gan_jax.figures.panels import Line, Panel, capitalized, column, evaluation_panels, training_panels
from gan_jax.figures.svg import plot_panels, thinned
from gan_jax.files import atomic_write
from gan_jax.report.images import interpolation_figure, samples_figure
from gan_jax.report.tables import (
    comparison_table,
    definitions,
    diagnostics_table,
    facts,
    format_value,
    penalty_in_words,
    score_table,
    settings_tables,
)
from gan_jax.report.verdict import verdict
from gan_jax.systems.system import Metric
from gan_jax.types import Float, UInt8

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


_SIDE_BY_SIDE = "Scores are left out where the protocols differ; arrows say which way is better."
_ORIGIN = {"command": "command", "commit": "git_commit"}


class ReportContents(NamedTuple):
    """What a report shows of a run; what is empty is left out.

    Attributes:
      name: of the run.
      summary: data and system in a line.
      settings: of the experiment, nested.
      environment: versions and devices, and the "command" and "git_commit" that the run was started by.
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
      real: samples of the data, to see beside those drawn.
      modes: (K, D), of points whose distribution is known.
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
    real: UInt8[np.ndarray, "n h w c"] | Float[np.ndarray, "n d"] | None = None
    modes: Float[np.ndarray, "k d"] | None = None


def write_report(file: Path, *runs: ReportContents) -> None:
    """Write the report of a run, or of several, which it first puts side by side.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(Path(folder) / "a.html", ReportContents("a run", "digits · GAN", settings={"seed": 0}))
    ...     "<title>a run</title>" in (Path(folder) / "a.html").read_text("utf-8")
    True
    """
    if len(runs) == 1:
        head, sections = _head(runs[0]), _sections(runs[0])
        links, summary = {_id(title): title for title in sections}, runs[0].summary
        body = "\n".join(_section(title, *content) for title, content in sections.items())
    else:
        head, links, summary = "", {"side-by-side": "Side by side"}, f"{len(runs)} runs"
        body = _section("Side by side", _SIDE_BY_SIDE, _side_by_side(runs))
        for place, run in enumerate(runs):
            mark = letter(place)
            links[f"run-{mark}".lower()] = f"{mark} {run.name}"
            body += f'\n<section class="run" id="run-{mark.lower()}">\n<h1>{mark} {escape(run.name)}</h1>\n'
            body += f'<p class="summary">{escape(run.summary)}</p>\n{_head(run)}</section>\n'
            own = _sections(run, f"{mark.lower()}-").items()
            body += "\n".join(_section(title, *content, prefix=f"{mark.lower()}-") for title, content in own)
    page = Template(files(__name__).joinpath("page.html").read_text("utf-8")).substitute(
        name=escape(", ".join(run.name for run in runs)),
        version=escape(__version__),
        summary=escape(summary),
        colors=_css_variables(CURVES),
        colors_on_dark=_css_variables(ON_DARK),
        facts=head,
        links="\n".join(f'<a href="#{target}">{escape(title)}</a>' for target, title in links.items()),
        sections=body,
    )
    with atomic_write(file) as part:
        part.write_text(page, "utf-8")


def _head(contents: ReportContents) -> str:
    """What comes first: what is wrong or right, how far the run has come, and what made it."""
    found = verdict(contents.evaluation, contents.training_lines)
    origin = {name: contents.environment.get(key) for name, key in _ORIGIN.items() if key in contents.environment}
    origin |= penalty_in_words(contents.settings)
    return (
        f'<p class="verdict {found.kind}">{escape(found.text)}</p>\n{facts(_facts(contents))}'
        f"{definitions(origin) if origin else ''}"
    )


def _sections(contents: ReportContents, prefix: str = "") -> dict[str, tuple[str, str]]:
    """Of each section that there is something for, its note and its content."""
    training, evaluations = contents.training_lines, contents.evaluation_lines
    end = max((line["step"] for line in [*training, *evaluations]), default=0)
    environment = {name: value for name, value in contents.environment.items() if name not in _ORIGIN.values()}
    sections = {
        "Scores": score_table(contents.evaluation),
        "Samples": samples_figure(contents.sample_files, contents.real, contents.modes, prefix),
        "Interpolation": interpolation_figure(contents.interpolation),
        "Training": plot_panels(training_panels(contents.metrics), training, end, prefix),
        "Scores over time": plot_panels(
            evaluation_panels(evaluations, contents.baseline, contents.metrics), evaluations, end, prefix
        ),
        "Diagnostics": diagnostics_table(contents.evaluation.get("diagnostics", {}), contents.metrics),
        "Settings": settings_tables(contents.settings),
        "Environment": settings_tables(environment),
    }
    notes = _NOTES | {"Scores over time": _scores_note(contents)}
    return {title: (notes.get(title, ""), content) for title, content in sections.items() if content}


def _side_by_side(runs: Sequence[ReportContents]) -> str:
    """A row for each run, and a curve for each in panels of the metrics that they share."""
    marks = [letter(place) for place in range(len(runs))]
    rows = {}
    for mark, run in zip(marks, runs, strict=True):
        known = {name: _facts(run)[name] for name in ("iterations", "training time")}
        known["penalty"] = penalty_in_words(run.settings).get("penalty", "—")
        rows[mark] = known, run.evaluation
    verdicts = "".join(
        f'<p class="verdict {found.kind}">{mark} {escape(run.name)}: {escape(found.text)}</p>\n'
        for mark, run in zip(marks, runs, strict=True)
        for found in [verdict(run.evaluation, run.training_lines)]
    )
    lines = [
        {"step": line["step"]} | {f"{mark} {name}": line[name] for name in run.metrics if name in line}
        for mark, run in zip(marks, runs, strict=True)
        for line in thinned(run.training_lines, len(runs))
    ]
    metrics = {name: metric for run in reversed(runs) for name, metric in run.metrics.items()}
    panels = [
        Panel(_whole_title(metric), metric.unit, {f"{mark} {name}": mark for mark in marks}, scale=metric.scale)
        for name, metric in metrics.items()
    ]
    end = max((line["step"] for line in lines), default=0)
    return verdicts + comparison_table(rows) + plot_panels(panels, lines, end)


def _whole_title(metric: Metric) -> str:
    return f"{metric.panel}: {metric.title}" if metric.panel else capitalized(metric.title)


def _facts(contents: ReportContents) -> dict[str, str]:
    """How far the run has come, and in what time."""
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


def _section(title: str, note: str, content: str, *, prefix: str = "") -> str:
    note = f"<p>{escape(note)}</p>\n" if note else ""
    return f'<section id="{prefix}{_id(title)}">\n<h2>{title}</h2>\n{note}{content}\n</section>'


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")
