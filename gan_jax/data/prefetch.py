"""Reading ahead on a thread of its own."""

import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Prefetcher"]


class Prefetcher:
    """Calls `read(step)` for one step after another, some steps ahead of `get`; an error in it is raised by `get`.

    >>> ahead = Prefetcher(lambda step: step**2, ahead=2)
    >>> [ahead.get(step) for step in (3, 4, 7)]
    [9, 16, 49]
    >>> ahead.close()
    """

    def __init__(self, read: Callable[[int], Any], ahead: int):
        self._read, self._next = read, 0
        self._results: queue.Queue = queue.Queue(maxsize=ahead)
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def get(self, step: int) -> Any:
        """Return what was read for a step; out of turn, reading starts anew from there."""
        if self._thread is None or step != self._next:
            self.seek(step)
        value, error = self._results.get()
        if error is not None:
            self.close()
            raise error
        self._next = step + 1
        return value

    def seek(self, step: int) -> None:
        """Read from a step on."""
        self.close()
        self._next = step
        self._results = queue.Queue(maxsize=self._results.maxsize)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(step, self._results, self._stop), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        if self._thread is not None:
            self._stop.set()
            while self._thread.is_alive():  # it may wait for room
                try:
                    self._results.get(timeout=0.01)
                except queue.Empty:
                    continue
            self._thread.join()
            self._thread = None

    def _run(self, step: int, results: queue.Queue, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                results.put((self._read(step), None))
            except Exception as error:
                results.put((None, error))
                return
            step += 1
