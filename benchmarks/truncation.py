"""Precision and recall of a run's samples against their truncation.

`python -m benchmarks.truncation runs/mnist_stylegan2 --n 10000 --json rows.json --plot truncation.png` scores the same
seed's samples at each psi.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax.evaluation import evaluate, reference
from gan_jax.evaluation.features import FEATURES, usual
from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.files import write_json
from gan_jax.runs import load
from gan_jax.runs.run import sample_sets

PSIS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SCORES = ("frechet", "precision_recall")


def scores_of(folder: Path, *, n: int, psis: Sequence[float] = PSIS) -> dict[str, Any]:
    """Score a run's samples at each psi; return the protocol, what real data get, and a row for each."""
    run = load(folder)
    config = run.experiment.data
    network = FEATURES[usual(config.name, run.shape)](None)
    against = reference(config.read(), network, name=config.name, n=n, scores=_SCORES)
    rows = []
    for psi in psis:
        found = evaluate(sample_sets(run, str(folder), truncation=psi), against, seeds=(0,))
        rows.append({"psi": psi} | {name: value.mean for name, value in found.scores.items()})
    return {"protocol": against.protocol.describe(), "baseline": against.baseline, "rows": rows}


def plot(found: dict[str, Any], file: Path) -> None:
    """Draw precision and recall against psi, and beside them the distance."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = found["rows"]
    for axes, name, color, mark in (
        (left, "precision", BLUE, "o"),
        (left, "recall", VERMILION, "s"),
        (right, "frechet", BLUE, "o"),
    ):
        axes.plot([row["psi"] for row in rows], [row[name] for row in rows], marker=mark, color=color, label=name)
        axes.axhline(found["baseline"][name], color=color, ls="--", lw=1)
        axes.set(xlabel="truncation psi")
        axes.spines[["top", "right"]].set_visible(False)
    left.set(ylim=(0, 1))
    left.legend(title="dashed: real images", frameon=False)
    right.set(ylabel="Fréchet distance", ylim=(0, None))
    figure.savefig(file, dpi=110)


def main() -> None:
    """Parse the command line, score, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truncation", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of a generator with styles")
    parser.add_argument("--n", type=int, default=10_000, help="samples of each kind")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--plot", type=Path, help="draw the rows into this PNG")
    options = parser.parse_args()
    found = scores_of(options.run, n=options.n)
    for row in found["rows"]:
        print("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
    if options.json:
        write_json(options.json, found)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
