"""Families side by side: trained for as long, measured in all they can be asked, resumed, refused."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gan_jax import GAN, AdamConfig, Cosine, Experiment
from gan_jax.cli import main
from gan_jax.commands import families as command_module
from gan_jax.evaluation import reference
from gan_jax.runs import families
from gan_jax.runs.families import lasting

GAN_FILE = """
from gan_jax import GAN, CriticConfig, Experiment, GeneratorConfig

experiment = Experiment(
    data="8gaussians",
    gan=GAN(
        generator=GeneratorConfig(width=8, depth=1, latent=2), critic=CriticConfig(width=8, depth=1), critic_steps=1
    ),
    batch_size=32, steps=4,
)
"""
DIFFUSION_FILE = """
from gan_jax import DenoiserConfig, Diffusion, Experiment

experiment = Experiment(
    data="8gaussians", diffusion=Diffusion(network=DenoiserConfig(width=8, depth=1), steps=4), batch_size=32, steps=4,
)
"""

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


@pytest.fixture
def files(tmp_path):
    for name, text in (("a_gan", GAN_FILE), ("a_diffusion", DIFFUSION_FILE)):
        (tmp_path / f"{name}.py").write_text(text)
    return [str(tmp_path / "a_gan.py"), str(tmp_path / "a_diffusion.py")]


@pytest.mark.slow
def test_each_is_trained_measured_and_kept(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command_module, "reference", partial(reference, n=200))
    for file in map(Path, files):  # memorization is looked for among all training samples
        text = file.read_text().replace("import ", "import DataConfig, ", 1)
        file.write_text(text.replace('"8gaussians"', 'DataConfig("8gaussians", fraction=0.01)'))
    for count in ("_LIKELY", "_INVERTED", "_LATENTS", "_TIMED"):
        monkeypatch.setattr(families, count, 10)
    monkeypatch.setattr(families, "_PAIRED", 100)
    command = ["families", *files, "--workdir", str(tmp_path / "out"), "--images", "128", "--seeds", "1"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "exact transport" in printed
    found = json.loads((tmp_path / "out" / "families.json").read_text())
    gan, diffusion = (found["rows"][f"{name}/0"] for name in ("a_gan", "a_diffusion"))
    common = {"frechet", "recall", "modes", "exact_transport", "inversion_error", "lipschitz", "parameters", "bytes"}
    assert common <= gan.keys() & diffusion.keys()
    assert diffusion.keys() - gan.keys() == {
        f"{unit}_{name}{twice}" for unit in ("nats", "kl") for name in ("flow", "bound") for twice in ("", "_doubled")
    }
    assert (gan["evaluations_per_sample"], diffusion["evaluations_per_sample"]) == (1, 7)
    assert np.isfinite(list(gan.values()) + list(diffusion.values())).all()
    assert (tmp_path / "out" / "families.png").stat().st_size > 10_000

    before = (tmp_path / "out" / "families.json").read_bytes()
    assert main(command) == 0  # nothing is trained again
    assert "compiled" not in capsys.readouterr().out
    assert (tmp_path / "out" / "families.json").read_bytes() == before
    assert main([*command[:-4], "--images", "64"]) == 2
    assert "was made with {'images': 128}" in capsys.readouterr().err


def test_what_cannot_be_compared_is_refused_in_one_line(files, tmp_path, capsys):
    (tmp_path / "digits.py").write_text(GAN_FILE.replace("8gaussians", "digits"))
    workdir = ["--workdir", str(tmp_path / "out")]
    assert main(["families", *files, str(tmp_path / "digits.py"), *workdir, "--images", "9"]) == 2
    assert "the experiments have different data: a_gan of 8gaussians" in capsys.readouterr().err
    assert main(["families", *files, *workdir]) == 2
    assert "--minutes" in capsys.readouterr().err
    assert main(["families", *files, *workdir, "--minutes", "0"]) == 2
    assert not (tmp_path / "out").exists()


def test_schedules_become_as_much_longer_as_the_training():
    adam = AdamConfig(learning_rate=Cosine(first=1.0, last=0.0, images=640))
    experiment = Experiment(data="8gaussians", gan=GAN(critic_steps=1, critic_optimizer=adam), batch_size=64, steps=10)
    longer = lasting(experiment, experiment.data.read(), images=1920)
    assert longer.steps == 30
    assert longer.gan.critic_optimizer.learning_rate == Cosine(first=1.0, last=0.0, images=1920)
    assert longer.gan.generator_optimizer == experiment.gan.generator_optimizer
