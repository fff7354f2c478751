"""Quality of samples against minutes of training: `gan-jax train`, which scores itself as it goes.

`python -m benchmarks.quality experiments/digits_wgan_gp.py --every 1000` takes the options of `gan-jax train`, too.
Minutes are those of training alone: compilation, reading and scoring are left out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gan_jax.cli import main as gan_jax
from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.files import read_json, read_json_lines, write_json
from gan_jax.runs.folder import RunFolder

_SCORES = ("frechet", "precision", "recall")


def minutes(metrics: Path) -> dict[int, float]:
    """Minutes of training up to each line of a run's metrics, by its iteration."""
    total, images, found = 0.0, 0, {}
    for line in read_json_lines(metrics):
        total += (line["images"] - images) / line["images_per_s"] / 60
        images = line["images"]
        found[line["step"]] = total
    return found


def curve(experiment: str, every: int, options: Sequence[str], workdir: Path | None = None) -> dict[str, Any]:
    """Train, with scores each so many iterations; return the protocol and a row for each time."""
    with TemporaryDirectory() as name:
        run = workdir or Path(name) / "run"
        scores = ["--evaluation.every", str(every), "--evaluation.scores", "frechet,precision_recall"]
        if code := gan_jax(["train", experiment, "--workdir", str(run), "--log_every", str(every), *scores, *options]):
            raise SystemExit(code)
        folder = RunFolder(run)
        at, lines = minutes(folder.training_metrics), read_json_lines(folder.evaluation_history)
        rows = [{"step": x["step"], "minutes": at[x["step"]]} | {score: x[score] for score in _SCORES} for x in lines]
        return {"experiment": experiment, **read_json(folder.evaluation_protocol), "rows": rows}


def plot(found: dict[str, Any], file: Path) -> None:
    """Draw the distance against minutes, and beside it precision and recall."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, name, color, mark in zip((left, right, right), _SCORES, (BLUE, BLUE, VERMILION), "oos", strict=True):
        axes.plot(
            [row["minutes"] for row in found["rows"]],
            [row[name] for row in found["rows"]],
            **{"marker": mark, "color": color, "label": name},
        )
        axes.axhline(found["baseline"][name], color=color, ls="--", lw=1)
    left.set(xlabel="minutes of training", ylabel="Fréchet distance", yscale="log", xlim=(0, None))
    right.set(xlabel="minutes of training", ylim=(0, 1), xlim=(0, None))
    right.legend(title="dashed: real images", frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("experiment", help="as for `gan-jax train`, whose options may follow")
    parser.add_argument("--every", type=int, required=True, help="iterations between two times of scoring")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--plot", type=Path, help="draw the rows into this PNG")
    parser.add_argument("--workdir", type=Path, help="run folder; by default one that does not stay")
    options, rest = parser.parse_known_args(arguments)
    found = curve(options.experiment, options.every, rest, options.workdir)
    if options.json:
        write_json(options.json, found, indent=1)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
