"""What a crash, a disk or a hand leaves in a run folder is found, mended, or refused in one line."""

import errno
import json
import logging
import os
import random
import shutil
import subprocess
import sys

import chex
import jax
import numpy as np
import pytest

from gan_jax import runs
from gan_jax.cli import main
from gan_jax.errors import InputError, RunError
from gan_jax.files import append_json_line, atomic_write, read_json_lines
from gan_jax.runs.folder import RunFolder
from gan_jax.training import callbacks, checkpoint
from gan_jax.training.checkpoint import Checkpoint, digests
from gan_jax.training.loop import TrainingStatus

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",  # Orbax's event loops, closed when collected
    "ignore::pytest.PytestUnraisableExceptionWarning",  # its threads complain after it has given up
)

EXPERIMENT = """
from gan_jax import GAN, CriticConfig, EvaluationConfig, Experiment, GeneratorConfig

experiment = Experiment(
    gan=GAN(generator=GeneratorConfig(width=8, depth=1, latent=4), critic=CriticConfig(width=8, depth=1)),
    batch_size=16, steps=30, log_every=5, checkpoint_every=10,
    evaluation=EvaluationConfig(every=10, n=12, features="pixels"),
)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    file = tmp_path_factory.mktemp("experiments") / "tiny.py"
    file.write_text(EXPERIMENT)
    return str(file)


@pytest.fixture(scope="module")
def whole(file, tmp_path_factory):
    """A run with checkpoints 10, 20 and 30, which nobody writes to."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", file, "--workdir", str(folder)]) == 0
    return folder


