"""What `evaluate`, `compare` and `report` share: the options of scores, and the way from them to a reference."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console
from rich.table import Table

from gan_jax.commands.options import bars, parser_of, path_of
from gan_jax.errors import InputError

if TYPE_CHECKING:
    from gan_jax.data.sources import Dataset
    from gan_jax.evaluation import Evaluation, SampleSets


def scoring_parser(command: str) -> ArgumentParser:
    """Return a parser of the options of scores."""
    from typing import Literal

    from gan_jax.evaluation.features import FEATURES
    from gan_jax.evaluation.scores import SCORES
    from gan_jax.runs.experiment import Count, Seed

    parser = parser_of(command)
    parser.add_argument(
        "--data", help="the real data, as for --data.source of `gan-jax train`; by default the run's own"
    )
    parser.add_argument("--data-dir", help="folder of prepared TFDS data sets; by default the run's own")
    parser.add_argument("--n", type=Count, help="samples of each kind; by default all there are, at most 10000")
    parser.add_argument(
        "--split", type=Literal["held_out", "train"], default="held_out", help="real data compared with"
    )
    parser.add_argument("--features", type=Literal[tuple(FEATURES)], help="by default what suits the data")
    parser.add_argument("--weights", help="file of the feature network's weights; by default where they usually are")
    parser.add_argument("--scores", nargs="+", type=Literal[tuple(SCORES)], help="by default all")
    parser.add_argument("--seed", type=Seed, default=0, help="of the choice of data, and the first set of samples")
    parser.add_argument("--seeds", type=Count, default=3, help="sets of samples, for the spread")
    return parser


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Read a command line; options may be spelled with underscores for hyphens and the other way round."""
    known = {"--data_dir": "--data-dir"}
    return parser.parse_args([known.get(word, word) for word in arguments])


def score_all(
    console: Console, options: Namespace, candidates: Sequence["SampleSets"]
) -> tuple["Dataset", list["Evaluation"]]:
    """Score samples against the real data that the options, or the runs among them, name.

    Raises:
      InputError: neither does, or the runs name different data; or as `evaluation.reference` and `evaluate`.
    """
    from gan_jax.data import sources
    from gan_jax.evaluation import evaluate, reference
    from gan_jax.evaluation.features import FEATURES, usual
    from gan_jax.evaluation.scoring import MAX_SAMPLES, MIN_SAMPLES

    source, data_dir = _source(options, candidates)
    with console.status(f"reading {source}"):
        data = sources.read(source, data_dir)
    for sets in candidates:
        if sets.shape != data.train.shape[1:]:
            trained = "were trained on" if sets.run else "are of shape"
            raise InputError(
                f"{sets.name}: {source} is of shape {data.train.shape[1:]}, these {trained} {sets.shape}; "
                "name other data by --data, or give them one size and number of channels"
            )
        if sets.count is not None and sets.count < MIN_SAMPLES:
            raise InputError(f"{sets.name}: holds {sets.count} samples, too few to score; give at least {MIN_SAMPLES}")
    counts = [sets.count for sets in candidates if sets.count is not None]
    part = data.held_out if options.split == "held_out" else data.train
    with bars(console) as progress:
        against = reference(
            data,
            FEATURES[options.features or usual(source, data.train.shape[1:])](path_of(options.weights)),
            name=source,
            n=options.n or min(len(part), MAX_SAMPLES, *counts),
            split=options.split,
            seed=options.seed,
            scores=options.scores,
            progress=progress,
        )
        seeds = tuple(range(options.seed, options.seed + options.seeds))
        return data, [evaluate(sets, against, seeds=seeds, progress=progress) for sets in candidates]


def _source(options: Namespace, candidates: Sequence["SampleSets"]) -> tuple[str, Path | None]:
    from gan_jax.data.sources import resolve

    own = [sets.run.experiment.data for sets in candidates if sets.run]
    data_dir = path_of(options.data_dir or next((data.dir for data in own), None))
    if options.data:
        return resolve(options.data, data_dir), data_dir
    names = {data.source: None for data in own}
    if len(names) > 1:
        raise InputError(f"--data: the runs have different data, {' and '.join(names)}; name what to compare with")
    if not names:
        raise InputError("--data: name the real data that the samples are compared with, for example --data mnist")
    return next(iter(names)), data_dir


def score_table(found: Sequence["Evaluation"]) -> Table:
    """Lay scores out: a row each, a column for each evaluation, and what real data get."""
    from gan_jax.evaluation import same_protocol
    from gan_jax.evaluation.scores import GOOD
    from gan_jax.figures.scores import main_numbers

    protocol = same_protocol({scored.samples: scored.protocol for scored in found})
    names = [scored.samples for scored in found] if len(found) > 1 else ["samples"]
    table = Table("", *names, "real data", "good", title=protocol.describe(), title_justify="left")
    for name in main_numbers(list(found[0].scores)):
        values = [scored.scores[name] for scored in found]
        cells = [_number(value.mean, value.sd) for value in values]
        table.add_row(name.replace("_", " "), *cells, _number(values[0].baseline), GOOD[name])
    return table


def _number(value: float, sd: float | None = None) -> str:
    digits = 3 if abs(value) >= 0.1 or value == 0 else 5
    return f"{value:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")
