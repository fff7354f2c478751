"""Whatever tracks a run is told metrics and pictures, costs no run its life, and finds a run again that goes on."""

import json
import sys
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from recorded import events

from gan_jax import GAN, CriticConfig, Experiment, GeneratorConfig, train
from gan_jax.cli import main
from gan_jax.errors import InputError
from gan_jax.training import trackers
from gan_jax.training.logging import MetricsLog
from gan_jax.training.tensorboard import TensorBoard

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


class Memory:
    """A tracker of one's own."""

    def __init__(self, folder, settings):
        self.folder, self.settings, self.told, self.closed = folder, settings, [], False
        MADE.append(self)

    def log(self, step, metrics, images):
        self.told.append((step, {*metrics}, {name: pixels.shape for name, pixels in images.items()}))

    def close(self):
        self.closed = True


MADE = []


class Broken(Memory):
    def log(self, step, metrics, images):
        raise OSError("gone")


@pytest.mark.slow
def test_a_tracker_is_told_settings_metrics_and_pictures_and_tensorboard_weights_too(tmp_path):
    game = GAN(generator=GeneratorConfig(width=8, depth=1, latent=4), critic=CriticConfig(width=8, depth=1))
    experiment = Experiment(gan=game, batch_size=16, steps=2, log_every=1, sample_every=2, trackers=(Memory, Broken))
    train(experiment, tmp_path / "run")
    memory, _ = MADE
    assert memory.settings["gan.generator.width"] == 8
    assert [step for step, metrics, _ in memory.told if "wasserstein" in metrics] == [1, 2]
    ((step, _, pictures),) = [told for told in memory.told if told[2]]
    assert (step, len(pictures["samples"])) == (2, 3)
    assert memory.closed
    kinds = Counter(value.WhichOneof("value") for event in events(tmp_path / "run") for value in event.summary.value)
    assert kinds["image"] == 1
    assert kinds["histo"] >= 8  # kernels and biases of both networks
    tags = {value.tag for event in events(tmp_path / "run") for value in event.summary.value}
    assert {"_hparams_/session_start_info", "generator/params/Dense_0/kernel", "samples", "wasserstein"} <= tags


def test_one_that_fails_is_told_once(tmp_path):
    lines = []
    (tracker,) = trackers.open_trackers((Broken,), tmp_path, {}, lines.append)
    log = MetricsLog(tmp_path, 0, [], [tracker])
    for step in (1, 2):
        log.write(tmp_path / "a.jsonl", step, {"loss": 1.0})
    assert lines == ["Broken has failed (gone); the run goes on without it"]
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 2


def test_pictures_and_histograms_outlive_a_crash_and_those_after_the_checkpoint_do_not(tmp_path):
    board = TensorBoard(tmp_path, step=0)
    for step in (10, 20):
        board.log(step, {"loss": 1.0}, {"samples": PICTURE})
        board.histograms(step, {"kernel": np.array([0.0, 1.0, np.nan]), "lost": np.array([np.inf])})
    (file,) = tmp_path.glob("events.*")
    file.write_bytes(file.read_bytes()[:-3])  # torn
    TensorBoard(tmp_path, step=10, lines=[{"step": 10, "loss": 1.0}])
    found = [(event.step, value.tag) for event in events(tmp_path) for value in event.summary.value]
    assert sorted(found) == [(10, "kernel"), (10, "loss"), (10, "samples")]


def test_what_is_not_there_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    assert main(["train", "digits", "--trackers", "wandb", "--workdir", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == 'gan-jax: --trackers: wandb is not installed; pip install "gan_jax[wandb]"\n'
    assert main(["train", "digits", "--trackers", "wandbb", "--workdir", str(tmp_path / "run")]) == 2
    assert "did you mean wandb?" in capsys.readouterr().err

    def closed(folder, settings):
        raise RuntimeError("log in\nfirst")

    with pytest.raises(InputError, match=r"^trackers: closed cannot be opened \(log in first\); see to its server"):
        trackers.open_trackers((closed,), tmp_path, {}, print)
    assert replace(Experiment(), trackers=(closed,)).trackers == (closed,)


def test_mlflows_client_alone_needs_a_server(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=None))
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(InputError, match=r"mlflow cannot be opened \(MLFLOW_TRACKING_URI names no server\)"):
        trackers.open_trackers(("mlflow",), tmp_path, {}, print)


def test_a_run_that_goes_on_is_the_same_to_a_service(tmp_path):
    names = iter("ab")
    assert trackers._identity(tmp_path, "wandb", lambda: next(names)) == "a"
    assert trackers._identity(tmp_path, "wandb", lambda: next(names)) == "a"
    assert json.loads((tmp_path / "trackers.json").read_text()) == {"wandb": "a"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_services_take_what_they_are_told(name, tmp_path, monkeypatch):
    pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    failed = []
    for step in (10, 20):
        (tracker,) = trackers.open_trackers((name,), tmp_path, {"seed": 0, "gan.loss": "hinge"}, failed.append)
        tracker.log(step, {"loss": 0.5}, {"samples": PICTURE})
        tracker.close()
    assert not failed
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix in (".wandb", ".png") for path in found)
