"""ControlNet, CLIP, prior and decoder through training and commands: killed and resumed, they are the same runs."""

import json
import shutil

import jax
import numpy as np
import pytest
from tiny_data import captioned, hinted

from gan_jax import (
    AdamConfig,
    Clip,
    ClipNetworkConfig,
    Control,
    DenoiserConfig,
    Diffusion,
    Experiment,
    Prior,
    Unclip,
    load,
    train,
)
from gan_jax.cli import main
from gan_jax.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
OF = {"batch_size": 8, "log_every": 1, "sample_every": 4, "checkpoint_every": 2}
UNET = DenoiserConfig(name="unet", features=(8, 8), blocks=1, attention=())
MLP = DenoiserConfig(name="mlp", width=8, depth=1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each, of two iterations, on those below it."""
    folder = tmp_path_factory.mktemp("runs")
    experiments = {
        "base": Experiment(data=hinted, diffusion=Diffusion(network=UNET, steps=2), steps=2, **OF),
        "control": Experiment(data=hinted, control=Control(str(folder / "base"), widths=(4, 4)), steps=2, **OF),
        "clip": Experiment(
            data=captioned,
            clip=Clip(
                network=ClipNetworkConfig(width=8, depth=1, heads=2, patch=2, embedding=4),
                prompts=("a dark one", "a dark two"),
                optimizer=AdamConfig(learning_rate=1e-3),
            ),
            steps=2,
            **OF,
        ),
        "prior": Experiment(
            data=captioned, prior=Prior(str(folder / "clip"), width=8, depth=1, heads=2), steps=2, **OF
        ),
        "unclip": Experiment(
            data=captioned,
            unclip=Unclip(str(folder / "clip"), str(folder / "prior"), network=MLP, steps=2),
            steps=2,
            **OF,
        ),
    }
    for name, experiment in experiments.items():
        train(experiment, folder / name)
    return folder, experiments


@pytest.mark.slow
@pytest.mark.parametrize("name", ["control", "clip", "prior", "unclip"])
def test_a_run_that_stopped_goes_on_bit_for_bit(runs, tmp_path, name):
    from dataclasses import replace

    folder, experiments = runs
    longer = replace(experiments[name], steps=4)
    whole = train(longer, tmp_path / "whole")
    again = train(longer, shutil.copytree(folder / name, tmp_path / "again"))
    jax.tree.map(np.testing.assert_array_equal, again.state, whole.state)


@pytest.mark.slow
def test_prompts_and_hints_are_drawn_of_by_the_command(runs, tmp_path, capsys):
    from PIL import Image

    folder, _ = runs
    assert (
        main(["sample", str(folder / "unclip"), "--n", "3", "--prompt", "a dark one", "--prompt", "a light two"]) == 0
    )
    with np.load(folder / "unclip" / "samples.npz") as file:
        assert file["images"].shape == (3, 4, 4, 1)
        assert file["captions"].tolist() == ["a dark one", "a light two", "a dark one"]
    Image.new("L", (4, 4), 255).save(tmp_path / "hint.png")
    assert main(["sample", str(folder / "control"), "--n", "2", "--hint", str(tmp_path / "hint.png")]) == 0
    capsys.readouterr()
    assert main(["sample", str(folder / "unclip"), "--prompt", "a cat"]) == 2
    assert "--prompt: 'cat' is no word of the captions" in capsys.readouterr().err
    assert main(["sample", str(folder / "clip")]) == 2
    assert "cannot sample" in capsys.readouterr().err


@pytest.mark.slow
def test_clip_is_measured_by_evaluate_and_reported(runs, capsys):
    folder, _ = runs
    assert main(["evaluate", str(folder / "clip")]) == 0
    found = json.loads((folder / "clip" / "evaluation.json").read_text())
    assert 0 <= found["diagnostics"]["held_out"]["zero_shot"]["mean"] <= 1
    assert "zero shot" in capsys.readouterr().out
    assert main(["report", str(folder / "clip")]) == 0


@pytest.mark.slow
def test_the_hash_of_what_it_rests_on_is_in_the_run(runs, tmp_path):
    folder, experiments = runs
    settings = json.loads((folder / "unclip" / "experiment.json").read_text())["settings"]["unclip"]
    assert len(settings["clip_sha256"]) == len(settings["prior_sha256"]) == 64
    copy = shutil.copytree(folder, tmp_path / "copy")
    described = json.loads((copy / "prior" / "experiment.json").read_text())
    described["settings"]["prior"]["clip_sha256"] = "0" * 64
    (copy / "prior" / "experiment.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="has been trained on since"):
        load(copy / "prior", experiment=experiments["prior"])
