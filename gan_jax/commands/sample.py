"""`gan-jax sample`: draw from a run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from gan_jax import runs
from gan_jax.commands.options import command_parser, out_path, parse, reader
from gan_jax.config import Count, Seed
from gan_jax.figures.samples import save_samples
from gan_jax.files import atomic_write

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Draw from a run."""
    parser = command_parser("sample")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--n", type=reader(Count), default=100, help="how many to draw")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="the same seed gives the same bytes")
    parser.add_argument("--out", help="file for the array `images`, or `points`; by default RUN/samples.npz")
    parser.add_argument("--grid", action="store_true", help="write a PNG of the first 100 beside it")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    options = parse(parser, arguments)
    folder = Path(options.run)
    out = out_path(options.out, folder / "samples.npz", ".npz")

    run = runs.open_run(folder, best=options.best)
    with console.status(f"drawing {options.n:,}"):
        samples = runs.sample(run, options.n, seed=options.seed)
    name = "images" if samples.ndim == 4 else "points"
    with atomic_write(out) as part:
        np.savez(part, allow_pickle=False, **{name: samples})
    if options.grid:
        save_samples(out.with_suffix(".png"), samples)
    print(f"{len(samples):,} {name} of iteration {run.step:,}: {out}")
    if options.grid:
        print(f"grid: {out.with_suffix('.png')}")
    return 0
