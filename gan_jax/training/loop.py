"""The training loop: compiled blocks of iterations, and the callbacks between them."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gan_jax.data.pipeline import Pipeline, step_keys
from gan_jax.errors import RunError
from gan_jax.systems import State, System
from gan_jax.training import hosts
from gan_jax.training.devices import SINGLE_DEVICE, DataParallel
from gan_jax.types import Array, Key, PyTree

__all__ = [
    "Block",
    "Callback",
    "Interrupted",
    "NonFiniteError",
    "TrainingStatus",
    "check_finite",
    "compile_block",
    "peak_bytes",
    "train",
]

Block = tuple[int, float, dict[str, float]]  # iterations, seconds, mean metrics


class NonFiniteError(RunError):
    """A metric or the state became infinite or not a number: the state is lost, the checkpoints are not."""


class Interrupted(RuntimeError):
    """The user asked to stop; the callbacks have had the last state."""


class TrainingStatus(NamedTuple):
    """How far training has come, as a callback is told.

    Attributes:
      step: iterations done.
      state: the system's, which the next iterations overwrite.
      metrics: means over the iterations since the callback's last call.
      counts: what has been done since the start of the run: critic steps, images, ...
      images_per_s: since the callback's last call, without compilation and callbacks.
      reason: why it is called: its interval is full, or training ends, or is interrupted.
    """

    step: int
    state: State
    metrics: dict[str, float]
    counts: dict[str, int]
    images_per_s: float
    reason: Literal["interval", "end", "interrupt"]


class Callback(NamedTuple):
    """What is done between iterations: `call` after every so many, and after the last."""

    every: int
    call: Callable[[TrainingStatus], None]


def train(
    system: System,
    pipeline: Pipeline,
    state: State,
    key: Key,
    *,
    start: int,
    steps: int,
    callbacks: Sequence[Callback],
    console: Console,
    devices: DataParallel = SINGLE_DEVICE,
) -> State:
    """Train a system from iteration `start` until `steps` are done, and return its state.

    Everything random at iteration i is a function of `(key, i)`: a resumed run is the uninterrupted one bit for bit.
    Callbacks are called in their order; nothing else leaves the device.

    Args:
      system: what is trained; any `System`.
      pipeline: where its batches come from.
      state: at iteration `start`, on the devices; it is donated.
      key: of all iterations.
      start: iterations done before.
      steps: iterations in all, those done before included.
      callbacks: what is done between iterations.
      console: where progress is shown.
      devices: how devices are used; the system was built with their sharding.

    Raises:
      NonFiniteError: a metric is infinite or NaN; names the iterations.
      Interrupted: SIGINT or SIGTERM came, to any of several hosts; the iterations under way were finished and the
        callbacks called.
    """
    step = start
    if step >= steps:
        return state
    with console.status("compiling"):
        began = time.perf_counter()
        run = compile_block(system, pipeline, state, key, start=step, devices=devices)
    console.print(f"compiled in {time.perf_counter() - began:.1f} s{_memory(run)}")
    longest = pipeline.max_iterations or steps
    blocks: list[list[Block]] = [[] for _ in callbacks]  # since each callback's last call

    def reach(step: int) -> int:
        """One compiled call reaches to the next callback, or as far as the pipeline has batches."""
        return min(steps, step + longest, *(step - step % every + every for every, _ in callbacks))

    end = reach(step)
    arrays = pipeline.fetch(step, end)
    with _progress(console) as progress, _stop_requests(console) as stop_requested:
        bar = progress.add_task("training", total=steps, completed=step, counts="", speed="")
        while step < steps:
            # While the device is at these iterations, the host gets what the next ones need.
            began = time.perf_counter()
            state, metrics = run(state, arrays, key, np.int32(step), np.int32(end))
            following = reach(end)
            arrays = pipeline.fetch(end, following) if following > end else None
            metrics = {name: float(value) for name, value in jax.device_get(metrics).items()}
            block = (end - step, time.perf_counter() - began, metrics)
            check_finite(metrics, step, end)

            step, end, stopping = end, following, hosts.any_of_all(stop_requested.is_set())
            counts = {name: step * count for name, count in system.counts.items()}
            speed = f"{_images_per_s(system, [block]):,.0f} images/s"
            progress.update(bar, completed=step, counts=_describe(counts), speed=speed)
            for callback, since in zip(callbacks, blocks, strict=True):
                since.append(block)
                ends = "end" if step == steps else "interrupt" if stopping else None
                reason = "interval" if step % callback.every == 0 else ends
                if reason:
                    speed = _images_per_s(system, since)
                    callback.call(TrainingStatus(step, state, _means(since), counts, speed, reason))
                    since.clear()
            if stopping and step < steps:
                raise Interrupted(f"stopped after {step} of {steps} iterations")
    return state


def compile_block(
    system: System,
    pipeline: Pipeline,
    state: State,
    key: Key,
    *,
    start: int = 0,
    devices: DataParallel = SINGLE_DEVICE,
) -> Callable:
    """Compile `(state, arrays, key, start, stop) -> (state, mean metrics)`: the iterations start to stop in one call.

    The arrays are those that the pipeline fetches for these iterations. The number of iterations is an argument, not a
    constant, so that one compilation serves blocks of every length. The state is donated.
    """
    update = jax.jit(system.update)  # traced once, though its metrics' shapes are needed before the loop

    def block(state: State, arrays: PyTree, key: Key, start: Array, stop: Array) -> tuple[State, dict[str, Array]]:
        def iteration(step: Array, state: State) -> tuple[State, dict[str, Array]]:
            batch_key, update_key = step_keys(key, step)
            return update(state, update_key, pipeline.batch(arrays, batch_key, step))

        def add(step: Array, carry: tuple[State, dict[str, Array]]) -> tuple[State, dict[str, Array]]:
            state, sums = carry
            state, metrics = iteration(step, state)
            return state, jax.tree.map(jnp.add, sums, metrics)

        _, shapes = jax.eval_shape(iteration, start, state)
        zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        state, sums = lax.fori_loop(start, stop, add, (state, zeros))
        return state, jax.tree.map(lambda total: total / (stop - start).astype(total.dtype), sums)

    return devices.compile(block, state, pipeline.fetch(start, start + 1), key, np.int32(0), np.int32(1))


def peak_bytes(compiled: jax.stages.Compiled) -> int:
    """Memory that a compiled function takes on one device: arguments, results, and what it needs between them.

    >>> peak_bytes(jax.jit(lambda x: 2 * x).lower(jnp.ones(1000)).compile())
    8000
    """
    memory: Any = compiled.memory_analysis()
    kept = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return kept + memory.temp_size_in_bytes


def check_finite(metrics: dict[str, float], start: int, end: int) -> None:
    """Raise if a number of the iterations `start` to `end` is infinite or NaN.

    Raises:
      NonFiniteError: one is; the message names it and the iterations.
    """
    bad = [f"{name} = {value}" for name, value in metrics.items() if not isfinite(value)]
    if bad:
        raise NonFiniteError(f"{', '.join(bad)} in iterations {start + 1} to {end}")


def _memory(run: Callable) -> str:
    """What is known before the first step; of a program under `pmap` nothing is."""
    if isinstance(run, jax.stages.Compiled) and run.memory_analysis() is not None:
        return f", takes {peak_bytes(run) / 1e6:,.0f} MB"
    return ""


def _images_per_s(system: System, blocks: list[Block]) -> float:
    iterations, seconds, _ = zip(*blocks, strict=True)
    return sum(iterations) * system.counts["images"] / sum(seconds)


def _means(blocks: list[Block]) -> dict[str, float]:
    """Means over the iterations of several blocks."""
    total = sum(iterations for iterations, *_ in blocks)
    return {name: sum(n * metrics[name] for n, _, metrics in blocks) / total for name in blocks[0][2]}


def _describe(counts: dict[str, int]) -> str:
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
        signal.signal(signum, before[signal.Signals(signum)])  # a second one ends the program at once
        requested.set()
        console.print("finishing the block under way, then saving; once more stops at once")

    before = {signum: signal.signal(signum, request) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requested
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
