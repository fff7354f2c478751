"""What a run writes about itself while it trains: JSON lines and TensorBoard events."""

import json
import os
from collections.abc import Mapping
from math import inf
from pathlib import Path

from tensorboardX import SummaryWriter


class MetricsLog:
    """Appends to JSON lines and to TensorBoard events in a run folder; what lies behind `step` is forgotten.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with MetricsLog(Path(folder), step=0) as log:
    ...         log.write(10, {"loss": 0.5})
    ...     (Path(folder) / "metrics.jsonl").read_text()
    '{"step": 10, "loss": 0.5}\\n'
    """

    def __init__(self, folder: Path, step: int):
        for path in folder.glob("*.jsonl"):
            _forget_after(path, step)
        self._folder = folder
        self._events = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_) -> None:
        self._events.close()

    def write(self, step: int, metrics: Mapping[str, float], file: str = "metrics.jsonl") -> None:
        """Write one line and one event per metric."""
        with (self._folder / file).open("a") as lines:
            lines.write(json.dumps({"step": step, **metrics}) + "\n")
        for name, value in metrics.items():
            self._events.add_scalar(name, value, step)


def _forget_after(path: Path, step: int) -> None:
    """Drop the lines of steps that a resumed run will take again, and whatever a crash has torn."""
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if _step_of(line) <= step]
    part = path.with_suffix(".part")
    part.write_bytes(b"".join(lines))
    os.replace(part, path)


def _step_of(line: bytes) -> float:
    try:
        return json.loads(line)["step"] if line.endswith(b"\n") else inf
    except (ValueError, TypeError, KeyError):
        return inf
