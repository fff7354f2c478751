"""`gan-jax evaluate`: score a run, an `.npz` file or a folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from gan_jax.commands.scoring import parse_scoring, print_missing_sets, score_one, scoring_parser
from gan_jax.errors import InputError
from gan_jax.files import expand_user, write_json
from gan_jax.runs import Run
from gan_jax.runs.samples import open_candidate
from gan_jax.runs.self_evaluation import read_protocol

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Score samples, and diagnose the run that draws them."""
    parser = scoring_parser("evaluate")
    parser.add_argument("samples", help="run folder, .npz file with an array `images`, or folder of images")
    parser.add_argument("--best", action="store_true", help="the run's checkpoint that scored best, not the newest")
    parser.add_argument("--out", help="JSON file; by default RUN/evaluation.json, or SAMPLES.evaluation.json")
    options, _ = parse_scoring(parser, arguments)
    path = expand_user(options.samples)
    candidate = open_candidate(path, best=options.best)
    run = candidate.run
    if options.out is not None:
        file = Path(options.out)
    elif run:
        file = run.folder.evaluation
    else:
        file = path.with_name(f"{path.name.removesuffix('.npz')}.evaluation.json")
    if file.is_dir():
        raise InputError(f"{file} is a folder; give a file", field="out")
    found, table = score_one(console, options, candidate)
    if run and options.best:
        found |= _choice(run, found["protocol"])
    write_json(file, found)
    console.print(table)
    if "chosen_by" in found:
        print(f"the checkpoint was chosen by {found['chosen_by']}, so expect worse on other data")
    print_missing_sets("samples", len(found["seeds"]), options.seeds)
    if run and found.get("diagnostics"):
        console.print(_diagnostics_table(found["diagnostics"], run.step))
    if "modes" in found:
        modes = found["modes"]
        near = f"{modes['high_quality']:.1%} of {modes['n']:,} samples near one"
        console.print(f"modes: {modes['hit']} of {modes['of']} hit, {near}, KL to an even spread {modes['kl']:.4f}")
    print(f"written to {file}")
    return 0


def _choice(run: Run, protocol: dict[str, Any]) -> dict[str, str]:
    """By what the best checkpoint was chosen, if by the data that it is scored on: then its scores flatter it."""
    file = run.folder.evaluation_protocol
    if file.exists():
        chosen, _ = read_protocol(file)
        if (chosen.fingerprint, chosen.split) != (protocol["fingerprint"], protocol["split"]):
            return {}
    return {"chosen_by": f"{run.experiment.evaluation.best} on the same {protocol['split'].replace('_', '-')} data"}


def _diagnostics_table(diagnostics: dict[str, Any], step: int) -> Table:
    """What the system measures of each sample, on data that it was trained on and on others."""
    train = diagnostics["train"]
    columns = list(next(iter(train.values())))
    title = f"per sample, on training and on held-out data, at iteration {step:,}"
    numbers = [Column(name, no_wrap=True) for name in columns]
    table = Table("", "data", *numbers, title=title, title_justify="left")
    for name in train:
        for split, measured in diagnostics.items():
            cells = [f"{measured[name][column]:.3f}" for column in columns]
            table.add_row(name.replace("_", " "), split.replace("_", " "), *cells)
    return table
