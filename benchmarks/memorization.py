"""How far a diffusion run is from knowing its training data by heart, by level of noise.

`python -m benchmarks.memorization RUN` compares the run's denoiser with the best one of the training set alone, a mean
of its samples (`gan_jax.diffusion.oracles.empirical`), and its errors on training and on held-out samples. A run that
has learned its data by heart is at no distance from that denoiser, and errs less on what it was trained on.
"""

import argparse
from collections.abc import Sequence
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
from gan_jax.figures.palette import BLUE, GRAY, VERMILION
from gan_jax.files import atomic_write, write_json
from gan_jax.runs import Run, open_run
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
    model = run.system.sample.args[0] if run.experiment.system_name == "diffusion" else None  # type: ignore[union-attr]
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


def plot(file: Path, found: dict[str, np.ndarray]) -> None:
    """Write a PNG of errors and of the distance over the noise."""
    from matplotlib.figure import Figure  # imported late: it takes long

    figure = Figure(figsize=(7.2, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, color, label in (
        ("error_training", BLUE, "run, training samples"),
        ("error_held_out", VERMILION, "run, held-out samples"),
        ("best_held_out", GRAY, "training set's denoiser, held-out"),
    ):
        left.loglog(found["noise"], found[name], color=color, label=label)
    left.set(xlabel="noise", ylabel="root mean squared error", title="errors")
    left.legend(frameon=False, fontsize="small")
    right.loglog(found["noise"], found["distance"], color=BLUE)
    right.set(xlabel="noise", ylabel="root mean square", title="distance to the training set's denoiser")
    with atomic_write(file) as part:
        figure.savefig(part, format="png", dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print a table, and write a JSON file and a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memorization", description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run folder of a diffusion model")
    parser.add_argument("--out", help="JSON file, beside which the figure lies; by default RUN/memorization.json")
    options = parser.parse_args(arguments)
    run = open_run(options.run)
    data = run.experiment.data.read()
    found = by_noise(run, data.train, data.held_out)
    table = Table(*[name.replace("_", " ") for name in found])
    for row in zip(*found.values(), strict=True):
        table.add_row(*[f"{value:.3g}" for value in row])
    Console().print(table)
    out = Path(options.out or run.folder.path / "memorization.json")
    write_json(out, {name: [float(f"{value:.4g}") for value in values] for name, values in found.items()})
    plot(out.with_suffix(".png"), found)
    print(f"written to {out} and {out.with_suffix('.png')}")


def _batch(source: Source, count: int) -> tuple[jax.Array, jax.Array]:
    batch = source.batch(np.arange(min(count, len(source))))
    x = preprocess(jnp.asarray(batch["sample"]))
    return x, jnp.asarray(batch["label"]) if "label" in batch else jnp.zeros(len(x), jnp.int32)


def _rms(values: jax.Array) -> jax.Array:
    return jnp.sqrt((values**2).mean())


if __name__ == "__main__":
    main()
