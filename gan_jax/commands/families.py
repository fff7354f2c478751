"""`gan-jax families`: experiments of one data set, trained for the same time, side by side."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from rich.console import Console
from rich.table import Column, Table

from gan_jax.commands.options import command_parser, parse, path_of, progress_bars, reader
from gan_jax.config import Count, Name
from gan_jax.errors import InputError
from gan_jax.evaluation import reference
from gan_jax.evaluation.features import FEATURES, usual
from gan_jax.figures.families import plot_families
from gan_jax.files import expand_user, read_json, write_json
from gan_jax.runs import Experiment, experiment_file, load, training
from gan_jax.runs.families import FAMILY_SCORES, images_per_second, lasting, measure
from gan_jax.runs.named_experiments import experiment_path

__all__ = ["main"]

_Minutes = Annotated[float, Field(gt=0, le=100_000)]
_SHOWN = {3: 36, 1: 2000}  # samples in a grid of images, in a scatter plot of points: by the dimensions of a sample


def main(arguments: Sequence[str], console: Console) -> int:
    """Train what is missing, measure it, and show a table and a figure; what is there already is not done again."""
    parser = command_parser("families", "Train experiments of one data set for the same time, and compare them.")
    parser.add_argument("experiments", nargs="+", help="experiment files of one data set, a family each")
    parser.add_argument("--workdir", required=True, help="folder of the runs, of families.json and of families.png")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=reader(_Minutes), help="that each trains, by its speed on this machine")
    length.add_argument("--images", type=reader(Count), help="that each sees")
    parser.add_argument("--seeds", type=reader(Count), default=3, help="trainings of each, with seeds 0, 1, ...")
    parser.add_argument("--data-dir", type=reader(Name | None), help="folder of prepared TFDS data sets")
    options = parse(parser, arguments)
    folder = expand_user(options.workdir)
    files = {experiment_path(file).stem: experiment_file.load(experiment_path(file)) for file in options.experiments}
    experiments = {name: _located(file.experiment, options.data_dir) for name, file in files.items()}
    if len({experiment.data.name for experiment in experiments.values()}) > 1:
        names = ", ".join(f"{name} of {experiment.data.name}" for name, experiment in experiments.items())
        raise InputError(f"the experiments have different data: {names}; give those of one data set")

    data = next(iter(experiments.values())).data.read()
    results = folder / "families.json"
    length = {"minutes": options.minutes} if options.minutes else {"images": options.images}
    found: dict[str, Any] = read_json(results) if results.exists() else {"length": length, "speeds": {}, "rows": {}}
    if found["length"] != length:
        raise InputError(f"{results}: was made with {found['length']}; give that, or another workdir")
    folder.mkdir(parents=True, exist_ok=True)
    data_name = next(iter(experiments.values())).data.name
    with progress_bars(console) as progress:
        network = FEATURES[usual(data_name, data.shape)](None)
        against = reference(data, network, name=data_name, scores=list(FAMILY_SCORES), progress=progress)
    found |= {"protocol": against.protocol.describe(), "baseline": against.baseline}

    for seed in range(options.seeds):
        for name, experiment in experiments.items():
            row = f"{name}/{seed}"
            if row in found["rows"]:
                continue
            # A speed is measured once, and kept: a family's runs are all of one length.
            if options.minutes and name not in found["speeds"]:
                console.print(f"{name}: measuring its speed")
                found["speeds"][name] = images_per_second(experiment)
                write_json(results, found)
            images = options.images or found["speeds"][name] * 60 * options.minutes
            console.print(f"{name}, seed {seed}: {images:,.0f} images")
            lasts = replace(lasting(experiment, data, images), seed=seed)
            run = training.train(lasts, _run_folder(folder, name, seed), file=files[name], console=console)
            with console.status("measuring"):
                found["rows"][row] = measure(run, data, against) | {"images": images}
            write_json(results, found)

    # Of the first seed, what each family draws.
    shown = {}
    for name in experiments:
        run = load(_run_folder(folder, name, 0))
        shown[name] = run.sample(_SHOWN[len(run.shape)], seed=0)
    figure = folder / "families.png"
    plot_families(figure, found, shown)
    console.print(_table(found, list(experiments), options.seeds))
    print(f"figure: {figure}\nwritten to {results}")
    return 0


def _run_folder(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name}-{seed}"


def _located(experiment: Experiment, data_dir: str | None) -> Experiment:
    if data_dir is None:
        return experiment
    return replace(experiment, data=replace(experiment.data, dir=str(path_of(data_dir))))


def _table(found: Mapping[str, Any], families: Sequence[str], seeds: int) -> Table:
    """Mean and standard deviation over seeds, a row for each number and a column for each family."""
    columns = [Column(name, justify="right") for name in (*families, "real data")]
    table = Table("", *columns, title=found["protocol"], title_justify="left")
    rows = {name: [found["rows"].get(f"{name}/{seed}", {}) for seed in range(seeds)] for name in families}
    numbers = list(dict.fromkeys(number for each in rows.values() for row in each for number in row))
    for number in numbers:
        cells = []
        for name in families:
            values = [row[number] for row in rows[name] if number in row]
            cells.append(_cell(values) if values else "none")
        baseline = found["baseline"].get(number)
        table.add_row(number.replace("_", " "), *cells, "" if baseline is None else f"{baseline:.3g}")
    return table


def _cell(values: Sequence[float]) -> str:
    mean = f"{statistics.fmean(values):,.0f}" if abs(values[0]) >= 1000 else f"{statistics.fmean(values):.3g}"
    return mean if len(values) < 2 or len(set(values)) == 1 else f"{mean} ± {statistics.stdev(values):.2g}"
