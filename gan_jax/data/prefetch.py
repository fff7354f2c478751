"""Reading ahead by Grain: several threads, in the order of the steps."""

from collections.abc import Callable
from typing import Any

__all__ = ["Prefetcher"]

_THREADS = 4
_LAST = 2**31 - 1  # step


class Prefetcher:
    """Calls `read(step)` for steps in turn, some of them ahead of `get`; an error in it is raised by `get`.

    >>> ahead = Prefetcher(lambda step: step**2, ahead=2)
    >>> [ahead.get(step) for step in (3, 4, 7)]
    [9, 16, 49]
    >>> ahead.close()
    """

    def __init__(self, read: Callable[[int], Any], ahead: int):
        self._read, self._ahead = read, ahead
        self._results: Any = None
        self._next = -1

    def get(self, step: int) -> Any:
        """Return what was read for a step; out of turn, reading starts anew from there."""
        results = self._results
        if results is None or step != self._next:
            results = self.seek(step)
        try:
            value = next(results)
        except Exception:
            self.close()
            raise
        self._next = step + 1
        return value

    def seek(self, step: int) -> Any:
        """Read from a step on; return the iterator."""
        import grain  # imported late: whoever streams nothing starts without it

        self.close()
        self._next = step
        steps = grain.MapDataset.range(step, _LAST).map(lambda at: self._read(int(at)))
        options = grain.ReadOptions(num_threads=min(_THREADS, self._ahead), prefetch_buffer_size=self._ahead)
        self._results = iter(steps.to_iter_dataset(options))
        self._results.start_prefetch()
        return self._results

    def close(self) -> None:
        """Stop reading."""
        if self._results is not None:
            self._results.close()
            self._results = None
