"""What a run tells about itself while it trains: JSON lines, TensorBoard events, and whatever else tracks it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gan_jax.files import append_json_line, forget_lines_after, read_json_lines
from gan_jax.training.tensorboard import TensorBoard
from gan_jax.training.trackers import Tracker
from gan_jax.types import UInt8

__all__ = ["MetricsLog"]


class MetricsLog:
    """Appends to files of JSON lines, and tells TensorBoard and other trackers; what lies behind `step` is forgotten.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "metrics.jsonl"
    ...     MetricsLog(Path(folder), step=0, files=[file]).write(file, 10, {"loss": 0.5})
    ...     file.read_text()
    '{"step": 10, "loss": 0.5}\\n'
    """

    def __init__(self, folder: Path, step: int, files: list[Path], trackers: Sequence[Tracker] = ()):
        for file in files:
            forget_lines_after(file, step)
        lines = [line for file in files for line in read_json_lines(file)]
        self.tensorboard = TensorBoard(folder, step, lines)
        self._trackers = (self.tensorboard, *trackers)

    def write(self, file: Path, step: int, metrics: Mapping[str, float]) -> None:
        """Write one line, and tell the trackers."""
        append_json_line(file, {"step": step, **metrics})
        for tracker in self._trackers:
            tracker.log(step, metrics, {})

    def show(self, step: int, images: Mapping[str, UInt8[np.ndarray, "h w c"]]) -> None:
        """Show the trackers pictures."""
        for tracker in self._trackers:
            tracker.log(step, {}, images)
