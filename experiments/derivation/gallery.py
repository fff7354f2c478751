"""What the experiments of the derivation share: ways to train, and how a figure looks and where it goes."""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
import optax
from matplotlib.figure import Figure

from gan_jax import losses
from gan_jax.cli import main
from gan_jax.figures import palette
from gan_jax.networks import mlp
from gan_jax.penalties import PENALTIES
from gan_jax.runs import Run, load
from gan_jax.runs.folder import RunFolder
from gan_jax.systems import State, System
from gan_jax.systems.gan import gan
from gan_jax.types import Array, Key, Params, Samples

RED, GRAY = palette.VERMILION, palette.GRAY
BLUE, GREEN, ORANGE, PURPLE, SKY = palette.BLUE, palette.GREEN, palette.ORANGE, palette.PURPLE, palette.SKY

_STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


def panels(columns: int, rows: int = 1, *, width: float = 9.0, height: float = 3.1, **options: Any):
    """Return a figure of panels in the gallery's style, and its axes as `Figure.subplots` gives them."""
    matplotlib.rcParams.update(_STYLE)
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def descend(
    loss: Callable[[Params, Key, Array], Array],
    params: Params,
    key: Key,
    *,
    steps: int,
    learning_rate: float,
    **adam: float,
) -> Params:
    """Minimize `loss(params, key, progress)`, progress from 0 to 1, by Adam with a rate that falls to zero."""
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps), **adam)

    def step(carry, inputs):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, *inputs), state, params)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def run(params: Params, key: Key) -> Params:
        inputs = (jax.random.split(key, steps), jnp.linspace(0, 1, steps))
        return jax.lax.scan(step, (params, optimizer.init(params)), inputs)[0][0]

    return run(params, key)


def game(**changes: Any) -> System:
    """A small WGAN-GP for points on the line, `gan_jax.systems.gan.gan` with some of its arguments changed."""
    settings = {
        "generator": mlp.Generator(shape=(1,), width=64, depth=3),
        "critic": mlp.Critic(width=64, depth=3),
        "loss": losses.wasserstein,
        "penalty": PENALTIES["wgan_gp"]._replace(weight=0.1),
        "generator_optimizer": optax.adam(1e-3, b1=0.0, b2=0.9),
        "critic_optimizer": optax.adam(1e-3, b1=0.0, b2=0.9),
        "latent": 2,
        "batch_size": 256,
        "critic_steps": 5,
        "ema_decay": 0.99,
    }
    return gan(**settings | changes)


def play(
    system: System,
    key: Key,
    draw: Callable[[Key, int], Samples],
    *,
    steps: int,
    watch: Callable[[State], Any] | None = None,
) -> tuple[State, dict[str, Array], Any]:
    """Train a system on what `draw(key, count)` makes; returns the state, and metrics and what is watched per step."""
    init_key, run_key = jax.random.split(key)

    def step(state: State, key: Key):
        batch_key, update_key = jax.random.split(key)
        state, metrics = system.update(state, update_key, {"sample": draw(batch_key, system.counts["images"])})
        return state, (metrics, watch(state) if watch else None)

    @partial(jax.jit, donate_argnums=0)
    def run(state: State, key: Key):
        return jax.lax.scan(step, state, jax.random.split(key, steps))

    state, (metrics, watched) = run(
        system.init(init_key, {"sample": jax.eval_shape(lambda: draw(init_key, 1)[0])}), run_key
    )
    return state, metrics, watched


def trained(name: str) -> Run:
    """Train `experiments/NAME.py` into `runs/NAME`, or go on with it, and open the run."""
    folder = Path("runs") / name
    resume = ["--resume"] if RunFolder(folder).is_run() else []
    code = main(["train", str(Path(__file__).parent.parent / f"{name}.py"), "--workdir", str(folder), *resume])
    if code:
        raise SystemExit(code)
    return load(folder)


def publish(*files: str | Path) -> None:
    """Run the function `experiment` of each file; write its figure as PNG, and what it measured as a line of JSON."""
    parser = argparse.ArgumentParser(description="Runs, and writes a picture and a line of figures.")
    parser.add_argument("--out", type=Path, default=Path("gallery"), help="folder to write to (default: gallery)")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name in (Path(file).stem for file in files):
        started = time.perf_counter()
        figure, measured = import_module(name).experiment()
        seconds = round(time.perf_counter() - started, 1)
        figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
        line = json.dumps({"experiment": name, **measured, "seconds": seconds})
        (folder / f"{name}.json").write_text(line + "\n")
        print(line)
