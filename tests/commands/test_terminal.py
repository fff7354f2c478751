"""Commands on terminals that lack characters, and into pipes that nobody reads."""

import io
import os
import shutil
import sys

import numpy as np
import pytest

from gan_jax.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected

QUICK = ["--features", "pixels", "--scores", "precision_recall", "--n", "12"]


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    """A run whose name few terminals can print."""
    folder = tmp_path_factory.mktemp("runs") / "läuft±"
    shutil.copytree(tiny_run, folder)
    shutil.copy(tiny_run / "source" / "tiny.py", folder.with_name("tiny.py"))
    return folder


def commands(run, out):
    yield ["train", str(run.with_name("tiny.py")), "--workdir", str(out / "näxt")]
    yield ["sample", str(run), "--n", "3", "--grid", "--out", str(out / "ä.npz")]
    yield ["evaluate", str(run), *QUICK, "--out", str(out / "ä.json")]
    yield ["compare", str(run), str(run), *QUICK, "--out", str(out / "ä.png")]
    yield ["report", str(run), *QUICK, "--out", str(out / "ä.html")]
    yield ["--help"]


def printed(monkeypatch, encoding, command):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(command) == 0
    return stream.buffer.getvalue().decode(encoding)


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoding", ["ascii", *(pytest.param(name, marks=pytest.mark.slow) for name in ("cp1252", "cp437"))]
)
def test_every_command_prints_to_every_terminal(run, tmp_path, monkeypatch, encoding):
    for command in commands(run, tmp_path):
        assert printed(monkeypatch, encoding, command)


@pytest.mark.slow
def test_a_spread_is_told_from_a_number_on_every_terminal(run, tmp_path, monkeypatch):
    command = ["evaluate", str(run), *QUICK, "--out", str(tmp_path / "a.json")]
    for encoding, sign in {"ascii": " +- ", "cp437": " ± ", "utf-8": " ± "}.items():
        assert sign in printed(monkeypatch, encoding, command)


@pytest.mark.slow
def test_a_closed_pipe_stops_no_command(run, tmp_path, monkeypatch, capfd):
    for i, command in enumerate(commands(run, tmp_path)):
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w", buffering=-1 if i % 2 else 1) as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert main(command) == 0
    assert capfd.readouterr().err == ""
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"näxt", "ä.npz", "ä.png", "ä.json", "ä.csv", "ä.tex", "ä.html"}
    assert (tmp_path / "näxt" / "checkpoints" / "2").is_dir()


@pytest.mark.parametrize("samples", [{"images": (20, 8, 8)}, {"points": (15, 2)}], ids=lambda x: next(iter(x)))
def test_few_samples_are_compared(tmp_path, capsys, samples):
    """Fewer than a figure would show of many."""
    [(name, shape)] = samples.items()
    drawn = np.random.default_rng(0).integers(0, 255, shape)
    np.savez(tmp_path / "a.npz", **{name: drawn.astype(np.uint8) if name == "images" else drawn / 255})
    data = "digits" if name == "images" else "8gaussians"
    options = ["--data", data, "--scores", "precision_recall", "--out", str(tmp_path / "a.png")]
    options += ["--features", "pixels"] if name == "images" else []
    assert main(["compare", str(tmp_path / "a.npz"), *options]) == 0
    assert (tmp_path / "a.json").exists()
    assert f"sets of {tmp_path / 'a.npz'}: 1; for a spread over 3, give more" in capsys.readouterr().out