@pytest.fixture
def run(whole, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(whole, tmp_path / "run")


def resume(file, folder, *options):
    return main(["train", file, "--workdir", str(folder), "--resume", *options])


def refused(capsys, code, *arguments):
    assert main([*map(str, arguments)]) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


def lines(file):
    return [{name: value for name, value in line.items() if name != "images_per_s"} for line in read_json_lines(file)]


def assert_same(folder, other):
    one, two = runs.load(folder), runs.load(other)
    assert digests(Checkpoint(one.step, one.state, {})) == digests(Checkpoint(two.step, two.state, {}))
    for name in ("training_metrics.jsonl", "evaluation_history.jsonl"):
        assert lines(folder / name) == lines(other / name)
        assert (folder / name).read_bytes().count(b"\n") == len(lines(other / name))


def damage(folder):
    """Tear the manifests of a checkpoint, without which it cannot be read."""
    for manifest in (folder / "state").rglob("manifest.ocdbt"):
        manifest.write_bytes(b"torn")


@pytest.mark.slow
def test_a_flipped_bit_is_found_or_harmless(whole, tmp_path):
    expected, rng, found = runs.load(whole), random.Random(0), 0
    for _ in range(12):
        copy = shutil.copytree(whole, tmp_path / "copy", dirs_exist_ok=True)
        files = sorted(path for path in (copy / "checkpoints" / "30").rglob("*") if path.is_file())
        flipped = rng.choices(files, [path.stat().st_size for path in files])[0]
        data, bit = bytearray(flipped.read_bytes()), rng.randrange(8 * flipped.stat().st_size)
        data[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(data)
        try:
            opened = runs.load(copy)
        except InputError:
            found += 1
        else:
            assert opened.step == 30
            jax.tree.map(np.testing.assert_array_equal, opened.state, expected.state)
        shutil.rmtree(copy)
    assert found > 2


def test_another_state_under_the_same_name_is_found(tmp_path):
    """Arrays that Orbax reads without complaint, of another step, position or value than was saved."""
    state, position = {"x": np.arange(3.0), "y": np.int32(1)}, {"iteration": 3}
    saved = digests(Checkpoint(3, state, position))
    changed = {"x": np.arange(3.0), "y": np.int32(2)}
    others = [Checkpoint(3, changed, position), Checkpoint(4, state, position), Checkpoint(3, state, {})]
    assert all(digests(other)["whole"] != saved["whole"] for other in others)
    assert digests(others[0])["arrays"]["x"] == saved["arrays"]["x"]
    assert digests(Checkpoint(3, {"x": np.arange(3.0)[:, None]}, {}))["arrays"]["x"] != saved["arrays"]["x"]


@pytest.mark.slow
def test_swapped_checkpoints_are_found_and_the_run_goes_back(whole, run, file, capsys):
    checkpoints = run / "checkpoints"
    for source, target in (("30", "x"), ("20", "30"), ("x", "20")):
        (checkpoints / source).rename(checkpoints / target)
    assert "checkpoint 30 is damaged: its step" in refused(capsys, 2, "sample", run)
    assert resume(file, run) == 0
    printed = capsys.readouterr().out
    assert "checkpoint 30 is damaged" in printed
    assert "checkpoint 20 is damaged" in printed
    assert "going back to checkpoint 10\n" in printed
    assert_same(run, whole)


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_goes_back_to_the_one_before(whole, run, file, capsys):
    damage(run / "checkpoints" / "30")
    assert resume(file, run) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "checkpoint 30" in line]
    assert len(told) == 1
    assert told[0].endswith("going back to checkpoint 20")
    assert (run / "checkpoints" / "30.damaged").is_dir()
    assert_same(run, whole)


@pytest.mark.slow
def test_a_damaged_best_checkpoint_is_set_aside_and_the_next_score_is_the_best(run, file, capsys):
    (best,) = checkpoint.steps(run / "best")
    damage(run / "best" / str(best))
    assert resume(file, run, "--steps", "40") == 0
    told = [line for line in capsys.readouterr().out.splitlines() if f"checkpoint {best} cannot be read" in line]
    assert len(told) == 1
    assert told[0].endswith("; set aside")
    assert (run / "best" / f"{best}.damaged").is_dir()
    assert checkpoint.steps(run / "best") == [40]
    assert runs.load(run, best=True).step == 40


def test_what_orbax_leaves_to_asyncio_is_not_told_twice(caplog):
    for where in ("20.orbax-checkpoint-tmp", "elsewhere"):
        logging.getLogger("asyncio").error("Future exception was never retrieved: %s", where)
    assert [record.args for record in caplog.records] == [("elsewhere",)]


@pytest.mark.slow
def test_where_no_checkpoint_is_whole_nothing_is_changed(run, file, capsys):
    for step in ("10", "20", "30"):
        shutil.rmtree(run / "checkpoints" / step / "sha256")
    before = (run / "training_metrics.jsonl").read_bytes()
    assert "checkpoint 30 lacks its SHA-256" in refused(capsys, 2, "train", file, "--workdir", run, "--resume")
    assert (run / "training_metrics.jsonl").read_bytes() == before
    assert checkpoint.steps(run / "checkpoints") == [10, 20, 30]


@pytest.mark.parametrize("options", [["--resume"], []])
def test_a_run_whose_checkpoints_are_gone_does_not_start_from_scratch(run, file, capsys, options):
    before = (run / "training_metrics.jsonl").read_bytes()
    shutil.rmtree(run / "checkpoints")
    assert "its checkpoints are gone" in refused(capsys, 2, "train", file, "--workdir", run, *options)
    assert (run / "training_metrics.jsonl").read_bytes() == before
    (run / "checkpoints").write_text("a file")
    assert "its checkpoints are gone" in refused(capsys, 2, "train", file, "--workdir", run, *options)
    assert "its checkpoints are gone" in refused_check(capsys, run)


@pytest.mark.slow
def test_a_run_stopped_before_its_first_checkpoint_goes_on(whole, run, file):
    """It has the one of its beginning, and lines of metrics."""
    for name in ("20", "30"):
        shutil.rmtree(run / "checkpoints" / name)
    (run / "checkpoints" / "10").rename(run / "checkpoints" / "0")
    assert resume(file, run) == 0
    assert_same(run, whole)


@pytest.mark.slow
def test_torn_lines_are_cut_or_written_anew(whole, run, file):
    for name in ("training_metrics.jsonl", "evaluation_history.jsonl"):
        with (run / name).open("a") as torn:
            torn.write('{"step": 35, "fr')
    damage(run / "checkpoints" / "30")
    assert resume(file, run) == 0
    assert_same(run, whole)


@pytest.mark.parametrize("text", ["[]", "{}", '{"n_real": 3}', "3", "{"])
def test_a_protocol_of_another_shape_is_one_line(run, file, capsys, text):
    (run / "evaluation_protocol.json").write_text(text)
    assert "evaluation_protocol.json: is not" in refused(capsys, 2, "train", file, "--workdir", run, "--resume")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "evaluate --best"])
