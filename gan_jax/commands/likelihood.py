"""`gan-jax likelihood`: how likely a run makes data that it was not trained on."""

from collections.abc import Sequence
from math import log, prod
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from gan_jax import runs
from gan_jax.commands.options import command_parser, out_path, parse, reader
from gan_jax.config import Count, Seed
from gan_jax.files import atomic_write, expand_user, write_json

__all__ = ["main"]

_OPTIONS = ("steps", "probes", "draws")


def main(arguments: Sequence[str], console: Console) -> int:
    """Take the log-likelihood of held-out or of training samples, in nats and, of images, in bits per dimension."""
    parser = command_parser("likelihood", "Take the log-likelihood of data under a diffusion model or a VAE.")
    parser.add_argument("run", help="run folder of a system with a likelihood: a diffusion model, a VAE")
    parser.add_argument("--n", type=reader(Count), default=1000, help="samples, the first of the data")
    parser.add_argument("--split", choices=["held_out", "train"], default="held_out", help="which data")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="of what is random in an estimate")
    parser.add_argument("--steps", type=reader(Count), help="of a diffusion run's solver")
    parser.add_argument("--probes", type=reader(Count), help="random probes of a diffusion run's trace")
    parser.add_argument("--draws", type=reader(Count), help="of each sample's latents, of a VAE run's bound")
    parser.add_argument("--best", action="store_true", help="of the checkpoint that scored best, not of the newest")
    parser.add_argument("--out", help="JSON file; each sample's beside it as .npz; by default RUN/likelihood.json")
    options = parse(parser, arguments)
    folder = expand_user(options.run)
    out = out_path(options.out, Path(folder) / "likelihood.json", ".json")
    run = runs.load(folder, best=options.best)
    given = {name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None}
    with console.status(f"reading {run.experiment.data.name}"):
        data = run.experiment.data.read()
    source = data.train if options.split == "train" else data.held_out
    batch = source.batch(np.arange(min(options.n, len(source))))
    with console.status("taking likelihoods"):
        found = run.likelihood(batch, seed=options.seed, **given)

    count = len(batch["sample"])
    rows = {name: _row(values, run.shape) for name, values in found.items()}
    described = {"run": str(folder), "step": run.step, "data": run.experiment.data.name, "split": options.split}
    write_json(out, described | {"n": count, "seed": options.seed, **given, "estimates": rows})
    with atomic_write(out.with_suffix(".npz")) as part:
        np.savez(part, allow_pickle=False, **found)
    console.print(_table(rows, f"{count:,} samples, {options.split.replace('_', ' ')}, of {run.experiment.data.name}"))
    print(f"written to {out}, each sample's to {out.with_suffix('.npz')}")
    return 0


def _row(values: np.ndarray, shape: tuple[int, ...]) -> dict[str, float]:
    """Mean and standard error of an estimate in nats, and in bits per dimension where the samples are images."""
    error = float(values.std() / len(values) ** 0.5)
    row = {"nats": float(values.mean()), "nats_standard_error": error}
    if len(shape) == 3:
        scale = prod(shape) * log(2)
        row |= {"bits_per_dimension": -row["nats"] / scale, "bits_per_dimension_standard_error": error / scale}
    return row


def _table(rows: dict[str, dict[str, float]], title: str) -> Table:
    names = [name for name in next(iter(rows.values())) if not name.endswith("standard_error")]
    columns = [Column(name.replace("_", " "), justify="right") for name in names]
    table = Table("log-likelihood", *columns, title=title, title_justify="left")
    for estimate, row in rows.items():
        table.add_row(estimate, *(f"{row[name]:.3f} ± {row[f'{name}_standard_error']:.3f}" for name in names))
    return table
