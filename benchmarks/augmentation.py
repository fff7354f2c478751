"""What adaptive augmentation does where data are few: distance and over-fitting against iterations, for three seeds.

`python -m benchmarks.augmentation --data-dir FOLDER --json rows.json --plot curves.png` trains
`experiments/mnist_tenth.py` as it is, and without augmentation; it goes on where it stopped.
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.progress import track

from gan_jax import AugmentConfig, Experiment, train
from gan_jax.figures.palette import BLUE, VERMILION
from gan_jax.files import read_json, read_json_lines, write_json
from gan_jax.runs.experiment_file import load
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.named_experiments import experiment_path

SEEDS = (0, 1, 2)
ARMS = {"none": "no augmentation", "ada": "adaptive"}


def curve(experiment: Experiment, arm: str, seed: int) -> dict[str, Any]:
    """Train one arm, and return the protocol and a row for each time that it scored itself."""
    gan = experiment.gan if arm == "ada" else replace(experiment.gan, augment=AugmentConfig())
    with TemporaryDirectory() as name:
        folder = RunFolder(Path(name) / "run")
        train(replace(experiment, gan=gan, seed=seed), folder.path)
        trained = {line["step"]: line for line in read_json_lines(folder.training_metrics)}
        rows = [
            {
                "step": line["step"],
                "frechet": line["frechet"],
                "gap": line["critic_loss_held_out"] - line["critic_loss_train"],
                "strength": trained[line["step"]].get("augment_strength", 0.0),
            }
            for line in read_json_lines(folder.evaluation_history)
        ]
        return {**read_json(folder.evaluation_protocol), "rows": rows}


def plot(found: dict[str, Any], file: Path) -> None:
    """Draw the distance, and the critic's loss on held-out data less that on the others: each seed, and the mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    titles = {"frechet": "Fréchet distance", "gap": "critic's gap"}
    for axes, (score, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        for (arm, label), color in zip(ARMS.items(), (VERMILION, BLUE), strict=True):
            curves = [each["rows"] for name, each in found.items() if name.startswith(arm)]
            steps = [row["step"] for row in curves[0]]
            values = np.array([[row[score] for row in rows] for rows in curves])
            axes.plot(steps, values.T, color=color, lw=0.8, alpha=0.5)
            axes.plot(steps, values.mean(axis=0), color=color, lw=2, label=label)
        axes.set(xlabel="iterations", ylabel=title, xlim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        if score == "frechet":
            axes.set_yscale("log", subs=())
            axes.set_yticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
            axes.set_ylim(axes.dataLim.ymin / 1.2, axes.dataLim.ymax * 1.2)  # and not as far as the ticks
            axes.legend(frameon=False)
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, train what is missing, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.augmentation", description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of prepared TFDS data sets")
    parser.add_argument("--json", type=Path, required=True, help="curves so far, and those to come")
    parser.add_argument("--plot", type=Path, help="draw the curves into this PNG")
    options = parser.parse_args(arguments)
    experiment = load(experiment_path("mnist_tenth")).experiment
    experiment = replace(experiment, data=replace(experiment.data, dir=options.data_dir))
    found = read_json(options.json) if options.json.exists() else {}
    missing = [pair for pair in itertools.product(SEEDS, ARMS) if f"{pair[1]}/{pair[0]}" not in found]
    for seed, arm in track(missing, "curves"):
        found[f"{arm}/{seed}"] = curve(experiment, arm, seed)
        write_json(options.json, found, indent=1)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
