"""The training loop: compiled blocks of iterations, and what happens between them."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from math import isfinite
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gan_jax.data import pipeline
from gan_jax.data.images import postprocess
from gan_jax.figures.samples import save_samples
from gan_jax.systems import State, System
from gan_jax.training import checkpoint
from gan_jax.training.devices import SINGLE_DEVICE, DataParallel
from gan_jax.training.logging import MetricsLog
from gan_jax.training.watch import Watch, watching
from gan_jax.types import Array, Images, Key, Samples


class NonFiniteError(RuntimeError):
    """A metric became infinite or not a number: the parameters are lost, the checkpoints are not."""


class Interrupted(RuntimeError):
    """The user asked to stop; the state is saved."""


def train(
    system: System,
    data: Images | Samples,
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
    plan: DataParallel = SINGLE_DEVICE,
    watch: Watch | None = None,
) -> State:
    """Train a system on data until `steps` iterations are done, from the folder's newest checkpoint if it has one.

    Everything random at iteration i is a function of `(seed, i)`, so a resumed run is the uninterrupted one bit for
    bit. The folder receives `checkpoints/`, `metrics.jsonl`, TensorBoard events and `samples/step_*.png`; where it is
    watched, `scores.jsonl` and `best/`, too. A line of metrics holds means over the iterations since the line before
    it, and counts from the start of the run. Throughput leaves out compilation and everything between blocks, scores
    included.

    Args:
      system: what is trained; any `System`.
      data: uint8 images (N, H, W, C) or float32 points (N, D); they are copied to each device.
      folder: the run folder.
      seed: of everything random.
      noise: half-width of the uniform noise on the data, as in `pipeline.draw_batch`.
      steps: iterations in all, those of earlier calls included.
      log_every, sample_every, checkpoint_every: iterations between two lines, pictures, checkpoints; the last iteration
        has one of each.
      keep_checkpoints: how many of the newest checkpoints are kept.
      console: where progress is shown.
      plan: how devices are used, the one whose sharding the system was built with; another call may have another.
      watch: scores to take of the state, if any.

    Raises:
      NonFiniteError: a metric or the state is infinite or NaN; names the iterations and the last good checkpoint.
      Interrupted: SIGINT or SIGTERM came; the block under way was finished and its state saved.
    """
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    init_key, sample_key, run_key = jax.random.split(jax.random.key(seed), 3)
    pictured = 100 if data.ndim == 4 else 2_000
    data = plan.replicate(data)
    with checkpoint.manager(folder / "checkpoints", keep_checkpoints) as checkpoints:
        init = partial(system.init, init_key, jnp.zeros((1, *data.shape[1:])))
        step = 0
        if checkpoints.latest_step() is None:
            state = jax.jit(init)()
        else:
            step, state = checkpoint.restore(checkpoints, jax.eval_shape(init))
        state = plan.replicate(state)
        with console.status("compiling"):
            started = time.perf_counter()
            run = compile_block(system, state, data, run_key, noise, plan)
            draw = jax.jit(lambda state: postprocess(system.sample(state, sample_key, pictured)))
        console.print(f"compiled in {time.perf_counter() - started:.1f} s{_memory(run)}")

        with (
            MetricsLog(folder, step) as log,
            _progress(console) as progress,
            _stop_requests(console) as stop_requested,
            watching(folder, watch, step) if watch else nullcontext() as look,
        ):
            bar = progress.add_task("training", total=steps, completed=step, counts="", speed="")
            intervals = (log_every, sample_every, checkpoint_every, *([watch.every] if watch else []))
            blocks = []  # since the last line of metrics
            while step < steps:
                end = min(steps, *(step - step % every + every for every in intervals))
                started = time.perf_counter()
                state, metrics = run(state, data, run_key, np.int32(step), np.int32(end))
                metrics = {name: float(value) for name, value in jax.device_get(metrics).items()}
                blocks.append((end - step, time.perf_counter() - started, metrics))
                _check_finite(metrics, step, end, checkpoints)

                step, stopping = end, stop_requested.is_set()
                last = stopping or step == steps
                counts = {name: step * count for name, count in system.counts.items()}
                progress.update(
                    bar, completed=step, counts=_says(counts), speed=f"{_speed(system, blocks):,.0f} images/s"
                )
                if last or step % log_every == 0:
                    log.write(step, counts | {"images_per_s": _speed(system, blocks)} | _means(blocks))
                    blocks = []
                if last or step % checkpoint_every == 0:
                    _check_finite({"the state": float(_total(state))}, end - 1, end, checkpoints)
                    checkpoint.save(checkpoints, step, state)
                if last or step % sample_every == 0:
                    save_samples(folder / "samples" / f"step_{step:08d}.png", draw(state))
                    progress.print(_summary(step, metrics))
                if watch and (step == steps or step % watch.every == 0):
                    look(step, state, log)
                if stopping and step < steps:
                    raise Interrupted(f"stopped after {step} of {steps} iterations")
    return state


def compile_block(
    system: System,
    state: State,
    data: Images | Samples,
    key: Key,
    noise: float = 0.0,
    plan: DataParallel = SINGLE_DEVICE,
):
    """Compile `(state, data, key, start, stop) -> (state, mean metrics)`: the iterations start to stop in one call.

    Batches are drawn from the data by `pipeline.draw_batch`, with the noise given. The number of iterations is an argument, not
    a constant, so one compilation serves blocks of every length. The state is donated.
    """
    update = jax.jit(system.update)  # traced once, though its metrics' shapes are asked for before the loop

    def block(state: State, data: Samples, key: Key, start: Array, stop: Array) -> tuple[State, dict[str, Array]]:
        def iteration(step: Array, state: State) -> tuple[State, dict[str, Array]]:
            batch_key, update_key = jax.random.split(jax.random.fold_in(key, step))
            return update(state, update_key, pipeline.draw_batch(batch_key, data, system.counts["images"], noise))

        def add(step: Array, carry: tuple[State, dict[str, Array]]) -> tuple[State, dict[str, Array]]:
            state, sums = carry
            state, metrics = iteration(step, state)
            return state, jax.tree.map(jnp.add, sums, metrics)

        _, shapes = jax.eval_shape(iteration, start, state)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        state, sums = lax.fori_loop(start, stop, add, (state, zeros))
        return state, jax.tree.map(lambda total: total / (stop - start).astype(total.dtype), sums)

    return plan.compile(block, state, data, key, np.int32(0), np.int32(1))


def peak_bytes(compiled: jax.stages.Compiled) -> int:
    """Memory that a compiled function takes on one device: arguments, results, and what it needs between them.

    >>> peak_bytes(jax.jit(lambda x: 2 * x).lower(jnp.ones(1000)).compile())
    8000
    """
    memory = compiled.memory_analysis()
    kept = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return kept + memory.temp_size_in_bytes


def _memory(run) -> str:
    """What is known before the first step; of a program under `pmap` nothing is."""
    known = isinstance(run, jax.stages.Compiled) and run.memory_analysis() is not None
    return f", takes {peak_bytes(run) / 1e6:,.0f} MB" if known else ""


def _speed(system: System, blocks: list[tuple[int, float, dict[str, float]]]) -> float:
    iterations, seconds, _ = zip(*blocks, strict=True)
    return sum(iterations) * system.counts["images"] / sum(seconds)


def _means(blocks: list[tuple[int, float, dict[str, float]]]) -> dict[str, float]:
    """Means over the iterations of several blocks."""
    total = sum(iterations for iterations, *_ in blocks)
    return {name: sum(n * metrics[name] for n, _, metrics in blocks) / total for name in blocks[0][2]}


@jax.jit
def _total(state: State) -> Array:
    """A number that is finite only if every parameter is, whatever the metrics, which precede the last step, say."""
    return sum(jnp.sum(0 * leaf) for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact))


def _check_finite(metrics: dict[str, float], start: int, end: int, checkpoints) -> None:
    bad = [f"{name} = {value}" for name, value in metrics.items() if not isfinite(value)]
    if bad:
        checkpoints.wait_until_finished()
        good = checkpoints.latest_step()
        where = "there is no checkpoint yet" if good is None else f"the last good checkpoint is {good}"
        raise NonFiniteError(
            f"{', '.join(bad)} in iterations {start + 1} to {end}; {where} in {checkpoints.directory}; "
            "start another run with smaller learning rates or another penalty weight"
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