def test_a_protocol_of_another_shape_is_one_line_to_readers(run, capsys, command):
    (run / "evaluation_protocol.json").write_text('{"n_real": 3}')
    assert "is not what a run has written (it lacks data, " in refused(capsys, 2, *command.split(), run, "--n", "12")


def test_a_part_that_is_a_folder_makes_room(tmp_path):
    (tmp_path / f".a.{os.getpid()}.part.txt").mkdir()
    with atomic_write(tmp_path / "a.txt") as part:
        part.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_checkpoints_that_are_a_file_are_one_line(tmp_path):
    (tmp_path / "checkpoints").write_text("a file")
    with (
        pytest.raises(InputError, match="is a file where a run keeps its checkpoints"),
        checkpoint.manager(tmp_path / "checkpoints"),
    ):
        pass


def test_a_second_training_in_a_folder_is_refused(run, file, capsys):
    before = (run / "training_metrics.jsonl").read_bytes()
    with RunFolder(run).locked():
        error = refused(capsys, 2, "train", file, "--workdir", run, "--resume", "--steps", "40")
    assert f"process {os.getpid()} on " in error
    assert "trains here" in error
    assert (run / "training_metrics.jsonl").read_bytes() == before


@pytest.mark.slow
def test_the_lock_of_a_killed_process_locks_nothing_and_half_a_grid_goes_away(tmp_path):
    program = """
import os, signal, sys
from pathlib import Path
from gan_jax.files import atomic_write
from gan_jax.runs.folder import RunFolder

folder = RunFolder(Path(sys.argv[1]))
with folder.locked(), atomic_write(folder.sample_grid(3)) as part:
    part.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert (tmp_path / ".lock").exists()
    assert len([*(tmp_path / "samples").iterdir()]) == 1
    with RunFolder(tmp_path).locked():
        assert not [*(tmp_path / "samples").iterdir()]


def test_a_folder_with_nothing_but_a_lock_is_empty(file, tmp_path):
    (tmp_path / ".lock").write_text("process 1 on a machine")
    assert main(["train", file, "--workdir", str(tmp_path), "--steps", "1", "--evaluation.every", "null"]) == 0


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.slow
@pytest.mark.parametrize("written", ["gan_jax.files._dumps", "gan_jax.runs.training.save_samples"])
def test_a_full_disk_is_one_line_and_the_run_goes_on(whole, run, file, capsys, monkeypatch, written):
    shutil.rmtree(run / "checkpoints" / "30")
    monkeypatch.setattr(written, full_disk)
    options = ["--sample-every", "5"]
    try:
        code = resume(file, run, *options)
    finally:
        monkeypatch.undo()
    error = capsys.readouterr().err
    assert code in (1, 2)
    assert error.count("\n") == 1
    assert "No space left on device" in error
    assert str(run) in error
    assert resume(file, run) == 0
    assert_same(run, whole)


def test_what_fails_in_the_background_stops_the_run_at_the_next_callback(tmp_path, monkeypatch):
    with checkpoint.manager(tmp_path / "checkpoints") as checkpoints:
        monkeypatch.setattr(checkpoints, "_finalize_checkpoint", full_disk)
        checkpoint.save(checkpoints, Checkpoint(1, {"x": np.zeros(3, np.float32)}, {}))
        watch = callbacks.watch_checkpoints(checkpoints, every=1).call
        while checkpoints.is_saving_in_progress():
            pass
        with pytest.raises(RunError, match=r"a checkpoint cannot be written \(.*No space left on device\)"):
            watch(TrainingStatus(2, None, {}, {}, 1.0, "interval"))


def test_a_folder_that_vanishes_is_one_line(tmp_path):
    with checkpoint.manager(tmp_path / "checkpoints") as checkpoints:
        shutil.rmtree(tmp_path / "checkpoints")
        with pytest.raises(RunError, match="checkpoints: is gone"):
            checkpoint.raise_errors(checkpoints)


def test_what_was_cut_off_in_writing_is_removed(tmp_path):
    left = tmp_path / "5.orbax-checkpoint-tmp"
    left.mkdir()
    (left / "half").write_text("...")
    with checkpoint.manager(tmp_path, create=False):
        pass
    assert left.exists()
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, Checkpoint(5, {"x": np.zeros(3, np.float32)}, {}))
    assert [path.name for path in tmp_path.iterdir()] == ["5"]


def refused_check(capsys, folder):
    """The lines of what is damaged."""
    assert main(["check", str(folder)]) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    return [line for line in told.out.splitlines() if not line.endswith(": ok")].pop()


@pytest.mark.slow
def test_check_finds_what_is_damaged(whole, run, capsys):
    assert main(["check", str(whole)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "checkpoints/30: ok" in told
    assert [line for line in told if line.startswith("best/")]
    damage(run / "checkpoints" / "20")
    assert refused_check(capsys, run).startswith("checkpoints/20: damaged (")
    shutil.rmtree(run / "checkpoints" / "20")
    (run / "environment.json").write_text("[]")
    assert refused_check(capsys, run).startswith("environment.json: damaged (")
    (run / "environment.json").write_text("{}")
    append_json_line(run / "training_metrics.jsonl", {"step": 5})
    assert "its steps are out of order" in refused_check(capsys, run)
    (run / "training_metrics.jsonl").write_text(json.dumps({"step": 5}))
    assert "has a torn line" in refused_check(capsys, run)


STYLED = """
from gan_jax import *

