"""The options of scores: each takes effect, or is refused in one line."""

import json
import shutil

import numpy as np
import pytest

from gan_jax.cli import main
from gan_jax.evaluation import reference
from gan_jax.files import read_json

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected

FRECHET = ["--features", "pixels", "--scores", "frechet"]


@pytest.fixture
def run(tiny_run, tmp_path):
    shutil.copytree(tiny_run, tmp_path / "run")
    return tmp_path / "run"


def fails(capsys, *arguments):
    """The one line that a command with bad input prints, which it ends on with code 2."""
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gan-jax: ")
    assert error.count("\n") == 1
    return error


def stored(run):
    evaluation = json.loads((run / "evaluation.json").read_text())
    protocol = evaluation["protocol"]
    return [protocol[name] for name in ("split", "n_real", "n_fake", "seed")] + [evaluation["seeds"]]


@pytest.mark.slow
def test_a_report_shows_what_its_options_ask_for(run):
    """A run that was scored otherwise is scored anew; without options its scores stay."""
    assert main(["evaluate", str(run), *FRECHET, "--n", "12"]) == 0
    assert stored(run) == ["held_out", 12, 12, 0, [0, 1, 2]]
    for options, expected in (
        ([], ["held_out", 12, 12, 0, [0, 1, 2]]),
        ([*FRECHET, "--n", "12", "--seeds", "2"], ["held_out", 12, 12, 0, [0, 1]]),
        ([*FRECHET, "--n", "12", "--split", "train", "--seed", "5"], ["train", 12, 12, 5, [5, 6, 7]]),
        ([*FRECHET, "--n-real", "14", "--n-fake", "11"], ["held_out", 14, 11, 0, [0, 1, 2]]),
        ([], ["held_out", 14, 11, 0, [0, 1, 2]]),
    ):
        assert main(["report", str(run), *options]) == 0
        assert stored(run) == expected, options
        assert f"<dt>seeds</dt><dd>{', '.join(map(str, expected[-1]))}</dd>" in (run / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "option",
    ["--split held_out", "--seed 0", "--seeds 3", "--data-dir nowhere", "--n-real 12", "--n-fake 12"],
)
def test_every_option_of_scores_scores_anew(run, monkeypatch, option):
    evaluation = {"scores": {}, "step": 2}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    monkeypatch.setattr("gan_jax.commands.report.score_one", lambda *arguments: ({"scores": {}, "anew": True}, None))
    assert main(["report", str(run)]) == 0
    assert read_json(run / "evaluation.json") == evaluation
    assert main(["report", str(run), *option.split()]) == 0
    assert read_json(run / "evaluation.json")["anew"]


@pytest.mark.slow
def test_more_samples_than_real_ones_are_scored(run, tmp_path, capsys):
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (400, 8, 8), np.uint8))
    command = ["compare", str(tmp_path / "a.npz"), str(run), "--out", str(tmp_path / "a.png"), *FRECHET]
    assert "--n: 370 is not between 10 and 360" in fails(capsys, *command, "--n", "370")
    assert main([*command, "--n-fake", "400"]) == 0
    for found in read_json(tmp_path / "a.json"):
        assert (found["protocol"]["n_real"], found["protocol"]["n_fake"]) == (360, 400)
    assert "400 samples against 360 held out of digits (baseline: 400 real)" in " ".join(
        capsys.readouterr().out.split()
    )
    assert "--n-fake: " in fails(capsys, *command, "--n-fake", "401")


@pytest.mark.slow
def test_samples_are_scored_against_statistics(run, tmp_path, capsys):
    mean, covariance = np.full(64, 0.5), np.eye(64)
    np.savez(tmp_path / "real.npz", mu=mean, sigma=covariance)
    np.savez(tmp_path / "a.npz", images=np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8))
    against = ["--statistics", str(tmp_path / "real.npz")]
    assert main(["evaluate", str(tmp_path / "a.npz"), *against, "--features", "pixels", "--n", "20"]) == 0
    found = read_json(tmp_path / "a.evaluation.json")
    assert found["protocol"]["data"] == str(tmp_path / "real.npz")
    assert len(found["scores"]["frechet"]["values"]) == 2
    text = (tmp_path / "a.evaluation.json").read_text()
    strict = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert strict["scores"]["frechet"]["baseline"] == "NaN"
    assert "real data" not in capsys.readouterr().out
    assert main(["report", str(run), *against, *FRECHET, "--n", "20"]) == 0
    assert main(["compare", str(run), str(tmp_path / "a.npz"), *against, *FRECHET, "--out", str(run / "a.png")]) == 0
    for options, message in (
        (["--data", "digits"], "--data: statistics take the place of real data; leave it out"),
        (["--split", "held_out"], "--split: statistics take the place"),
        (["--n-real", "20"], "--n-real: statistics take the place"),
        (["--scores", "frechet", "kernel"], "--scores: kernel needs real data, of which there are but statistics"),
        (["--features", "digits", "--n", "9"], "--n-fake: 9 samples are too few"),
    ):
        assert message in fails(capsys, "evaluate", run, *against, *options)


@pytest.mark.slow
def test_scores_of_the_best_checkpoint_say_what_chose_it(run, capsys):
    told = "the checkpoint was chosen by frechet on the same held-out data"
    assert main(["evaluate", str(run), "--best", *FRECHET, "--n", "12"]) == 0
    assert told in capsys.readouterr().out
    assert read_json(run / "evaluation.json")["chosen_by"] == "frechet on the same held-out data"
    for options in (["--split", "train", "--best"], []):
        assert main(["evaluate", str(run), *options, *FRECHET, "--n", "12"]) == 0
        assert "chosen by" not in capsys.readouterr().out
        assert "chosen_by" not in read_json(run / "evaluation.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--n 1e400", "--n: input should be a valid integer"),
        ("--n 99999999999", "--n: input should be less than 2147483648"),
        ("--n -5", "--n: input should be greater than 0"),
        ("--n 3", "--n: 3 is not between 10 and 360"),
        ("--n-fake 0", "--n-fake: input should be greater than 0"),
        ("--n-fake 9", "--n-fake: 9 samples are too few"),
        ("--n-real 361", "--n-real: 361 is not between 10 and 360"),
        ("--seeds 0", "--seeds: input should be greater than 0"),
        ("--seeds -1", "--seeds: input should be greater than 0"),
        ("--seeds 2000000000", "--seeds: input should be less than or equal to 1000"),
        ("--seed -1", "--seed: input should be greater than or equal to 0"),
        ("--seed 4294967295", "--seed: 4294967295 and the next 2 must be below 4294967296"),
        ("--data=", "--data: is empty"),
        ("--weights=", "--weights: "),
        ("--out=", "--out: "),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "compare", "report"])
def test_odd_options_are_one_line(run, capsys, command, options, message):
    assert message in fails(capsys, command, run, *options.split(), "--features", "pixels")


def test_an_output_that_is_a_folder_is_told_before_anything_is_scored(run, capsys, monkeypatch):
    monkeypatch.setattr("gan_jax.commands.evaluate.score_one", reference)  # would raise
    assert "is a folder; give a file" in fails(capsys, "evaluate", run, "--out", run)
