"""The training loop: compiled blocks of iterations, and what happens between them."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import isfinite
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gan_jax.data import feed
from gan_jax.data.images import grid, save_png, to_uint8
from gan_jax.systems import State, System
from gan_jax.training import checkpoint
from gan_jax.training.logging import MetricsLog
from gan_jax.types import Array, Images, Key

_GRID = 10  # images a side


class NonFiniteError(RuntimeError):
    """A metric became infinite or not a number: the parameters are lost, the checkpoints are not."""


class Interrupted(RuntimeError):
    """The user asked to stop; the state is saved."""


def train(
    system: System,
    images: Images,
    folder: Path,
    *,
    seed: int,
    noise: float,
    steps: int,
    log_every: int,
    sample_every: int,
    checkpoint_every: int,
    keep_checkpoints: int,
    console: Console,
) -> State:
    """Train a system on images until `steps` iterations are done, from the folder's newest checkpoint if it has one.

    Everything random at iteration i is a function of `(seed, i)`, so a resumed run is the uninterrupted one bit for
    bit. The folder receives `checkpoints/`, `metrics.jsonl`, TensorBoard events and `samples/step_*.png`. A line of
    metrics holds means over the iterations since the line before it, and counts from the start of the run. Throughput
    leaves out compilation and everything between blocks.

    Raises:
      NonFiniteError: a metric is infinite or NaN; names the iterations and the last good checkpoint.
      Interrupted: SIGINT or SIGTERM came; the block under way was finished and its state saved.
    """
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    init_key, sample_key, run_key = jax.random.split(jax.random.key(seed), 3)
    images = jax.device_put(images)
    with checkpoint.manager(folder / "checkpoints", keep_checkpoints) as checkpoints:
        init = partial(system.init, init_key, feed.draw(init_key, images, 1))
        step = 0
        if checkpoints.latest_step() is None:
            state = jax.jit(init)()
        else:
            step, state = checkpoint.restore(checkpoints, jax.eval_shape(init))
        with console.status("compiling"):
            started = time.perf_counter()
            run = compile_block(system, state, images, run_key, noise)
            draw = jax.jit(lambda state: to_uint8(system.sample(state, sample_key, _GRID**2)))
        console.print(f"compiled in {time.perf_counter() - started:.1f} s")

        with (
            MetricsLog(folder, step) as log,
            _progress(console) as progress,
            _stop_requests(console) as stop_requested,
        ):
            bar = progress.add_task("training", total=steps, completed=step, counts="", speed="")
            for end in _stops(step, steps, log_every, sample_every, checkpoint_every):
                started = time.perf_counter()
                state, metrics = run(state, images, run_key, np.int32(step), np.int32(end))
                metrics = {name: float(value) for name, value in jax.device_get(metrics).items()}
                seconds = time.perf_counter() - started
                _check_finite(metrics, step, end, checkpoints)

                counts = {name: end * count for name, count in system.counts.items()}
                speed = (end - step) * system.counts["images"] / seconds
                log.write(end, counts | {"images_per_s": speed} | metrics)
                step, stopping = end, stop_requested.is_set()
                progress.update(bar, completed=step, counts=_says(counts), speed=f"{speed:,.0f} images/s")
                if step == steps or stopping or step % checkpoint_every == 0:
                    checkpoint.save(checkpoints, step, state)
                if step == steps or stopping or step % sample_every == 0:
                    save_png(folder / "samples" / f"step_{step:08d}.png", grid(draw(state), _GRID))
                    progress.print(_summary(step, metrics))
                if stopping and step < steps:
                    raise Interrupted(f"stopped after {step} of {steps} iterations")
    return state


def compile_block(system: System, state: State, images: Images, key: Key, noise: float = 0.0):
    """Compile `(state, images, key, start, stop) -> (state, mean metrics)`: the iterations start to stop in one call.

    Batches are drawn from the images by `feed.draw`, with the noise given. The number of iterations is an argument, not
    a constant, so one compilation serves blocks of every length. The state is donated.
    """

    update = jax.jit(system.update)  # traced once, though its metrics' shapes are asked for before the loop

    def block(state: State, images: Images, key: Key, start: Array, stop: Array) -> tuple[State, dict[str, Array]]:
        def iteration(step: Array, state: State) -> tuple[State, dict[str, Array]]:
            batch_key, update_key = jax.random.split(jax.random.fold_in(key, step))
            return update(state, update_key, feed.draw(batch_key, images, system.counts["images"], noise))

        def add(step: Array, carry: tuple[State, dict[str, Array]]) -> tuple[State, dict[str, Array]]:
            state, sums = carry
            state, metrics = iteration(step, state)
            return state, jax.tree.map(jnp.add, sums, metrics)

        _, shapes = jax.eval_shape(iteration, start, state)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        state, sums = lax.fori_loop(start, stop, add, (state, zeros))
        return state, jax.tree.map(lambda total: total / (stop - start).astype(total.dtype), sums)

    return jax.jit(block, donate_argnames="state").lower(state, images, key, np.int32(0), np.int32(1)).compile()


def _stops(step: int, steps: int, *every: int) -> list[int]:
    """Where the blocks end: at every multiple of each interval, and at the last step."""
    inside = {stop for interval in every for stop in range(step - step % interval + interval, steps, interval)}
    return sorted(inside | {steps}) if step < steps else []


def _check_finite(metrics: dict[str, float], start: int, end: int, checkpoints) -> None:
    bad = [f"{name} = {value}" for name, value in metrics.items() if not isfinite(value)]
    if bad:
        checkpoints.wait_until_finished()
        good = checkpoints.latest_step()
        where = "there is no checkpoint yet" if good is None else f"the last good checkpoint is {good}"
        raise NonFiniteError(
            f"{', '.join(bad)} in iterations {start + 1} to {end}; {where} in {checkpoints.directory}; "
            "try smaller learning rates or another penalty weight"
        )


def _summary(step: int, metrics: dict[str, float]) -> str:
    return f"iteration {step:,}: " + ", ".join(f"{name} {value:.3g}" for name, value in metrics.items())


def _says(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if name != "images")


def _progress(console: Console) -> Progress:
    return Progress(
        BarColumn(bar_width=12),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=console,
    )


@contextmanager
def _stop_requests(console: Console) -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set instead of breaking off a block, whose state has been donated."""
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return

    def request(signum: int, _) -> None:
        signal.signal(signum, before[signum])  # a second one ends the program at once
        requested.set()
        console.print("finishing the block under way, then saving; once more stops at once")

    before = {signum: signal.signal(signum, request) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