size = {"width": 4, "max_width": 4, "depth": 1, "mapping_depth": 1}
adam = AdamConfig(learning_rate=Cosine(first=1e-2, last=1e-3, images=100), b2=Cosine(first=0.9, last=0.99, images=100))
experiment = Experiment(
    gan=GAN(
        generator=GeneratorConfig("stylegan2", latent=4, **size),
        critic=CriticConfig("stylegan2", set_size=2, **size),
        penalty=PenaltyConfig("r1", weight=Cosine(first=1.0, last=0.1, images=100), every=2),
        constraint="spectral_normalization",
        generator_constraint="spectral_normalization",
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=1,
        ema_decay=HalfLife(images=Cosine(first=64.0, last=8.0, images=100)),
        augment=AugmentConfig(("translation", "ada_color"), strength=0.5, target=0.2, images=640),
        style_mixing=0.9,
        path_length=PathLengthConfig(weight=2.0, every=2),
    ),
    batch_size=8, log_every=3, checkpoint_every=3,
)
"""


@pytest.mark.slow
def test_strength_path_mean_vectors_and_schedules_go_on_bit_for_bit(tmp_path):
    file, states = tmp_path / "styled.py", {}
    file.write_text(STYLED)
    # Twelve steps hold three changes of the strength, up or down as the signs say: an odd number does not cancel.
    for name, stops in {"whole": ("12",), "in parts": ("5", "12")}.items():
        for stop in stops:
            resume = ["--resume"] if (tmp_path / name).exists() else []
            assert main(["train", str(file), "--workdir", str(tmp_path / name), "--steps", stop, *resume]) == 0
        states[name] = runs.load(tmp_path / name).state
    chex.assert_trees_all_equal(states["whole"], states["in parts"])
    one, other = (digests(Checkpoint(12, state, {})) for state in states.values())
    assert one == other
    state = states["whole"]
    assert float(state.path_length) > 0
    assert float(state.critic.augment.strength) != 0.5
    metrics = [lines(tmp_path / name / "training_metrics.jsonl") for name in states]
    assert metrics[0] == [line for line in metrics[1] if line["step"] != 5]  # where that training ended
