"""What `evaluate`, `compare` and `report` share: the options of scores, and the way from them to scores."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from gan_jax.commands.options import command_parser, path_of, progress_bars, reader
from gan_jax.config import Count, Seed
from gan_jax.data import Dataset, read
from gan_jax.data.sources import resolve
from gan_jax.errors import InputError
from gan_jax.evaluation import Evaluation, Value, diagnose, evaluate, mode_counts, reference, same_protocol
from gan_jax.evaluation.diagnostics import MAX_SAMPLES as MAX_DIAGNOSED
from gan_jax.evaluation.features import FEATURES, usual
from gan_jax.evaluation.reference import MAX_SAMPLES, MIN_SAMPLES
from gan_jax.evaluation.scores import GOOD, SCORES, main_scores
from gan_jax.runs import DataConfig
from gan_jax.runs.samples import Candidate

__all__ = ["print_missing_sets", "score_all", "score_one", "score_table", "scoring_parser"]


def scoring_parser(command: str) -> ArgumentParser:
    """Return a parser of the options of scores."""
    parser = command_parser(command)
    parser.add_argument(
        "--data", help="the real data, as for --data.source of `gan-jax train`; by default the run's own"
    )
    parser.add_argument("--data-dir", help="folder of prepared TFDS data sets; by default the run's own")
    parser.add_argument("--n", type=reader(Count), help="samples of each kind; by default all there are, at most 10000")
    parser.add_argument(
        "--split", choices=["held_out", "train"], default="held_out", help="real data that samples are compared with"
    )
    parser.add_argument("--features", choices=list(FEATURES), help="by default what suits the data")
    parser.add_argument("--weights", help="file of the feature network's weights; by default where they usually are")
    parser.add_argument("--scores", nargs="+", choices=list(SCORES), help="by default all")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="of the choice of data, and of the first samples")
    parser.add_argument("--seeds", type=reader(Count), default=3, help="sets of samples, for the spread")
    return parser


def score_all(
    console: Console, options: Namespace, candidates: Sequence[Candidate]
) -> tuple[Dataset, list[Evaluation]]:
    """Score samples against the real data that the options, or the runs among them, name.

    Raises:
      InputError: neither does, or the runs name different data; or as `evaluation.reference` and `evaluate`.
    """
    name, data = _read(console, options, candidates)
    for sets, run in candidates:
        if sets.shape != data.shape:
            trained = "were trained on" if run else "are of shape"
            raise InputError(
                f"{sets.name}: {name} is of shape {data.shape}, these {trained} {sets.shape}; "
                "name other data by --data, or give them one size and number of channels"
            )
        if sets.n_available is not None and sets.n_available < MIN_SAMPLES:
            raise InputError(
                f"{sets.name}: holds {sets.n_available} samples, too few to score; give at least {MIN_SAMPLES}"
            )
    counts = [sets.n_available for sets, _ in candidates if sets.n_available is not None]
    part = data.held_out if options.split == "held_out" else data.train
    with progress_bars(console) as progress:
        against = reference(
            data,
            FEATURES[options.features or usual(name, data.shape)](path_of(options.weights)),
            name=name,
            n=options.n or min(len(part), MAX_SAMPLES, *counts),
            split=options.split,
            seed=options.seed,
            scores=options.scores,
            progress=progress,
        )
        seeds = tuple(range(options.seed, options.seed + options.seeds))
        return data, [evaluate(sets, against, seeds=seeds, progress=progress) for sets, _ in candidates]


def score_one(console: Console, options: Namespace, candidate: Candidate) -> tuple[dict[str, Any], Table]:
    """Score one kind of samples, and diagnose the run that draws them; return what is kept of it, and a table."""
    data, [found] = score_all(console, options, [candidate])
    kept = found.to_json()
    modes = mode_counts(found.protocol.data, candidate.sets, options.seed)
    run = candidate.run
    if run:
        count = min(len(data.train), len(data.held_out), MAX_DIAGNOSED)
        with console.status("diagnosing the run"):
            diagnostics = diagnose(run.system, run.state, data, count=count, seed=options.seed)
        kept |= {"step": run.step, "diagnostics": diagnostics}
    return kept | ({"modes": modes} if modes else {}), score_table(console, [found])


def score_table(console: Console, found: Sequence[Evaluation]) -> Table:
    """Lay scores out for a console: a row each, a column for each evaluation, and what real data get."""
    protocol = same_protocol({scored.samples: scored.protocol for scored in found})
    names = [scored.samples for scored in found] if len(found) > 1 else ["samples"]
    table = Table("", *names, "real data", "good", title=protocol.describe(), title_justify="left")
    for name in main_scores(list(found[0].scores)):
        values = [scored.scores[name] for scored in found]
        cells = [_number(value.mean) + _spread(console, value) for value in values]
        table.add_row(name.replace("_", " "), *cells, _number(values[0].baseline), GOOD[name])
    return table


def print_missing_sets(name: str, taken: int, wanted: int) -> None:
    """Say where samples make fewer sets than were asked for."""
    if taken < wanted:
        print(f"sets of {name}: {taken}; for a spread over {wanted}, give more samples or a smaller --n")


def _read(console: Console, options: Namespace, candidates: Sequence[Candidate]) -> tuple[str, Dataset]:
    """The name of the real data, and the data."""
    own = {run.experiment.data.name: run.experiment.data for _, run in candidates if run}
    if options.data is None and len(own) > 1:
        raise InputError(f"the runs have different data, {' and '.join(own)}; name what to compare with", field="data")
    if options.data is None and not own:
        raise InputError(
            "name the real data that the samples are compared with, for example --data mnist", field="data"
        )
    config = next(iter(own.values()), DataConfig())
    data_dir = path_of(options.data_dir or config.dir)
    source = options.data or config.source
    if not isinstance(source, str):
        return config.name, config.read()
    try:
        source = resolve(source, data_dir)
        with console.status(f"reading {source}"):
            return source, read(source, data_dir)
    except InputError as error:
        raise InputError(error.reason, field="data") from None


def _number(value: float) -> str:
    return f"{value:.{_digits(value)}f}"


def _spread(console: Console, value: Value) -> str:
    if value.sd is None:
        return ""
    sign = "±" if "±".encode(console.encoding, "ignore") else "+-"
    return f" {sign} {value.sd:.{_digits(value.mean)}f}"


def _digits(value: float) -> int:
    return 3 if abs(value) >= 0.1 or value == 0 else 5
