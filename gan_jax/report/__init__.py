"""All about a run in one HTML file that needs no other file and no network."""

import json
import os
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from gan_jax.errors import InputError
from gan_jax.figures.panels import TRAINING, Line, column, over_time, panels
from gan_jax.files import read_json
from gan_jax.report.pictures import film, paths
from gan_jax.report.tables import critic_table, facts, says, score_table, settings_tables

_NOTES = {
    "Scores": "Mean ± standard deviation over sets of samples of different seeds, beside what real samples get in "
    "their place, which is the best that can be hoped for.",
    "Samples": "Drawn with the generator's EMA, from the same noise at every iteration.",
    "Interpolation": "Each row is a path through the latent space, from one sample to another.",
    "Training": "Means over the iterations between two lines of metrics.jsonl, of which at most 400 are drawn.",
    "Critic": "Per sample, on training and on held-out data with the same noise. Gradient norms are in score per unit "
    "of data, at real samples, at generated ones and at the points where the critic is penalised. A critic that learns "
    "the training data by heart tells them from generated samples better than it tells held-out data.",
    "Settings": "As on the command line, a table for each prefix; — stands for what was left to its own default.",
}


def write_report(file: Path, folder: Path, *, interpolation: np.ndarray | None) -> None:
    """Write a run's report from what its folder holds; what the run has not recorded is left out.

    Args:
      file: the HTML file, which is whole or absent.
      folder: a run folder with the `metrics.json` of `gan-jax evaluate`.
      interpolation: uint8 images (paths, steps, H, W, C) along paths through the latent space.

    Raises:
      InputError: the folder lacks `experiment.json` or `metrics.json`, or a file is not what is written there.
    """
    settings, metrics = _read(folder, "experiment.json", "image_shape"), _read(folder, "metrics.json", "scores")
    lines, scores = _lines(folder / "metrics.jsonl"), _lines(folder / "scores.jsonl")
    protocol = _read(folder, "protocol.json") or {}
    baseline = protocol.pop("baseline", {})
    environment = _read(folder, "environment.json")
    end = max((line["step"] for line in lines + scores), default=0)
    sections = {
        "Scores": score_table(metrics),
        "Samples": film(sorted((folder / "samples").glob("step_*.png"))),
        "Interpolation": paths(interpolation),
        "Training": panels(TRAINING, lines, end),
        "Scores over time": panels(over_time(scores, baseline), scores, end),
        "Critic": critic_table(metrics.get("critic", {})),
        "Settings": settings_tables(settings),
        "Environment": settings_tables(environment) if environment else "<p>not recorded</p>",
    }
    notes = _NOTES | {"Scores over time": _taken(protocol, metrics.get("protocol", {}))}
    sections = {title: content for title, content in sections.items() if content}
    page = Template(files(__name__).joinpath("page.html").read_text("utf-8")).substitute(
        name=escape(folder.absolute().name),
        version=escape(str(settings.get("gan_jax", ""))),
        lead=escape(_lead(settings)),
        facts=facts(_head(lines, metrics)),
        links="\n".join(f'<a href="#{_id(title)}">{title}</a>' for title in sections),
        sections="\n".join(_section(title, notes.get(title, ""), content) for title, content in sections.items()),
    )
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.write_text(page, "utf-8")
    part.replace(file)


def _read(folder: Path, name: str, holds: str | None = None) -> dict[str, Any] | None:
    """A JSON object that holds a name, or None for a file that may be missing and is."""
    try:
        found = read_json(folder / name)
    except FileNotFoundError:
        if holds is None:
            return None
        raise InputError(f"{folder}: has no {name}; give a run folder, and evaluate it first") from None
    if not isinstance(found, dict) or (holds and holds not in found):
        raise InputError(f"{folder / name}: is not what a run or `gan-jax evaluate` writes; evaluate the run again")
    return found


def _lines(file: Path) -> list[Line]:
    """JSON lines, without any that a crash has torn."""
    lines = []
    for text in file.read_text().splitlines() if file.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return [line for line in lines if isinstance(line, dict) and "step" in line]


def _lead(settings: dict[str, Any]) -> str:
    """The run in a line."""
    gan = settings.get("gan", {})
    parts = {
        "generator": gan.get("generator", {}).get("name"),
        "critic": gan.get("critic", {}).get("name"),
        "loss": gan.get("loss"),
        "penalty": gan.get("penalty", {}).get("name"),
        "constraint": gan.get("constraint", {}).get("name"),
    }
    source, shape = settings.get("data", {}).get("source", "unknown data"), settings["image_shape"]
    data = f"{source}, {'points of length ' * (len(shape) == 1)}{says(shape)}"
    return " · ".join([data, *(f"{part} {name}" for part, name in parts.items() if name not in (None, "none"))])


def _taken(protocol: dict[str, Any], final: dict[str, Any]) -> str:
    """How scores were taken while the run was trained."""
    different = [f"{name} {says(value)}" for name, value in protocol.items() if final.get(name) != value]
    note = "Of one set of samples each time, of the generator's EMA"
    return f"{note}; unlike the scores above with {', '.join(different)}." if different else f"{note}."


def _head(lines: list[Line], metrics: dict[str, Any]) -> dict[str, str]:
    last = lines[-1] if lines else {"step": metrics.get("step")}
    counts = {"iterations": "step", "critic steps": "critic_steps", "generator steps": "generator_steps"}
    head = {title: says(last.get(name)) for title, name in (counts | {"images seen": "images"}).items()}
    made = f"{datetime.now(UTC):%Y-%m-%d}"
    return head | {"training time": _duration(lines), "report made": made}


def _duration(lines: list[Line]) -> str:
    images, speed = np.diff(column(lines, "images"), prepend=0), column(lines, "images_per_s")
    seconds = round(float(np.sum(images / speed, where=np.isfinite(images) & (speed > 0))))
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    if not hours + minutes + seconds:
        return "—"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _section(title: str, note: str, content: str) -> str:
    note = f"<p>{escape(note)}</p>\n" if note else ""
    return f'<section id="{_id(title)}">\n<h2>{title}</h2>\n{note}{content}\n</section>'


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")
