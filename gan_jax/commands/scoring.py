"""What `evaluate`, `compare` and `report` share: the options of scores, and the way from them to scores."""

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from rich.console import Console
from rich.table import Table

from gan_jax.commands.options import (
    Several,
    add_sampling,
    command_parser,
    parse,
    path_of,
    progress_bars,
    reader,
    sampling,
)
from gan_jax.commands.score_tables import score_table
from gan_jax.config import Count, Name, Seed
from gan_jax.data import Dataset, read
from gan_jax.data.dataset import only_class
from gan_jax.data.sources import resolve
from gan_jax.errors import InputError
from gan_jax.evaluation import (
    Evaluation,
    Reference,
    diagnose,
    evaluate,
    mode_counts,
    read_statistics,
    reference,
    statistics_reference,
)
from gan_jax.evaluation.diagnostics import MAX_SAMPLES as MAX_DIAGNOSED
from gan_jax.evaluation.features import FEATURES, FeatureNetwork, usual
from gan_jax.evaluation.reference import MAX_SAMPLES, MIN_SAMPLES
from gan_jax.evaluation.samples import Progress
from gan_jax.evaluation.scores import SCORES, ScoreName
from gan_jax.files import expand_user
from gan_jax.runs import DataConfig
from gan_jax.runs.labels import class_of
from gan_jax.runs.samples import Candidate, drawn_as

__all__ = [
    "measure_alone",
    "parse_scoring",
    "print_missing_sets",
    "read_real",
    "score_all",
    "score_one",
    "scoring_parser",
]

_DEFAULTS = {"split": "held_out", "seed": 0, "seeds": 3} | dict.fromkeys(
    ("data", "data_dir", "statistics", "n", "n_real", "n_fake", "label", "features", "weights", "scores")
)
_Sets = Annotated[int, Field(gt=0, le=1000)]
_SEEDS = 2**32


def scoring_parser(command: str, does: str) -> ArgumentParser:
    """Return a parser of the options of scores, which `parse_scoring` reads."""
    parser = command_parser(command, does)
    add = partial(parser.add_argument, default=SUPPRESS)
    add("--data", help="the real data, as for --data.source of `gan-jax train`; by default the run's own")
    add("--data-dir", type=reader(Name | None), help="folder of prepared TFDS data sets; by default the run's own")
    add("--statistics", help="an .npz of mu and sigma of real features, as pytorch-fid writes it, in place of data")
    add("--n", type=reader(Count), help="samples of each kind; by default all there are, at most 10000")
    add("--n-real", type=reader(Count), help="real samples, if another number than --n")
    add("--n-fake", type=reader(Count), help="generated samples, if another number than --n")
    add("--split", choices=["held_out", "train"], help="real data that samples are compared with; by default held_out")
    add("--label", help="score one class alone, by its name or number; of a run that is told the labels")
    add_sampling(parser)
    add("--features", choices=list(FEATURES), metavar="NAME", help=f"{', '.join(FEATURES)}; what suits the data")
    add("--weights", help="file of the feature network's weights; by default where they usually are")
    add("--scores", action=Several, annotation=tuple[ScoreName, ...], metavar="NAME", help=f"{', '.join(SCORES)}; all")
    add("--seed", type=reader(Seed), help="of the choice of data, and of the first samples; by default 0")
    add("--seeds", type=reader(_Sets), help="sets of samples, for the spread; by default 3")
    return parser


def parse_scoring(parser: ArgumentParser, arguments: Sequence[str]) -> tuple[Namespace, set[str]]:
    """Read a command line; return its options, and which options of scores it gives.

    Raises:
      InputError: as `options.parse`, or two options contradict each other.
    """
    options = parse(parser, arguments)
    given = vars(options).keys() & _DEFAULTS.keys()
    options = Namespace(**_DEFAULTS | vars(options))
    if options.seed + options.seeds > _SEEDS:
        raise InputError(f"{options.seed} and the next {options.seeds - 1} must be below {_SEEDS}", field="seed")
    refused = given & {"data", "data_dir", "n_real", "split", "label"} if "statistics" in given else set()
    if refused:
        raise InputError("statistics take the place of real data; leave it out", field=min(refused))
    wrong = [name for name in options.scores or () if not SCORES[name].takes_statistics]
    if "statistics" in given and wrong:
        raise InputError(f"{wrong[0]} needs real data, of which there are but statistics; leave it out", field="scores")
    return options, given


def score_all(
    console: Console, options: Namespace, candidates: Sequence[Candidate], real: tuple[str, Dataset] | None = None
) -> tuple[Dataset | None, list[Evaluation]]:
    """Score samples against real data, or their statistics, that the options or the runs name; return the data, too.

    Data that have been read already may be given, with their name.

    Raises:
      InputError: neither does, or the runs name different data; or as `evaluation.reference` and `evaluate`.
    """
    candidates = [drawn_as(candidate, options.label, **sampling(options)) for candidate in candidates]
    for sets, _ in candidates:
        if sets.n_available is not None and sets.n_available < MIN_SAMPLES:
            raise InputError(
                f"{sets.name}: holds {sets.n_available} samples, too few to score; give at least {MIN_SAMPLES}"
            )
    with progress_bars(console) as progress:
        if options.statistics is None:
            data, against = _reference(options, candidates, real or read_real(console, options, candidates), progress)
        else:
            data, against = None, _statistics_reference(options, candidates)
        seeds = tuple(range(options.seed, options.seed + options.seeds))
        return data, [evaluate(sets, against, seeds=seeds, progress=progress) for sets, _ in candidates]


