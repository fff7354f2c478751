"""Processes that train together: what one alone would, and what becomes of the others when one is told to stop or dies.

The slow tests start real ones, which meet on this machine's loopback.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import gan_jax
from gan_jax.data import ArraySource, resident, streamed
from gan_jax.data.pipeline import Share, step_keys
from gan_jax.errors import InputError
from gan_jax.runs import load
from gan_jax.training import hosts, stderr_filter
from gan_jax.training.devices import data_parallel

EXPERIMENT = """
from gan_jax import GAN, CriticConfig, EvaluationConfig, Experiment, GeneratorConfig

experiment = Experiment(
    gan=GAN(generator=GeneratorConfig(width=64, depth=1, latent=4), critic=CriticConfig(width=64, depth=1)),
    batch_size=16, steps=100, log_every=10, checkpoint_every=10, sample_every=50,
    evaluation=EvaluationConfig(every=50, n=12, features="pixels"),
)
"""
KEY = jax.random.key(0)
SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "a,b",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NTASKS": "2",
}


@pytest.mark.parametrize(
    ("env", "count"),
    [
        ({}, 1),
        (SLURM, 2),
        (SLURM | {"SLURM_STEP_NUM_TASKS": "1"}, 1),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "2"}, 1),
        ({"OMPI_MCA_orte_hnp_uri": "1.0;tcp://10.0.0.1:1", "OMPI_COMM_WORLD_SIZE": "3"}, 3),
    ],
)
def test_processes_that_a_launcher_started_are_found(env, count, monkeypatch):
    for name in (*SLURM, "SLURM_STEP_NUM_TASKS", "OMPI_MCA_orte_hnp_uri", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert hosts.launched() == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("a:1", 2, None), "process: --coordinator, --processes and --process go together; give all three"),
        (("a", 2, 0), "coordinator: a is not HOST:PORT; write as in 10.0.0.1:4711"),
        (("a:1", 2, 2), "process: 2 is none of 2; give 0 to 1"),
        (("a:1", 2, -1), "process: -1 is none of 2; give 0 to 1"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(InputError) as error:
        hosts.connect(*options)
    assert str(error.value) == message


@pytest.mark.slow
def test_several_processes_need_one_folder(tmp_path):
    process = start(
        tmp_path / "never", ["--coordinator", "127.0.0.1:1", "--processes", "2", "--process", "0"], named=False
    )
    assert end(process) == (2, "", "gan-jax: --workdir: several processes write one folder; give it to all of them\n")


def test_a_lost_host_is_one_line():
    def filtered(text):
        command = [sys.executable, "-I", stderr_filter.__file__, "one line"]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stderr

    assert filtered("E0926 is no log\nplain\n") == "E0926 is no log\nplain\n"
    page = (
        "F1126 21:02:41.028539   30331 client.h:80] Terminating process because the JAX distributed service detected "
    )
    assert (
        filtered(f"before\n{page}fatal errors.\n*** Check failure stack trace: ***\n    @ 0x7f\n")
        == "before\none line\n"
    )
    assert filtered(f"{stderr_filter.LOST}{stderr_filter.LOST}") == "one line\n"
    gloo = "terminate called after throwing an instance of 'gloo::EnforceNotMet'\n  what():  [enforce fail at"
    assert filtered(f"{gloo} external/gloo/...] 128 vs 4. Received data size doesn't match\n") == "one line\n"


@pytest.mark.slow
def test_hosts_read_disjoint_parts_which_make_the_batch():
    """Two batches of an iteration, of each of which two hosts read halves."""
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    source = ArraySource({"sample": images, "label": np.arange(50, dtype=np.int32)})
    whole = resident(source, size=8)
    batch_key, _ = step_keys(KEY, 3)
    expected = whole.batch(whole.fetch(3, 4), batch_key, 3)["label"].reshape(2, 4)
    for mine in ([0, 1], [2, 3]):
        part = streamed(source, KEY, size=8, max_iterations=2, share=Share(4, np.array(mine), jax.numpy.asarray))
        labels = part.fetch(3, 4)["batches"]["label"]
        assert labels.shape == (2, 2, 2)
        np.testing.assert_array_equal(labels[0], expected[:, mine])
        part.close()


def test_a_shared_batch_is_the_whole_one():
    source = ArraySource({"sample": np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)})
    parallel = data_parallel(8)
    options = {"size": 48, "dequantization": 0.1, "max_iterations": 2, "replicate": parallel.replicate}
    batch_key, _ = step_keys(KEY, 3)
    batches = []
    for share in (None, parallel.share(16)):
        pipeline = streamed(source, KEY, **options, share=share)
        arrays = pipeline.fetch(3, 4)
        batches.append(jax.jit(pipeline.batch)(arrays, batch_key, np.int32(3))["sample"])
        pipeline.close()
    shards = {shard.data.shape for shard in arrays["batches"]["sample"].addressable_shards}
    assert shards == {(2, 3, 2, 2)}
    np.testing.assert_array_equal(*batches)


def start(folder, options, *, named=True):
    """A `gan-jax train` of its own."""
    file = folder.parent / "tiny.py"
    file.write_text(EXPERIMENT)
    workdir = ["--workdir", str(folder)] if named else []
    command = [sys.executable, "-m", "gan_jax.cli", "train", str(file), *workdir, *options]
    root = Path(gan_jax.__file__).parents[1]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, **pipes)


def start_two(folder, *options):
    """Two of four devices each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    together = ["--devices", "8", "--coordinator", coordinator, "--processes", "2"]
    return [start(folder, [*together, "--process", str(i), *options]) for i in range(2)]


