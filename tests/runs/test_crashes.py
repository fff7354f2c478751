"""Runs in processes of their own that are killed, stopped, or whose disk fills: what goes on is the same run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from tensorboardX.proto.event_pb2 import Event

from gan_jax import runs
from gan_jax.files import read_json_lines
from gan_jax.training.checkpoint import Checkpoint, digests, steps

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Orbax's event loops, closed when collected
]

EXPERIMENT = """
from gan_jax import GAN, CriticConfig, EvaluationConfig, Experiment, GeneratorConfig

experiment = Experiment(
    gan=GAN(generator=GeneratorConfig(width=64, depth=1, latent=4), critic=CriticConfig(width=64, depth=1)),
    batch_size=64, steps=200, log_every=7, sample_every=100, checkpoint_every=20,
    evaluation=EvaluationConfig(every=20, n=40, features="pixels"),
)
"""


def train(file, folder, *options):
    command = [sys.executable, "-m", "gan_jax.cli", "train", str(file), "--workdir", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """Its exit code and what it has told of errors."""
    _, error = process.communicate(timeout=300)
    return process.returncode, error


def events(folder) -> Iterator[Event]:
    for file in folder.glob("events.out.tfevents.*"):
        data = file.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            yield Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]


def content(folder):
    """All of a run but its clock: states, lines, events, checkpoints."""
    found = {}
    for best in (False, True):
        run = runs.load(folder, best=best)
        found[best] = digests(Checkpoint(run.step, run.state, {}))["whole"]
    for name in ("training_metrics.jsonl", "evaluation_history.jsonl"):
        lines = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        found[name] = [{key: value for key, value in line.items() if key != "images_per_s"} for line in lines]
    values = [(event.step, value.tag, value.simple_value) for event in events(folder) for value in event.summary.value]
    return found | {
        "events": [value for value in sorted(values) if value[1] != "images_per_s"],
        "checkpoints": steps(folder / "checkpoints"),
        "grids": {path.name: path.read_bytes() for path in (folder / "samples").iterdir()},
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("experiments") / "small.py"
    file.write_text(EXPERIMENT)
    return file


@pytest.fixture(scope="module")
def uninterrupted(file, tmp_path_factory):
    """The folder of a run that nobody stopped, and how long it took."""
    folder = tmp_path_factory.mktemp("runs")
    assert finish(train(file, folder / "first")) == (0, "")  # which compiles
    began = time.monotonic()
    assert finish(train(file, folder / "run")) == (0, "")
    return folder / "run", time.monotonic() - began


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_run_goes_on_as_if_it_had_not_been(file, uninterrupted, tmp_path, seed):
    whole, seconds = uninterrupted
    folder, rng = tmp_path / "run", random.Random(seed)
    for part in (rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.0)):
        process = train(file, folder, *(["--resume"] if (folder / "experiment.json").exists() else []))
        time.sleep(part * seconds)
        process.kill()
        finish(process)
    assert finish(train(file, folder, *(["--resume"] if (folder / "experiment.json").exists() else []))) == (0, "")
    assert content(folder) == content(whole)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(file, uninterrupted, tmp_path, name):
    folder = tmp_path / "run"
    process = train(file, folder)
    while len(read_json_lines(folder / "training_metrics.jsonl")) < 3:
        time.sleep(0.01)
    process.send_signal(signal.Signals[name])
    assert finish(process) == (130, "")
    assert steps(folder / "checkpoints")[-1] < 200
    assert finish(train(file, folder, "--resume")) == (0, "")
    expected, found = content(uninterrupted[0]), content(folder)
    # Where it stopped it showed its samples and its weights once more.
    (grid,) = found["grids"].keys() - expected["grids"].keys()
    del found["grids"][grid]
    more = [event for event in found["events"] if event not in expected["events"]]
    assert len({step for step, *_ in more}) == 1
    assert all(tag == "samples" or "/params/" in tag for _, tag, _ in more)
    found["events"] = [event for event in found["events"] if event not in more]
    assert found == expected


@pytest.fixture
def mounted(tmp_path):
    """A file system of a size; it is left empty."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).returncode:
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


@pytest.mark.parametrize("size", ["500k", "900k"])
def test_a_full_disk_is_one_line_and_the_run_goes_on(file, uninterrupted, mounted, size):
    remount(mounted, f"size={size}")
    code, error = finish(train(file, mounted / "run"))
    assert code in (1, 2), error
    assert error.count("\n") == 1, error
    remount(mounted, "size=50m")
    assert finish(train(file, mounted / "run", "--resume")) == (0, "")
    assert content(mounted / "run") == content(uninterrupted[0])


def test_a_folder_that_is_read_only_is_one_line(file, uninterrupted, mounted):
    remount(mounted, "size=50m")
    shutil.copytree(uninterrupted[0], mounted / "run")
    remount(mounted, "ro")
    code, error = finish(train(file, mounted / "run", "--resume", "--steps", "300"))
    assert (code, error.count("\n")) == (2, 1), error
    assert "Read-only file system" in error


def test_a_folder_that_vanishes_is_one_line(file, tmp_path):
    folder = tmp_path / "run"
    process = train(file, folder, "--steps", "100000")
    while len(read_json_lines(folder / "training_metrics.jsonl")) < 3:
        time.sleep(0.01)
    folder.rename(tmp_path / "moved")
    code, error = finish(process)
    assert code in (1, 2), error
    assert error.count("\n") == 1, error
