"""`gan-jax sample`: draw from a run."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import add_sampling, command_parser, out_path, parse, reader, sampling
from gan_jax.config import Count, Seed
from gan_jax.data.toy import modes_of
from gan_jax.errors import InputError
from gan_jax.figures.samples import save_samples
from gan_jax.files import atomic_write
from gan_jax.runs import Run
from gan_jax.runs.labels import balanced_labels, class_of, labels_like_data

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Draw from a run."""
    parser = command_parser("sample", "Draw images or points from a trained run.")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--n", type=reader(Count), default=100, help="how many to draw")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="the same seed gives the same bytes")
    parser.add_argument("--out", help="file for the array `images`, or `points`; by default RUN/samples.npz")
    parser.add_argument("--grid", action="store_true", help="write a PNG of the first 100 beside it")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--label", help="draw of this class alone, by its name or number")
    labels.add_argument("--labels", choices=["data", "balanced"], help="as frequent as in the data, or all alike")
    add_sampling(parser)
    options = parse(parser, arguments)
    folder = Path(options.run)
    out = out_path(options.out, folder / "samples.npz", ".npz")

    run = runs.open_run(folder, best=options.best)
    labels = _labels(run, options)
    with console.status(f"drawing {options.n:,}"):
        samples = runs.sample(run, options.n, seed=options.seed, condition=labels or None, **sampling(options))
    name = "images" if samples.ndim == 4 else "points"
    with atomic_write(out) as part:
        np.savez(part, allow_pickle=False, **{name: samples}, **{f"{name}s": array for name, array in labels.items()})
    if options.grid:
        save_samples(out.with_suffix(".png"), samples, modes=modes_of(run.experiment.data.name))
    print(f"{len(samples):,} {name} of iteration {run.step:,}: {out}")
    if options.grid:
        print(f"grid: {out.with_suffix('.png')}")
    return 0


def _labels(run: Run, options: Namespace) -> dict[str, np.ndarray]:
    """What the options say of labels; nothing for a run that is told none."""
    if not run.class_counts:
        for field in ("label", "labels"):
            if getattr(options, field):
                raise InputError(f"{options.run} draws without labels; leave it out", field=field)
        return {}
    if options.label is not None:
        return {"label": np.full(options.n, class_of(run.classes, options.label), np.int32)}
    if options.labels == "balanced":
        return {"label": balanced_labels(len(run.classes), options.n)}
    return {"label": labels_like_data(run.class_counts, options.n, options.seed)}
