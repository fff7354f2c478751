"""Quality of samples against minutes of training: `gan-jax train`, which scores itself as it goes.

`python -m benchmarks.quality experiments/digits_wgan_gp.py --every 1000` takes the options of `gan-jax train`, too.
Minutes are those of training alone: compilation, reading and scoring are left out.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gan_jax.cli import main as gan_jax

_SCORES = ("frechet", "precision", "recall")


def minutes(metrics: Path) -> dict[int, float]:
    """Minutes of training up to each line of a run's metrics, by its iteration."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    total, images, found = 0.0, 0, {}
    for line in lines:
        total += (line["images"] - images) / line["images_per_s"] / 60
        images = line["images"]
        found[line["step"]] = total
    return found


def curve(experiment: str, every: int, options: Sequence[str], workdir: Path | None = None) -> dict[str, Any]:
    """Train, with scores each so many iterations; return the protocol and a row for each time."""
    with TemporaryDirectory() as name:
        run = workdir or Path(name) / "run"
        scores = ["--evaluation.every", str(every), "--evaluation.scores", '["frechet", "precision_recall"]']
        if code := gan_jax(["train", experiment, "--workdir", str(run), "--log_every", str(every), *scores, *options]):
            raise SystemExit(code)
        at = minutes(run / "metrics.jsonl")
        lines = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
        rows = [{"step": x["step"], "minutes": at[x["step"]]} | {score: x[score] for score in _SCORES} for x in lines]
        return {"experiment": experiment, **json.loads((run / "protocol.json").read_text()), "rows": rows}


def plot(found: dict[str, Any], file: Path) -> None:
    """Draw the distance against minutes, and beside it precision and recall."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, name, colour, mark in zip(
        (left, right, right), _SCORES, ("#0072b2", "#0072b2", "#d55e00"), "oos", strict=True
    ):
        axes.plot(
            [row["minutes"] for row in found["rows"]],
            [row[name] for row in found["rows"]],
            **{"marker": mark, "color": colour, "label": name},
        )
        axes.axhline(found["baseline"][name], color=colour, ls="--", lw=1)
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
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
