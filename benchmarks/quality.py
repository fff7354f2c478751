"""Quality of samples against minutes of training: `gan-jax train` in parts, `gan-jax evaluate` after each.

`python -m benchmarks.quality experiments/digits_wgan_gp.py --steps 500 2000 5000` takes the options of `gan-jax train`
beside its own. Minutes are those of training alone: compilation, reading and scoring are left out.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gan_jax.cli import main as gan_jax

_SCORES = ("precision", "recall")


def minutes(metrics: Path) -> float:
    """Minutes of training up to the last line of a run's metrics."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    before = [0, *(line["images"] for line in lines[:-1])]
    return sum((line["images"] - old) / line["images_per_s"] for line, old in zip(lines, before, strict=True)) / 60


def curve(experiment: str, steps: Sequence[int], options: Sequence[str], n: int | None) -> list[dict[str, Any]]:
    """Train to each number of iterations in turn, and score there; a row each."""
    rows = []
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for count in sorted(steps):
            resume = ["--resume"] if rows else []
            train = ["train", experiment, "--workdir", str(run), "--steps", str(count), *resume, *options]
            if code := gan_jax(train) or gan_jax(["evaluate", str(run), *(["--n", str(n)] if n else [])]):
                raise SystemExit(code)
            scores = json.loads((run / "metrics.json").read_text())
            kept = {name: scores[name] for name in ("step", "n_real", "n_fake", *_SCORES, "reference")}
            rows.append({"experiment": experiment, "minutes": minutes(run / "metrics.jsonl"), **kept})
    return rows


def plot(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw each score against minutes, and what real data reach as a dashed line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, colour, mark in zip(_SCORES, ("#0072b2", "#d55e00"), "os", strict=True):
        axes.plot([row["minutes"] for row in rows], [row[name] for row in rows], marker=mark, color=colour, label=name)
        axes.axhline(rows[-1]["reference"][name], color=colour, ls="--", lw=1)
    axes.set(xlabel="minutes of training", ylim=(0, 1), xlim=(0, None))
    axes.legend(title="dashed: real images", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("experiment", help="as for `gan-jax train`, whose options may follow")
    parser.add_argument("--steps", nargs="+", type=int, required=True, help="iterations at which to score")
    parser.add_argument("--n", type=int, help="samples that are scored; default: gan-jax evaluate's")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--plot", type=Path, help="draw the rows into this PNG")
    options, rest = parser.parse_known_args(arguments)
    rows = curve(options.experiment, options.steps, rest, options.n)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
