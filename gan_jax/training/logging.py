"""What a run writes about itself while it trains: JSON lines and TensorBoard events."""

from collections.abc import Mapping
from pathlib import Path

from gan_jax.files import append_json_line, forget_lines_after

__all__ = ["MetricsLog"]


class MetricsLog:
    """Appends to files of JSON lines and to TensorBoard events beside them; what lies behind `step` is forgotten.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "metrics.jsonl"
    ...     with MetricsLog(Path(folder), step=0, files=[file]) as log:
    ...         log.write(file, 10, {"loss": 0.5})
    ...     file.read_text()
    '{"step": 10, "loss": 0.5}\\n'
    """

    def __init__(self, folder: Path, step: int, files: list[Path]):
        from tensorboardX import SummaryWriter  # imported late: whoever reads a run does without it

        for file in files:
            forget_lines_after(file, step)
        self._events = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_) -> None:
        self._events.close()

    def write(self, file: Path, step: int, metrics: Mapping[str, float]) -> None:
        """Write one line and one event per metric."""
        append_json_line(file, {"step": step, **metrics})
        for name, value in metrics.items():
            self._events.add_scalar(name, value, step)
