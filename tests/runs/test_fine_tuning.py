"""A run begins with another's weights: averages where there are some, and nothing but weights."""

import json

import jax
import numpy as np
import pytest

from gan_jax.cli import main
from gan_jax.runs import load
from gan_jax.runs.opening import state_shapes
from gan_jax.training import checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


@pytest.mark.slow
def test_a_run_begins_with_the_averages_of_another_and_says_so(tiny_run, tmp_path, capsys):
    folder = tmp_path / "tuned"
    options = ["--steps", "1", "--seed", "7", "--evaluation.every", "null", "--workdir", str(folder)]
    experiment = str(tiny_run / "experiment.json")
    assert main(["train", experiment, *options, "--init-from", str(tiny_run)]) == 0
    assert f"begins with the weights of {tiny_run}, iteration 2" in " ".join(capsys.readouterr().out.split())
    begun_with = {"run": str(tiny_run), "step": 2}
    assert json.loads((folder / "experiment.json").read_text())["begun_with"] == begun_with

    before, tuned = load(tiny_run), load(folder)
    with checkpoint.manager(tuned.folder.checkpoints, create=False) as checkpoints:
        first = checkpoint.restore(checkpoints, state_shapes(tuned), 0).state
    pairs = [
        (before.state.generator_ema, first.generator),
        (before.state.generator_ema, first.generator_ema),
        (before.state.critic.params, first.critic.params),
    ]
    for expected, found in pairs:
        jax.tree.map(np.testing.assert_array_equal, expected, found)
    moments = [leaf for leaf in jax.tree.leaves(first.generator_optimizer) if leaf.ndim]
    assert all((leaf == 0).all() for leaf in moments)
    assert int(first.step) == 0

    # What goes on needs no other run, and remembers it.
    moved = tmp_path / "moved"
    tiny = json.loads((folder / "experiment.json").read_text())
    tiny["settings"]["init_from"] = str(moved)
    (folder / "experiment.json").write_text(json.dumps(tiny))
    assert main(["train", str(folder), "--resume", "--steps", "2"]) == 0
    assert json.loads((folder / "experiment.json").read_text())["begun_with"] == begun_with


def test_networks_that_differ_are_one_line_that_names_a_parameter(tiny_run, tmp_path, capsys):
    experiment, run = str(tiny_run / "experiment.json"), str(tiny_run)
    wrong = [
        (
            ["--init-from", run, "--gan.critic.width", "9"],
            " is float32 (8, 1) there, and float32 (9, 1) here",
        ),
        (["--init-from", run, "--gan.generator.depth", "2"], "is missing there, and float32"),
        (["--init-from", str(tmp_path / "none")], "none: is not a run folder, it has no experiment.json"),
    ]
    for options, message in wrong:
        assert main(["train", experiment, "--workdir", str(tmp_path / "run"), *options]) == 2
        error = capsys.readouterr().err
        assert error.startswith("gan-jax: --init-from: ")
        assert message in error
        assert error.count("\n") == 1
        assert not (tmp_path / "run").exists()
