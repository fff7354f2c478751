"""What a run writes about itself while it trains: JSON lines and TensorBoard events."""

import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

from gan_jax.files import append_json_line, forget_lines_after, naming, read_json_lines

__all__ = ["MetricsLog"]


class MetricsLog:
    """Appends to files of JSON lines and to TensorBoard events beside them; what lies behind `step` is forgotten.

    The events are written anew from the lines, since a crash may have cut them off elsewhere. Every write reaches the
    system before it returns, and fails there and then: a thread that writes would wait for ever on a full disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "metrics.jsonl"
    ...     MetricsLog(Path(folder), step=0, files=[file]).write(file, 10, {"loss": 0.5})
    ...     file.read_text()
    '{"step": 10, "loss": 0.5}\\n'
    """

    def __init__(self, folder: Path, step: int, files: list[Path]):
        for file in files:
            forget_lines_after(file, step)
        for events in folder.glob("events.out.tfevents.*"):
            events.unlink()
        lines = [line for file in files for line in read_json_lines(file)]
        records = [_event(file_version="brain.Event:2")]
        records += [_metrics_event(**line) for line in sorted(lines, key=lambda line: line["step"])]
        self._events = folder / f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}"
        self._append(b"".join(records))

    def write(self, file: Path, step: int, metrics: Mapping[str, float]) -> None:
        """Write one line, and one event with a value per metric."""
        append_json_line(file, {"step": step, **metrics})
        self._append(_metrics_event(step, **metrics))

    def _append(self, records: bytes) -> None:
        with naming(self._events), self._events.open("ab") as events:
            events.write(records)


def _metrics_event(step: int, **metrics: float) -> bytes:
    values = [{"tag": name, "simple_value": value} for name, value in metrics.items()]
    return _event(step=step, summary={"value": values})


def _event(**fields) -> bytes:
    """A record of TensorBoard: length (8 bytes), its checksum (4), an event, its checksum (4)."""
    from tensorboardX.proto import event_pb2  # imported late: whoever reads a run does without it
    from tensorboardX.record_writer import masked_crc32c

    event = event_pb2.Event(wall_time=time.time(), **fields).SerializeToString()  # pyright: ignore[reportAttributeAccessIssue]
    length = struct.pack("<Q", len(event))
    checksums = [struct.pack("<I", masked_crc32c(part)) for part in (length, event)]
    return length + checksums[0] + event + checksums[1]
