"""Scores while a run trains: when they are taken, where they go, and the checkpoint that scored best."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.systems import State
from gan_jax.training import checkpoint
from gan_jax.training.logging import MetricsLog

FILE = "scores.jsonl"
Line = dict[str, float]


class Watch(NamedTuple):
    """What to take scores of a run with, and when.

    Attributes:
      every: iterations between two times.
      measure: `state -> numbers`, scores by name.
      best: the one by which a checkpoint is kept.
      high: whether the highest is the best, or the lowest.
      draw: `(folder, lines) -> None`, makes a picture of all the scores so far.
      against: what they are taken against.
    """

    every: int
    measure: Callable[[State], dict[str, float]]
    best: str
    high: bool
    draw: Callable[[Path, list[Line]], None]
    against: Any


def scores_of(folder: Path) -> list[Line]:
    """Return the lines of a run folder's `scores.jsonl`, none where there is no such file."""
    file = folder / FILE
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def watching(folder: Path, watch: Watch, step: int) -> Iterator[Callable[[int, State, MetricsLog], None]]:
    """Give the function to call with each state that is to be scored, in a run that goes on from a step.

    The state of the best score is kept in `best/`, beside the others in `checkpoints/`, which come and go.
    """
    with checkpoint.manager(folder / "best", keep=1) as kept:
        for later in [saved for saved in kept.all_steps() if saved > step]:
            kept.delete(later)
        lines = scores_of(folder)
        known = {line["step"]: line.get(watch.best) for line in lines}
        best = known.get(kept.latest_step())

        def look(step: int, state: State, log: MetricsLog) -> None:
            nonlocal best
            numbers = watch.measure(state)
            log.write(step, numbers, FILE)
            lines.append({"step": step, **numbers})
            watch.draw(folder, lines)
            new = numbers[watch.best]
            if isfinite(new) and (best is None or (new > best if watch.high else new < best)):
                best = new
                checkpoint.save(kept, step, state)

        yield look