def end(process):
    """Exit code, standard output without what Gloo says, standard error; five minutes are too long."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    lines = [line for line in out.splitlines(True) if not re.search(r"\[Gloo\]|peer ranks|^\s*\d*\s*$", line)]
    return process.returncode, "".join(lines), err


def train(folder, *options):
    code, out, err = end(start(folder, [*options]))
    assert code == 0, out + err
    return folder


def train_two(folder, *options):
    results = [end(process) for process in start_two(folder, *options)]
    assert [code for code, *_ in results] == [0, 0], results
    return results


def wait_for_checkpoint(folder, step, processes):
    deadline = time.monotonic() + 300
    while not (folder / "checkpoints" / str(step)).exists():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes), [end(process) for process in processes]
        time.sleep(0.05)


def assert_same(folder, other):
    """The samples of two runs' last states, and of their best."""
    for best in (False, True):
        runs = [load(path, best=best) for path in (folder, other)]
        assert runs[0].step == runs[1].step
        first, second = (run.system.sample(run.state, KEY, 100) for run in runs)
        np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """One process of eight devices."""
    return train(tmp_path_factory.mktemp("one") / "run", "--devices", "8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [["--data.resident", "yes"], ["--data.resident", "no"], ["--data.resident", "no", "--shard", "state"]]
)
def test_two_processes_are_one(undisturbed, options, tmp_path):
    first, second = train_two(tmp_path / "run", *options)
    assert "run folder:" in first[1]
    assert second[1:] == ("", "")
    assert_same(tmp_path / "run", undisturbed)
    for file in ("training_metrics.jsonl", "evaluation_history.jsonl"):
        assert len((tmp_path / "run" / file).read_text().splitlines()) == len(
            (undisturbed / file).read_text().splitlines()
        )


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other_and_one_goes_on(undisturbed, victim, tmp_path):
    folder = tmp_path / "run"
    processes = start_two(folder)
    wait_for_checkpoint(folder, 10, processes)
    processes[victim].kill()
    killed = time.monotonic()
    code, _, err = end(processes[1 - victim])
    assert time.monotonic() - killed < 60
    assert code not in (0, 130)
    assert err.count("\n") == 1
    assert err.startswith("gan-jax: another process has ended; go on from the last checkpoint: gan-jax train ")
    assert f"gan-jax train {folder} --resume " in err.splitlines()[-1]
    end(processes[victim])
    train(folder, "--devices", "4", "--resume")
    assert_same(folder, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("told", [0, 1])
def test_a_stop_request_to_one_stops_both(undisturbed, told, tmp_path):
    folder = tmp_path / "run"
    processes = start_two(folder)
    wait_for_checkpoint(folder, 10, processes)
    processes[told].send_signal(signal.SIGTERM)
    for code, out, err in map(end, processes):
        assert (code, err) == (130, "")
        assert " of 100 iterations and saved; go on with\n  gan-jax train " in out
        assert f"gan-jax train {folder} --resume " in out.splitlines()[-1]
    train_two(folder, "--resume")
    assert_same(folder, undisturbed)


@pytest.mark.slow
def test_two_go_on_with_what_one_began(undisturbed, tmp_path):
    folder = train(tmp_path / "run", "--devices", "2", "--steps", "50")
    train_two(folder, "--resume", "--shard", "state")
    assert_same(folder, undisturbed)


@pytest.mark.slow
def test_devices_that_processes_cannot_share(tmp_path):
    for code, _, err in map(end, start_two(tmp_path / "run", "--devices", "7")):
        assert (code, err) == (2, "gan-jax: --devices: 7 is no multiple of the 2 processes\n")
