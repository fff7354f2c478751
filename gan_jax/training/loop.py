"""The training loop: compiled blocks of iterations, and the callbacks between them."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from gan_jax.data.pipeline import Pipeline, step_keys
from gan_jax.systems import State, System
from gan_jax.training import hosts
from gan_jax.training.devices import SINGLE_DEVICE, DataParallel
from gan_jax.training.intervals import Interval, check_finite
from gan_jax.types import Array, Key, PyTree

__all__ = [
    "Callback",
    "Interrupted",
    "TrainingStatus",
    "compile_block",
    "describe_speed",
    "peak_bytes",
    "train",
]


class Interrupted(RuntimeError):
    """The user asked to stop; the callbacks have had the last state."""


class TrainingStatus(NamedTuple):
    """How far training has come, as a callback is told.

    Attributes:
      step: iterations done.
      state: the system's, which the next iterations overwrite.
      metrics: means over the iterations of the callback's interval.
      counts: what has been done since the start of the run: critic steps, images, ...
      images_per_s: since the callback's last call, without compilation and callbacks.
      reason: why it is called: its interval is full, or training ends, or is interrupted.
      unfinished: the intervals, of all callbacks, that are not full at this step.
    """

    step: int
    state: State
    metrics: dict[str, float]
    counts: dict[str, int]
    images_per_s: float
    reason: Literal["interval", "end", "interrupt"]
    unfinished: Sequence[Interval] = ()


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
    unfinished: Sequence[Interval] = (),
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
      unfinished: the intervals that were not full at `start`, as a callback was told then.

    Raises:
      NonFiniteError: a metric is infinite or NaN; names the iteration.
      Interrupted: SIGINT or SIGTERM came, to any of several hosts; the iterations under way were finished and the
        callbacks called.
    """
    step = start
    if step >= steps:
        return state
    everies = {callback.every for callback in callbacks}
    longest = min(steps, pipeline.max_iterations or steps, *everies)
    with console.status("compiling"):
        began = time.perf_counter()
        run = compile_block(system, pipeline, state, key, max_iterations=longest, start=step, devices=devices)
    console.print(f"compiled in {time.perf_counter() - began:.1f} s{_memory(run)}")
    intervals = {every: Interval(every, step) for every in everies}
    intervals |= {interval.every: interval for interval in unfinished if interval.every in everies}
    timed = [_Timed() for _ in callbacks]  # since each callback's last call

    def reach(step: int) -> int:
        """One compiled call reaches to the next callback, or as far as it may."""
        return min(steps, step + longest, *(step - step % every + every for every in everies))

    end = reach(step)
    arrays = pipeline.fetch(step, end)
    with _progress(console) as progress, _stop_requests(console) as stop_requested:
        bar = progress.add_task("training", total=steps, completed=step, speed="")
        while step < steps:
            # While the device is at these iterations, the host gets what the next ones need.
            began = time.perf_counter()
            state, metrics = run(state, arrays, key, np.int32(step), np.int32(end))
            following = reach(end)
            arrays = pipeline.fetch(end, following) if following > end else None
            rows = {name: values[: end - step] for name, values in jax.device_get(metrics).items()}
            block = _Timed(end - step, time.perf_counter() - began)
            check_finite(rows, step)

            step, end, stopping = end, following, hosts.any_of_all(stop_requested.is_set())
            intervals = {every: interval.after(rows) for every, interval in intervals.items()}
            unfinished = [interval for interval in intervals.values() if not interval.is_full()]
            counts = {name: step * count for name, count in system.counts.items()}
            progress.update(bar, completed=step, speed=describe_speed(block.images_per_s(system)))
            timed = [since.and_then(block) for since in timed]
            for i, callback in enumerate(callbacks):
                ends = "end" if step == steps else "interrupt" if stopping else None
                reason = "interval" if step % callback.every == 0 else ends
                if reason:
                    means, speed = intervals[callback.every].means(), timed[i].images_per_s(system)
                    callback.call(TrainingStatus(step, state, means, counts, speed, reason, unfinished))
                    timed[i] = _Timed()
            if stopping and step < steps:
                raise Interrupted(f"stopped after {step} of {steps} iterations")
    return state


def compile_block(
    system: System,
    pipeline: Pipeline,
    state: State,
    key: Key,
    *,
    max_iterations: int,
    start: int = 0,
    devices: DataParallel = SINGLE_DEVICE,
) -> Callable:
    """Compile `(state, arrays, key, start, stop) -> (state, metrics)`: the iterations start to stop in one call.

    The arrays are those that the pipeline fetches for these iterations. The number of iterations is an argument, not a
    constant, so that one compilation serves blocks of every length. The state is donated.

    Args:
      system, pipeline, state, key, start, devices: as for `train`.
      max_iterations: rows of each metric; row i is of iteration start + i, and the last of all that are beyond it.
    """
    update = jax.jit(system.update)  # traced once, though its metrics' shapes are needed before the loop

    def block(state: State, arrays: PyTree, key: Key, start: Array, stop: Array) -> tuple[State, dict[str, Array]]:
        def iteration(step: Array, state: State) -> tuple[State, dict[str, Array]]:
            batch_key, update_key = step_keys(key, step)
            return update(state, update_key, pipeline.batch(arrays, batch_key, step))

        def note(step: Array, carry: tuple[State, dict[str, Array]]) -> tuple[State, dict[str, Array]]:
            state, rows = carry
            state, metrics = iteration(step, state)
            put = partial(lax.dynamic_update_index_in_dim, index=step - start, axis=0)
            return state, jax.tree.map(put, rows, metrics)

        _, shapes = jax.eval_shape(iteration, start, state)
        rows = jax.tree.map(lambda shape: jnp.zeros((max_iterations, *shape.shape), shape.dtype), shapes)
        return lax.fori_loop(start, stop, note, (state, rows))

    return devices.compile(block, state, pipeline.fetch(start, start + 1), key, np.int32(0), np.int32(1))


def peak_bytes(compiled: jax.stages.Compiled) -> int:
    """Memory that a compiled function takes on one device: arguments, results, and what it needs between them.

    >>> peak_bytes(jax.jit(lambda x: 2 * x).lower(jnp.ones(1000)).compile())
    8000
    """
    memory: Any = compiled.memory_analysis()
    kept = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return kept + memory.temp_size_in_bytes


def _memory(run: Callable) -> str:
    """What is known before the first step; of a program under `pmap` nothing is."""
    if isinstance(run, jax.stages.Compiled) and run.memory_analysis() is not None:
        return f", takes {peak_bytes(run) / 1e6:,.0f} MB"
    return ""


class _Timed(NamedTuple):
    iterations: int = 0
    seconds: float = 0.0

    def and_then(self, other: "_Timed") -> "_Timed":
        return _Timed(self.iterations + other.iterations, self.seconds + other.seconds)

    def images_per_s(self, system: System) -> float:
        return self.iterations * system.counts["images"] / self.seconds


def describe_speed(images_per_s: float) -> str:
    """Return a speed in few characters.

    >>> describe_speed(531.2), describe_speed(14_123.0)
    ('531 images/s', '14.1k images/s')
    """
    return f"{images_per_s:.0f} images/s" if images_per_s < 1000 else f"{images_per_s / 1000:.1f}k images/s"


def _progress(console: Console) -> Progress:
    """`1,500/10,000 15 % 14.1k images/s 0:45 left` behind a bar; nothing where no terminal could overwrite it."""
    return Progress(
        BarColumn(bar_width=12),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.percentage:.0f} % {task.fields[speed]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
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
