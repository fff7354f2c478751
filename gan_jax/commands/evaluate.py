"""`gan-jax evaluate`: score a run, an `.npz` file or a folder of images."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from gan_jax.commands.scoring import (
    measure_alone,
    parse_scoring,
    print_missing_sets,
    read_real,
    score_all,
    score_one,
    scoring_parser,
)
from gan_jax.errors import InputError
from gan_jax.evaluation import Evaluation
from gan_jax.evaluation.scores import main_scores
from gan_jax.files import expand_user, write_json
from gan_jax.runs import Run
from gan_jax.runs.samples import Candidate, open_candidate
from gan_jax.runs.self_evaluation import read_protocol

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Score samples, and diagnose the run that draws them."""
    parser = scoring_parser("evaluate", "Score a run, an .npz file or a folder of images, and diagnose a run.")
    parser.add_argument("samples", help="run folder, .npz file with an array `images`, or folder of images")
    parser.add_argument("--best", action="store_true", help="the run's checkpoint that scored best, not the newest")
    parser.add_argument("--out", help="JSON file; by default RUN/evaluation.json, or SAMPLES.evaluation.json")
    parser.add_argument("--per-class", action="store_true", help="each class by itself, too; of a run told the labels")
    options, _ = parse_scoring(parser, arguments)
    if options.per_class and options.label is not None:
        raise InputError("is of every class, and --label of one; give one of the two", field="per_class")
    path = expand_user(options.samples)
    candidate = open_candidate(path, best=options.best)
    run = candidate.run
    if options.per_class and not (run and run.class_counts):
        raise InputError(f"{candidate.sets.name} is not drawn of labels; leave it out", field="per_class")
    if options.out is not None:
        file = Path(options.out)
    elif run:
        file = run.folder.evaluation
    else:
        file = path.with_name(f"{path.name.removesuffix('.npz')}.evaluation.json")
    if file.is_dir():
        raise InputError(f"{file} is a folder; give a file", field="out")
    if run and run.system.sample is None:
        found = measure_alone(console, options, candidate)
        write_json(file, found)
        console.print(_diagnostics_table(found["diagnostics"], run.step))
        print(f"written to {file}")
        return 0
    found, table = score_one(console, options, candidate)
    if run and options.best:
        found |= _choice(run, found["protocol"])
    of_classes = _score_each(console, options, candidate, run.classes) if run and options.per_class else {}
    if of_classes:
        found["classes"] = {name: scored.to_json() for name, scored in of_classes.items()}
    write_json(file, found)
    console.print(table)
    if of_classes:
        console.print(_class_table(of_classes))
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


def _score_each(
    console: Console, options: Namespace, candidate: Candidate, classes: Sequence[str]
) -> dict[str, Evaluation]:
    """Scores of the samples of each class against the real data of that class, by the class's name."""
    found, real = {}, read_real(console, options, [candidate])
    for name in classes:
        of_class = Namespace(**vars(options) | {"label": name})
        found[name] = score_all(console, of_class, [candidate], real)[1][0]
    return found


def _class_table(found: Mapping[str, Evaluation]) -> Table:
    """A row for each class, a column for each score, real data's beside it."""
    first = next(iter(found.values()))
    names = main_scores(list(first.scores))
    columns = [Column(name.replace("_", " "), justify="right") for name in names]
    title = "each class by itself, against the real data of the class; in brackets, what real data get"
    table = Table("class", *columns, title=title, title_justify="left")
    for label, scored in found.items():
        values = [scored.scores[name] for name in names]
        table.add_row(label, *(f"{value.mean:.3f} ({value.baseline:.3f})" for value in values))
    return table


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
