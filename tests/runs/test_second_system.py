"""A system that no module of the package names goes through every command, from an experiment file alone."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import gan_jax
from gan_jax.cli import main
from gan_jax.errors import InputError

EXPERIMENT = """
from moments import Moments

from gan_jax import Experiment

experiment = Experiment(
    data="8gaussians", system=Moments(learning_rate=0.02), batch_size=32,
    steps=20, log_every=10, sample_every=10, checkpoint_every=10,
)
"""

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


@pytest.mark.slow
def test_it_goes_through_every_command(tmp_path, capsys):
    shutil.copy(Path(__file__).parent.parent / "moments.py", tmp_path)
    file, run = tmp_path / "fit.py", tmp_path / "run"
    file.write_text(EXPERIMENT)
    watched = ["--evaluation.every", "10", "--evaluation.n", "50"]
    options = ["--workdir", str(run), "--system.learning_rate", "0.1", *watched]
    assert main(["train", str(file), *options, "--steps", "10"]) == 0
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 10/\d+ \d+ % .* images/s: nll ", capsys.readouterr().out, re.M)
    assert main(["train", str(file), *options, "--resume"]) == 0
    assert main(["train", str(file), *options, "--resume", "--system.learning_rate", "0.2"]) == 2
    assert "system.learning_rate: 0.1 became 0.2" in capsys.readouterr().err

    whole = tmp_path / "whole"
    assert main(["train", str(file), *options, "--workdir", str(whole)]) == 0
    for folder in (run, whole):
        assert main(["sample", str(folder), "--n", "40", "--seed", "3"]) == 0
    assert (run / "samples.npz").read_bytes() == (whole / "samples.npz").read_bytes()
    assert np.load(run / "samples.npz")["points"].shape == (40, 2)

    assert main(["evaluate", str(run), "--n", "50", "--scores", "frechet"]) == 0
    assert " nll " in capsys.readouterr().out
    assert json.loads((run / "evaluation.json").read_text())["diagnostics"]["train"]["nll"]["mean"] > 0
    lines = [json.loads(line) for line in (run / "evaluation_history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20]
    assert {"frechet", "nll_gap"} <= lines[0].keys()
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    assert "Negative log-likelihood" in page
    assert "Moments" in page
    assert "ritic" not in page

    with pytest.raises(SystemExit):
        main(["train", str(file), "--help"])
    printed = capsys.readouterr().out
    assert "system.  learning-rate=" in printed
    assert "gan." not in printed


@pytest.mark.slow
def test_a_program_opens_the_run_of_its_own_system(tmp_path):
    from moments import Moments

    experiment = gan_jax.Experiment(data="8gaussians", system=Moments(), batch_size=8, steps=2)
    run = gan_jax.train(experiment, tmp_path / "run")
    again = gan_jax.load(tmp_path / "run")
    np.testing.assert_array_equal(run.sample(5), again.sample(5))
    with pytest.raises(InputError, match=r"8gaussians · Moments makes no samples of given latents; draw some by run\."):
        run.generate(np.zeros((1, 2), np.float32))
