"""Means of metrics over intervals of iterations, the same however the iterations are cut into compiled calls and runs.

A compiled call returns the metrics of each iteration. They are added one by one in float64, and the sums of an interval
that is not full yet are kept in the checkpoint: so a resumed run writes the uninterrupted run's lines.
"""

from math import isfinite
from typing import NamedTuple

import numpy as np

from gan_jax.errors import RunError

__all__ = ["Interval", "NonFiniteError", "check_finite"]


class NonFiniteError(RunError):
    """A metric or the state became infinite or not a number: the state is lost, the checkpoints are not."""


class Interval(NamedTuple):
    """Iterations between two multiples of `every`, of which some are done.

    Attributes:
      every: iterations that it has when it is full.
      start: iterations done before it, by the run.
      done: iterations done of it.
      sums: of their metrics, by name.

    >>> first = Interval(every=3, start=0).after({"loss": np.float32([1, 2, 3])})
    >>> first.is_full(), first.means(), first.after({"loss": np.float32([5])}).means()
    (True, {'loss': 2.0}, {'loss': 5.0})
    """

    every: int
    start: int
    done: int = 0
    sums: dict[str, float] = {}  # noqa: RUF012 - never written to

    def after(self, rows: dict[str, np.ndarray]) -> "Interval":
        """Return what the interval is after some more iterations, of which each metric has one row per iteration."""
        before = Interval(self.every, self.start + self.done) if self.is_full() else self
        sums = {name: _add(before.sums.get(name, 0.0), values) for name, values in rows.items()}
        return before._replace(done=before.done + len(next(iter(rows.values()))), sums=sums)

    def is_full(self) -> bool:
        """Whether it ends at a multiple of `every`."""
        return self.done > 0 and (self.start + self.done) % self.every == 0

    def means(self) -> dict[str, float]:
        """Return the metrics' means over the iterations done."""
        return {name: total / self.done for name, total in self.sums.items()}


def check_finite(rows: dict[str, np.ndarray], start: int) -> None:
    """Raise if a metric of one of the iterations after `start` is infinite or NaN.

    Raises:
      NonFiniteError: one is; the message names the first iteration, and its metrics that are.
    """
    bad = np.array([~np.isfinite(values) for values in rows.values()])
    if bad.any():
        row = int(bad.any(axis=0).argmax())
        named = [f"{name} = {values[row]}" for name, values in rows.items() if not isfinite(values[row])]
        raise NonFiniteError(f"{', '.join(named)} in iteration {start + row + 1}")


def _add(total: float, values: np.ndarray) -> float:
    """One by one, so that the sum of two parts is that of the whole."""
    return float(np.add.accumulate(np.append(total, values.astype(np.float64)))[-1])
