"""`gan-jax sample`: draw from a run."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import parser_of
from gan_jax.errors import InputError


def sample(arguments: Sequence[str], console: Console) -> int:
    """Draw from a run."""
    from gan_jax.runs.experiment import Count, Seed

    parser = parser_of("sample")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--n", type=Count, default=100, help="how many to draw")
    parser.add_argument("--seed", type=Seed, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--out", help="file for the array `images`, or `points`; by default RUN/samples.npz")
    parser.add_argument("--grid", action="store_true", help="write a PNG of the first 100 beside it")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    options = parser.parse_args(list(arguments))
    folder = Path(options.run)
    out = Path(options.out) if options.out else folder / "samples.npz"
    if out.suffix != ".npz" or out.is_dir():
        raise InputError(f"--out: {out} must be a file that ends in .npz")

    import jax
    import numpy as np

    from gan_jax.figures.samples import save_samples
    from gan_jax.runs.run import draw, open_run

    run = open_run(folder, best=options.best)
    with console.status(f"drawing {options.n:,}"):
        samples = draw(run, jax.random.key(options.seed), options.n)
    name = "images" if samples.ndim == 4 else "points"
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part.npz")
    np.savez(part, **{name: samples})
    os.replace(part, out)
    print(f"{len(samples):,} {name} of iteration {run.step:,}: {out}")
    if options.grid:
        save_samples(out.with_suffix(".png"), samples)
        print(f"grid: {out.with_suffix('.png')}")
    return 0