def score_one(console: Console, options: Namespace, candidate: Candidate) -> tuple[dict[str, Any], Table]:
    """Score one kind of samples, and diagnose the run that draws them; return what is kept of it, and a table."""
    data, [found] = score_all(console, options, [candidate])
    kept = found.to_json()
    run = candidate.run
    modes = mode_counts(found.protocol.data, candidate.sets, options.seed)
    if run:
        kept["step"] = run.step
        kept["protocol"] |= {"files": dict(run.files)} if run.files else {}
    if run and data:
        count = min(len(data.train), len(data.held_out), MAX_DIAGNOSED)
        with console.status("diagnosing the run"):
            noise = run.experiment.data.dequantization
            diagnostics = diagnose(run.system, run.state, data, count=count, seed=options.seed, dequantization=noise)
        kept["diagnostics"] = diagnostics
    return kept | ({"modes": modes} if modes else {}), score_table(console, [found])


def measure_alone(console: Console, options: Namespace, candidate: Candidate) -> dict[str, Any]:
    """Diagnose a run that draws nothing which could be scored, on training and on held-out data.

    Raises:
      InputError: the data cannot be read, or are others than those that it was trained on.
    """
    run: Any = candidate.run
    name, data = read_real(console, options, [candidate])
    if name == run.experiment.data.name and _trained_on(run.experiment.data, data) != run.fingerprint:
        raise InputError(f"{candidate.sets.name}: {name} is no longer what the run was trained on; restore the data")
    count = min(len(data.train), len(data.held_out), MAX_DIAGNOSED)
    with console.status("diagnosing the run"):
        noise = run.experiment.data.dequantization
        found = diagnose(run.system, run.state, data, count=count, seed=options.seed, dequantization=noise)
    return {"samples": candidate.sets.name, "step": run.step, "diagnostics": found}


def print_missing_sets(name: str, taken: int, wanted: int) -> None:
    """Say where samples make fewer sets than were asked for."""
    if taken < wanted:
        print(f"sets of {name}: {taken}; for a spread over {wanted}, give more samples or a smaller --n")


def read_real(console: Console, options: Namespace, candidates: Sequence[Candidate]) -> tuple[str, Dataset]:
    """Read the real data that the options or the runs name; return their name, and the data.

    Raises:
      InputError: neither names any, or the runs name different data.
    """
    own = {run.experiment.data.name: run.experiment.data for _, run in candidates if run and run.experiment.data.source}
    if options.data is None and len(own) > 1:
        raise InputError(f"the runs have different data, {' and '.join(own)}; name what to compare with", field="data")
    if options.data is None and not own:
        raise InputError(
            "name the real data that the samples are compared with, for example --data mnist", field="data"
        )
    config = next(iter(own.values()), DataConfig())
    data_dir = path_of(options.data_dir or config.dir)
    source = config.source if options.data is None else options.data
    if not isinstance(source, str):
        return config.name, replace(config, fraction=1.0).read()
    try:
        source = resolve(source, data_dir)
        with console.status(f"reading {source}"):
            return source, read(source, data_dir)
    except InputError as error:
        raise InputError(error.reason, field="data") from None


def _reference(
    options: Namespace, candidates: Sequence[Candidate], real: tuple[str, Dataset], progress: Progress
) -> tuple[Dataset, Reference]:
    name, data = real
    for sets, run in candidates:
        if sets.shape != data.shape:
            trained = "were trained on" if run else "are of shape"
            raise InputError(
                f"{sets.name}: {name} is of shape {data.shape}, these {trained} {sets.shape}; "
                "name other data by --data, or give them one size and number of channels"
            )
        if run and name == run.experiment.data.name and _trained_on(run.experiment.data, data) != run.fingerprint:
            raise InputError(
                f"{sets.name}: {name} is no longer what the run was trained on, so that samples held out now may have "
                "been trained on; restore the data, or name other data by --data"
            )
    own = [run.experiment.data for _, run in candidates if run and run.experiment.data.name == name]
    if len({config.fraction for config in own}) == 1:
        data = own[0].part(data)
    network = _network(options, name, data.shape)
    if options.label is not None:
        data, name = only_class(data, class_of(data.classes, options.label)), f"{name}, class {options.label}"
    part = data.held_out if options.split == "held_out" else data.train
    against = reference(
        data,
        network,
        name=name,
        n=options.n or min(len(part), MAX_SAMPLES, *_counts(candidates)),
        n_real=options.n_real,
        n_fake=options.n_fake,
        split=options.split,
        seed=options.seed,
        scores=options.scores,
        progress=progress,
    )
    return data, against


def _trained_on(config: DataConfig, data: Dataset) -> str:
    """The fingerprint of what a run is trained on, if it is trained on the data."""
    return config.part(data).train.fingerprint


def _statistics_reference(options: Namespace, candidates: Sequence[Candidate]) -> Reference:
    statistics = read_statistics(expand_user(options.statistics))
    name = next((run.experiment.data.name for _, run in candidates if run), "")
    n = options.n_fake or options.n or min(MAX_SAMPLES, *_counts(candidates))
    network = _network(options, name, candidates[0].sets.shape)
    return statistics_reference(statistics, network, n_fake=n, seed=options.seed)


def _network(options: Namespace, name: str, shape: tuple[int, ...]) -> FeatureNetwork:
    return FEATURES[options.features or usual(name, shape)](path_of(options.weights))


def _counts(candidates: Sequence[Candidate]) -> list[int]:
    """How many samples the files among them hold."""
    return [sets.n_available for sets, _ in candidates if sets.n_available is not None]
