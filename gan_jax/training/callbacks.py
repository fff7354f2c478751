"""What is done between iterations: log lines, checkpoints, pictures of samples, scores."""

import time
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from rich.console import Console

from gan_jax.data.images import postprocess
from gan_jax.data.pipeline import Pipeline
from gan_jax.files import read_json_lines
from gan_jax.systems import State, System
from gan_jax.training import checkpoint, hosts
from gan_jax.training.checkpoint import Checkpoint
from gan_jax.training.intervals import NonFiniteError
from gan_jax.training.logging import MetricsLog
from gan_jax.training.loop import Callback, TrainingStatus, describe_speed
from gan_jax.types import Array, Batch, Key, PyTree

if TYPE_CHECKING:
    from orbax.checkpoint import CheckpointManager

__all__ = [
    "evaluate_and_keep_best",
    "log_histograms",
    "log_metrics",
    "on_first_host",
    "print_metrics",
    "save_checkpoints",
    "save_sample_grids",
    "watch_checkpoints",
    "with_local_state",
]


def on_first_host(callback: Callback) -> Callback:
    """Call it on the first of several hosts; the others stop as often."""
    return Callback(callback.every, lambda status: callback.call(status) if hosts.is_first() else None)


def with_local_state(callback: Callback) -> Callback:
    """Give it the state as one host can use it alone; all hosts have to."""
    return Callback(callback.every, lambda status: callback.call(status._replace(state=hosts.local(status.state))))


def log_metrics(log: MetricsLog, file: Path, every: int) -> Callback:
    """Write counts, throughput and mean metrics as a line; a run that is interrupted does so when it goes on."""

    def call(status: TrainingStatus) -> None:
        if status.reason == "interrupt":
            return
        speed = {"images_per_s": status.images_per_s}
        log.write(file, status.step, status.counts | speed | status.metrics)

    return Callback(every, call)


def log_histograms(log: MetricsLog, weights: Callable[[State], Mapping[str, PyTree]], every: int) -> Callback:
    """Write how each parameter's numbers are spread, by TensorBoard."""

    def call(status: TrainingStatus) -> None:
        leaves = jax.tree_util.tree_leaves_with_path(jax.device_get(weights(status.state)))
        log.tensorboard.histograms(
            status.step, {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
        )

    return Callback(every, call)


def print_metrics(console: Console, system: System, every: int, steps: int) -> Callback:
    """Print the metrics that the system shows in its progress, in its order.

    On a terminal the bar below tells the rest; elsewhere, as in a file, each line has the time, the iterations of all
    `steps`, and the speed.
    """

    def call(status: TrainingStatus) -> None:
        shown = [name for name, metric in system.metrics.items() if metric.progress and name in status.metrics]
        numbers = ", ".join(f"{name.replace('_', ' ')} {status.metrics[name]:.3g}" for name in shown)
        if console.is_terminal:
            console.print(f"iteration {status.step:,}: {numbers}")
            return
        done = f"{status.step:,}/{steps:,} {100 * status.step / steps:.0f} %"
        now, speed = time.strftime("%Y-%m-%d %H:%M:%S"), describe_speed(status.images_per_s)
        console.print(f"{now} {done} {speed}: {numbers}", soft_wrap=True)

    return Callback(every, call)


def save_checkpoints(checkpoints: "CheckpointManager", pipeline: Pipeline, every: int) -> Callback:
    """Save the state, the position in the data and the means under way, if every number of the state is finite."""

    def call(status: TrainingStatus) -> None:
        # The metrics precede the last update: they do not tell whether it has lost the state.
        if not isfinite(_finite_sum(status.state)):
            raise NonFiniteError(f"a number of the state is not finite after iteration {status.step}")
        position = pipeline.position(status.step) | {"unfinished": [list(each) for each in status.unfinished]}
        checkpoint.save(checkpoints, Checkpoint(status.step, status.state, position))

    return Callback(every, call)


def watch_checkpoints(checkpoints: "CheckpointManager", every: int) -> Callback:
    """Stop a run whose checkpoints cannot be written, before it comes to the next."""
    return Callback(every, lambda status: checkpoint.raise_errors(checkpoints))


def save_sample_grids(
    system: System,
    key: Key,
    n: int,
    write: Callable[[int, Array], None],
    every: int,
    condition: Batch | None = None,
) -> Callback:
    """Draw n samples, of the same noise and condition each time, and give them to `write(step, samples)`.

    A system that draws nothing is passed over.
    """
    draw = system.sample
    if draw is None:
        return Callback(every, lambda status: None)
    sample = jax.jit(lambda state: postprocess(draw(state, jax.random.clone(key), n, condition)))
    return Callback(every, lambda status: write(status.step, sample(status.state)))


def evaluate_and_keep_best(
    evaluate: Callable[[State], dict[str, float]],
    *,
    every: int,
    best: str,
    highest: bool,
    checkpoints: "CheckpointManager",
    pipeline: Pipeline,
    log: MetricsLog,
    file: Path,
    plot: Callable[[], None],
) -> Callback:
    """Score the state, write the scores as a line, and keep the checkpoint whose score is best.

    When it returns, all of it is on the disk: a run that goes on from a checkpoint saved after it lacks nothing.

    Args:
      evaluate: `state -> scores`, by name.
      every: iterations between two times; an interrupted run is not scored.
      best: the score that decides.
      highest: whether the highest is the best, or the lowest.
      checkpoints: where the best is kept, one at a time.
      pipeline: of the run, for its position.
      log, file: where the lines go.
      plot: called when there is a new line.
    """
    known = {line["step"]: line.get(best) for line in read_json_lines(file)}
    for later in [step for step in checkpoints.all_steps() if step not in known]:
        checkpoints.delete(later)  # a crash has left it, of iterations that a resumed run takes again
    record = known.get(checkpoints.latest_step())

    def call(status: TrainingStatus) -> None:
        nonlocal record
        if status.reason == "interrupt":
            return
        scores = evaluate(status.state)
        log.write(file, status.step, scores)
        plot()
        new = scores[best]
        if isfinite(new) and (record is None or (new > record if highest else new < record)):
            record = new
            position = pipeline.position(status.step)
            checkpoint.save(checkpoints, Checkpoint(status.step, status.state, position))
            checkpoint.raise_errors(checkpoints, wait=True)

    return Callback(every, call)


@jax.jit
def _finite_sum(state: State) -> Array:
    """A number that is finite only if every number of the state is."""
    leaves = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return sum((jnp.sum(0 * leaf) for leaf in leaves), start=jnp.zeros((), jnp.float32))
