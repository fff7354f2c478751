"""What is written can be read back, and what a crash has torn is forgotten."""

import json

import pytest
from recorded import events

from gan_jax.training.logging import MetricsLog


def test_metrics_go_to_lines_and_events(tmp_path):
    file = tmp_path / "metrics.jsonl"
    log = MetricsLog(tmp_path, step=0, files=[file])
    log.write(file, 10, {"loss": 0.5, "penalty": 2.0})
    log.write(file, 20, {"loss": 0.25, "penalty": 1.0})
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == [{"step": 10, "loss": 0.5, "penalty": 2.0}, {"step": 20, "loss": 0.25, "penalty": 1.0}]
    written = [
        (event.step, value.tag, value.simple_value) for event in events(tmp_path) for value in event.summary.value
    ]
    assert written == [(10, "loss", 0.5), (10, "penalty", 2.0), (20, "loss", 0.25), (20, "penalty", 1.0)]


@pytest.mark.parametrize("torn", [b'{"step": 30}', b'{"st', b"\xff\xfe\n", b"[]\n", b'{"a": 1}\n', b'{"step": 99}\n'])
def test_torn_and_later_lines_are_forgotten(tmp_path, torn):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"step": 10}\n{"step": 20}\n' + torn)
    MetricsLog(tmp_path, step=30, files=[file]).write(file, 40, {"loss": 1.0})
    assert [json.loads(line)["step"] for line in file.read_text().splitlines()] == [10, 20, 40]
