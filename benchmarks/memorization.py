"""How far diffusion runs are from knowing their training data by heart, by level of noise.

`python -m benchmarks.memorization RUN ...` compares each run's denoiser with the best one of the training set alone, a
mean of its samples (`gan_jax.diffusion.oracles.empirical`), and its errors on training and on held-out samples. A run
that has learned its data by heart is at no distance from that denoiser, and errs less on what it was trained on.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from gan_jax.data.dataset import Source
from gan_jax.data.images import preprocess
from gan_jax.diffusion.oracles import empirical
from gan_jax.errors import InputError
from gan_jax.figures.palette import CURVES, GRAY
from gan_jax.files import atomic_write, write_json
from gan_jax.runs import Run, load
from gan_jax.systems.diffusion.model import Model, bind_denoiser, schedule_of

__all__ = ["by_noise", "main", "plot"]

_LEVELS = 16
_SAMPLES = 300
_KNOWN = 10_000  # training samples that the best denoiser knows, at most


def by_noise(run: Run, train: Source, held_out: Source, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Return root mean squares over numbers and samples, images on [-1, 1], at levels from little noise to much (K,).

    `noise` is the level, `sigma / alpha`; `error_training` and `error_held_out` of what the run denoises;
    `best_held_out` the error of the training set's denoiser; `distance` between the two, on noisy training samples.

    Raises:
      InputError: it is no diffusion run.
    """
    model = run.system.sample.args[0] if run.experiment.system_name == "diffusion" else None
    if not isinstance(model, Model):
        raise InputError(f"{run.folder.path} is a run of {run.experiment.summary()}, no diffusion model")
    schedule = schedule_of(model)
    times = np.linspace(schedule.low, schedule.high, 1000)
    ratios = np.asarray(schedule.sigma(times) / np.maximum(schedule.alpha(times), 1e-6))
    noise = np.geomspace(max(ratios[0], 0.01), min(ratios[-1], 10.0), _LEVELS)
    known, (seen, seen_label), (new, new_label) = (
        _batch(train, _KNOWN)[0],
        _batch(train, _SAMPLES),
        _batch(held_out, _SAMPLES),
    )
    told = bool(getattr(model.network, "classes", 0))
    best = empirical(known)

    @jax.jit
    def at(state: Any, given: tuple[jax.Array, jax.Array]) -> dict[str, jax.Array]:
        sigma, key = given
        one = jnp.ones((), jnp.float32)
        said, learned = {}, {}
        for name, x, label in (("training", seen, seen_label), ("held_out", new, new_label)):
            noisy = x + sigma * jax.random.normal(key, x.shape)
            said[name] = bind_denoiser(model, state.ema, label if told else None)(noisy, one, sigma)
            learned[name] = best(noisy, one, sigma)
        return {
            "error_training": _rms(said["training"] - seen),
            "error_held_out": _rms(said["held_out"] - new),
            "best_held_out": _rms(learned["held_out"] - new),
            "distance": _rms(said["training"] - learned["training"]),
        }

    keys = jax.random.split(jax.random.key(seed), _LEVELS)
    found = jax.lax.map(lambda given: at(run.state, given), (jnp.asarray(noise, jnp.float32), keys))
    return {"noise": noise} | {name: np.asarray(values) for name, values in found.items()}


def plot(file: Path, found: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write a PNG of the errors and distances of runs over the noise."""
    from matplotlib.figure import Figure  # imported late: it takes long

    figure = Figure(figsize=(8.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, run), color in zip(found.items(), cycle(CURVES.values())):
        left.loglog(run["noise"], run["error_training"], color=color, label=f"{name}, training samples")
        left.loglog(run["noise"], run["error_held_out"], color=color, ls="--", label=f"{name}, held-out")
        right.loglog(run["noise"], run["distance"], color=color, label=name)
    [first, *_] = found.values()
    left.loglog(first["noise"], first["best_held_out"], color=GRAY, ls="--", label="the training set's, held-out")
    left.set(xlabel="noise", ylabel="root mean squared error", title="errors of denoisers")
    right.set(xlabel="noise", ylabel="root mean square", title="distance to the training set's denoiser")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize="x-small", loc="lower right" if axes is left else "upper left")
        axes.title.set_fontsize("medium")
    with atomic_write(file) as part:
        figure.savefig(part, format="png", dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print a table of each run, and write a JSON file and a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memorization", description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="run folders of diffusion models")
    parser.add_argument("--out", type=Path, default="memorization.json", help="JSON file, beside which the figure lies")
    options = parser.parse_args(arguments)
    found = {}
    for folder in options.runs:
        run = load(folder)
        data = run.experiment.data.read()
        found[Path(folder).name] = by_noise(run, data.train, data.held_out)
        columns = found[Path(folder).name]
        table = Table(*[name.replace("_", " ") for name in columns], title=folder)
        for row in zip(*columns.values(), strict=True):
            table.add_row(*[f"{value:.3g}" for value in row])
        Console().print(table)
    rounded = {run: {name: [float(f"{v:.4g}") for v in row] for name, row in of.items()} for run, of in found.items()}
    write_json(options.out, rounded)
    plot(options.out.with_suffix(".png"), found)
    print(f"written to {options.out} and {options.out.with_suffix('.png')}")


def _batch(source: Source, count: int) -> tuple[jax.Array, jax.Array]:
    batch = source.batch(np.arange(min(count, len(source))))
    x = preprocess(jnp.asarray(batch["sample"]))
    return x, jnp.asarray(batch["label"]) if "label" in batch else jnp.zeros(len(x), jnp.int32)


def _rms(values: jax.Array) -> jax.Array:
    return jnp.sqrt((values**2).mean())


if __name__ == "__main__":
    main()
