"""Sweeps: every combination trained once, gone on with, and compared over their seeds."""

import csv
import json

import pytest
from conftest import TINY_EXPERIMENT

from gan_jax.cli import main
from gan_jax.commands import sweep as command
from gan_jax.figures.comparison import letter

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected

QUICK = ["--scores", "frechet", "precision_recall", "--features", "pixels", "--n", "50", "--seeds", "1"]


@pytest.fixture
def experiment(tmp_path):
    file = tmp_path / "tiny.py"
    file.write_text(TINY_EXPERIMENT)
    return str(file)


@pytest.fixture
def here(monkeypatch):
    """Runs in this process, and how often each was trained."""
    trained = []

    def run(name, cell, gpu):
        settings = [word for setting, value in cell.values.items() for word in (f"--{setting}", value)]
        again = ["--resume"] if cell.folder.is_run() else []
        trained.append((cell.folder.path.name, gpu))
        return main(["train", name, "--workdir", str(cell.folder.path), *settings, *again])

    monkeypatch.setattr(command, "_run", run)
    return trained


@pytest.mark.slow
def test_combinations_are_trained_once_and_compared_over_seeds(experiment, here, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "sweep"
    words = ["sweep", experiment, "--workdir", str(folder), "--gan.penalty.name", "wgan_gp,r1", "--seed", "0", "1"]
    assert main(words) == 0
    assert sorted(name for name, _ in here) == [
        f"gan.penalty.name={penalty}__seed={seed}" for penalty in ("r1", "wgan_gp") for seed in (0, 1)
    ]
    assert f"next: gan-jax compare {folder} --by gan.penalty.name" in capsys.readouterr().out
    assert main(words) == 0
    assert len(here) == 4
    assert "4 done already" in capsys.readouterr().out
    assert main([*words, "--steps", "3"]) == 0  # goes on with all
    assert len(here) == 8

    out = tmp_path / "penalties.png"
    assert main(["compare", str(folder), "--by", "gan.penalty", "--out", str(out), *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "gan.penalty r1: spread over 2 runs" in printed
    by, one = json.loads(out.with_suffix(".json").read_text()), []
    for penalty in ("r1", "wgan_gp"):
        for seed in (0, 1):
            run = folder / f"gan.penalty.name={penalty}__seed={seed}"
            assert main(["evaluate", str(run), *QUICK]) == 0
            one.append(json.loads((run / "evaluation.json").read_text())["scores"]["frechet"]["mean"])
    assert by[0]["samples"] == "r1"
    assert by[0]["scores"]["frechet"]["values"] == one[:2]
    assert by[1]["scores"]["frechet"]["values"] == one[2:]
    rows = list(csv.DictReader(out.with_suffix(".csv").open()))
    assert [row["count"] for row in rows] == ["2", "2"]
    assert float(rows[0]["frechet"]) == pytest.approx(sum(one[:2]) / 2)
    latex = out.with_suffix(".tex").read_text()
    assert r"wgan\_gp & $" in latex
    assert latex.count(r"\\") == 4

    # More than three are rows, whole at 80 columns.
    capsys.readouterr()
    assert main(["compare", str(folder), "--out", str(out), *QUICK]) == 0
    printed = capsys.readouterr().out
    assert f"D  {folder / 'gan.penalty.name=wgan_gp__seed=1'}" in printed
    table = printed[printed.index("┃") :]
    assert "…" not in table
    assert "..." not in table


@pytest.mark.slow
def test_each_gpu_has_one_run_at_a_time(experiment, here, tmp_path):
    words = ["--workdir", str(tmp_path / "sweep"), "--seed", "0,1", "--gpus", "3"]
    assert main(["sweep", experiment, *words]) == 0
    assert [gpu for _, gpu in here] == ["3", "3"]


@pytest.mark.slow
def test_a_run_is_a_process_of_its_own_and_a_failure_is_told(experiment, tmp_path, capsys):
    """A file that fails once it is trained, though it can be read."""
    assert (
        main(["sweep", experiment, "--workdir", str(tmp_path / "s"), "--seed", "0,1", "--data.source", "no.npz"]) == 1
    )
    printed = capsys.readouterr().out
    assert printed.count("failed: ") == 2
    assert "no.npz" in (tmp_path / "s" / "seed=0.log").read_text()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ([], "nothing varies; give a setting several values"),
        (["--seed", "1,1"], "--seed: 1,1 names a value twice"),
        (["--seed", "1,-1"], "--seed: "),
        (["--gan.penalty.name", "r1,r3"], "--gan.penalty.name: "),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_trained(experiment, words, match, tmp_path, capsys):
    assert main(["sweep", experiment, "--workdir", str(tmp_path / "s"), *words]) == 2
    assert match in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_runs_are_joined_by_a_setting_they_have(experiment, here, tmp_path, capsys):
    folder = tmp_path / "sweep"
    assert main(["sweep", experiment, "--workdir", str(folder), "--seed", "0,1"]) == 0
    assert main(["compare", str(folder), "--by", "gan.penlty.name", *QUICK]) == 2
    assert "has no setting gan.penlty.name; did you mean gan.penalty.name?" in capsys.readouterr().err


def test_letters_go_on_after_z():
    assert [letter(place) for place in (0, 25, 26, 51, 52)] == ["A", "Z", "AA", "AZ", "BA"]
