"""`gan-jax evaluate`: score a run, an `.npz` file or a folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace
from rich.console import Console
from rich.table import Column, Table

from gan_jax.commands.scoring import parse, score_all, score_table, scoring_parser

if TYPE_CHECKING:
    from gan_jax.evaluation import SampleSets


def evaluate(arguments: Sequence[str], console: Console) -> int:
    """Score samples, and a run's critic."""
    parser = scoring_parser("evaluate")
    parser.add_argument("samples", help="run folder, .npz file with an array `images`, or folder of images")
    parser.add_argument("--best", action="store_true", help="the run's checkpoint that scored best, not the newest")
    parser.add_argument("--out", help="JSON file; by default RUN/metrics.json, or SAMPLES.metrics.json")
    options = parse(parser, arguments)
    path = Path(options.samples).expanduser()

    from gan_jax.files import write_json
    from gan_jax.runs.samples import open_samples

    sets = open_samples(path, best=options.best)
    file = Path(options.out) if options.out else _beside(path, sets)
    metrics, table = score_one(console, options, sets)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, metrics)
    console.print(table)
    taken = len(metrics["seeds"])
    if taken < options.seeds:
        print(f"sets of samples: {taken}; for a spread over {options.seeds}, give more samples or a smaller --n")
    _print_critic(console, metrics)
    print(f"written to {file}")
    return 0


def score_one(console: Console, options: Namespace, sets: "SampleSets") -> tuple[dict[str, Any], Table]:
    """Score one kind of samples; return what `metrics.json` holds, and a table."""
    from gan_jax.evaluation import diagnose, mode_counts
    from gan_jax.evaluation.diagnostics import MAX_SAMPLES

    data, [found] = score_all(console, options, [sets])
    metrics = found.to_json()
    modes = mode_counts(found.protocol.data, sets, options.seed)
    if sets.run:
        count = min(len(data.train), len(data.held_out), MAX_SAMPLES)
        with console.status("measuring the critic"):
            critic = diagnose(sets.run, data, count=count, seed=options.seed)
        metrics |= {"step": sets.run.step, "critic": critic}
    return metrics | ({"modes": modes} if modes else {}), score_table([found])


def _beside(path: Path, sets: "SampleSets") -> Path:
    return path / "metrics.json" if sets.run else path.with_name(f"{path.name.removesuffix('.npz')}.metrics.json")


def _print_critic(console: Console, metrics: dict[str, Any]) -> None:
    if "critic" in metrics:
        train = metrics["critic"]["train"]
        columns = list(next(iter(train.values())))
        title = f"the critic of iteration {metrics['step']:,} on data it was trained on and on others"
        table = Table(Column("per sample", no_wrap=True), "data", *columns, title=title, title_justify="left")
        for name in train:
            for split, measured in metrics["critic"].items():
                table.add_row(name, split.replace("_", " "), *(f"{measured[name][column]:.3f}" for column in columns))
        console.print(table)
    if "modes" in metrics:
        modes = metrics["modes"]
        near = f"{modes['high_quality']:.1%} of {modes['n']:,} samples near one"
        console.print(f"modes: {modes['hit']} of {modes['of']} hit, {near}, KL to an even spread {modes['kl']:.4f}")
