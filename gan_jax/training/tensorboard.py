"""TensorBoard's events of a run: metrics, samples, hyper-parameters, histograms of weights."""

import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.files import naming
from gan_jax.types import UInt8

__all__ = ["TensorBoard"]

_BINS = 50


class TensorBoard:
    """Appends to one file of events in a folder; what lies behind `step` is forgotten.

    The metrics are written anew from lines, since a crash may have cut them off elsewhere; pictures and histograms are
    taken over from the files that are there. Every write reaches the system before it returns, and fails there and
    then: a thread that writes would wait for ever on a full disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     TensorBoard(Path(folder), step=0).log(10, {"loss": 0.5}, {"samples": np.zeros((4, 4, 3), np.uint8)})
    ...     [file.name.partition(".out")[0] for file in Path(folder).iterdir()]
    ['events']
    """

    def __init__(self, folder: Path, step: int, lines: Sequence[Mapping[str, Any]] = ()):
        old = sorted(folder.glob("events.out.tfevents.*"))
        kept = [record for file in old for record in _shown_until(file, step)]
        self._file = folder / f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}"
        for file in old:
            file.unlink()
        records = [_event(file_version="brain.Event:2"), *kept]
        for line in sorted(lines, key=lambda line: line["step"]):
            records.append(_metrics_event(**line))
        self._append(b"".join(records))

    def log(self, step: int, metrics: Mapping[str, float], images: Mapping[str, UInt8[np.ndarray, "h w c"]]) -> None:
        """Write an event with a value per metric, and one with all pictures."""
        from tensorboardX.summary import image

        if metrics:
            self._append(_metrics_event(step, **metrics))
        for name, pixels in images.items():
            self._append(_event(step=step, summary=image(name, pixels, dataformats="HWC")))

    def histograms(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write how the finite numbers of each array are spread."""
        from tensorboardX.summary import histogram

        for name, values in arrays.items():
            finite = values[np.isfinite(values)]
            if finite.size:
                self._append(_event(step=step, summary=histogram(name, finite, _BINS)))

    def hyperparameters(self, settings: Mapping[str, Any], metrics: Sequence[str]) -> None:
        """Write the run's settings, and which metrics the table of runs shows beside them."""
        from tensorboardX.summary import hparams

        named = {
            name: value if isinstance(value, str | bool | int | float) else str(value)
            for name, value in settings.items()
        }
        for summary in hparams(named, dict.fromkeys(metrics, 0.0)):
            self._append(_event(step=0, summary=summary))

    def close(self) -> None:
        """Nothing is left to write."""

    def _append(self, records: bytes) -> None:
        with naming(self._file), self._file.open("ab") as events:
            events.write(records)


def _metrics_event(step: int, **metrics: float) -> bytes:
    values = [{"tag": name, "simple_value": value} for name, value in metrics.items()]
    return _event(step=step, summary={"value": values})


def _event(**fields: Any) -> bytes:
    """A record of TensorBoard: length (8 bytes), its checksum (4), an event, its checksum (4)."""
    from tensorboardX.proto import event_pb2  # imported late: whoever reads a run does without it
    from tensorboardX.record_writer import masked_crc32c

    event = event_pb2.Event(wall_time=time.time(), **fields).SerializeToString()  # pyright: ignore[reportAttributeAccessIssue]
    length = struct.pack("<Q", len(event))
    checksums = [struct.pack("<I", masked_crc32c(part)) for part in (length, event)]
    return length + checksums[0] + event + checksums[1]


def _shown_until(file: Path, step: int) -> Iterator[bytes]:
    """The records of pictures and histograms up to a step; a record that a crash has torn ends the file."""
    from tensorboardX.proto import event_pb2
    from tensorboardX.record_writer import masked_crc32c

    data, start = file.read_bytes(), 0
    while start + 12 <= len(data):
        length = int.from_bytes(data[start : start + 8], "little")
        end = start + 16 + length
        event = data[start + 12 : end - 4]
        if end > len(data) or struct.pack("<I", masked_crc32c(event)) != data[end - 4 : end]:
            return
        found: Any = event_pb2.Event.FromString(event)  # pyright: ignore[reportAttributeAccessIssue]
        kinds = {value.WhichOneof("value") for value in found.summary.value}
        if found.step <= step and kinds & {"image", "histo"}:
            yield data[start:end]
        start = end
