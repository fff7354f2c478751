"""A run folder is all that it takes to go on with a run, to train another like it, and to say what it was."""

import json
import shutil

import pytest

from gan_jax.cli import main
from gan_jax.files import read_json
from gan_jax.runs import Experiment
from gan_jax.runs.experiment_file import of_run
from gan_jax.runs.folder import RunFolder
from gan_jax.settings import resolved, to_json
from gan_jax.systems.diffusion import Diffusion
from gan_jax.systems.gan import GAN, CriticConfig, GeneratorConfig, PenaltyConfig
from gan_jax.systems.vae import VAE

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


@pytest.fixture
def run(tiny_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny_run, folder)
    return folder


def settings_in(folder):
    return read_json(folder / "experiment.json")["settings"]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_run_goes_on_without_its_options(run, place, capsys):
    words = {"before": ["--resume", str(run)], "after": [str(run), "--resume"]}[place]
    assert main(["train", *words, "--steps", "3"]) == 0
    assert (run / "checkpoints" / "3").is_dir()
    assert (run / "source" / "tiny.py").exists()
    assert settings_in(run)["gan"]["critic"]["width"] == 8


def test_a_run_is_not_trained_anew_by_mistake(run, capsys):
    assert main(["train", str(run)]) == 2
    assert "holds a run; add --resume to go on with it, or give" in capsys.readouterr().err
    assert main(["train", str(run), "--resume", "--gan.critic-steps", "3"]) == 2
    assert "gan.critic_steps: 5 became 3" in capsys.readouterr().err
    assert main(["train", str(run), "--resume", "--workdir", "elsewhere"]) == 2
    assert "--workdir: the run goes on in" in capsys.readouterr().err


@pytest.mark.slow
def test_another_run_is_trained_like_it(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(run / "experiment.json"), "--seed", "1"]) == 0
    before, after = settings_in(run), settings_in(tmp_path / "runs" / "tiny")
    assert (before.pop("seed"), after.pop("seed")) == (0, 1)
    assert before == after


def test_a_folder_says_what_it_ran_with(run):
    found = read_json(run / "environment.json")
    assert "command" in found
    penalty = settings_in(run)["gan"]["penalty"]
    assert (penalty["weight"], penalty["every"], penalty["bound"]) == (10.0, 1, 1.0)
    assert (penalty["points"], penalty["shape"]) == ("interpolated", "two_sided")


@pytest.mark.parametrize(
    "experiment",
    [
        *(Experiment(gan=GAN(penalty=name)) for name in ("wgan_div", "lecam", "banach", "none")),
        Experiment(gan=GAN(penalty=PenaltyConfig("r1", shape="one_sided"))),
        Experiment(gan=GAN(generator=GeneratorConfig("biggan", preset="sngan_cifar10"), critic=CriticConfig("biggan"))),
        Experiment(diffusion=Diffusion(preset="ddpm")),
        Experiment(vae=VAE()),
    ],
    ids=lambda experiment: experiment.summary(),
)
def test_what_is_resolved_means_the_same(experiment):
    """It builds the same penalty and networks, and is what resolving it again gives."""
    again = resolved(experiment)
    assert to_json(resolved(again)) == to_json(again)
    if experiment.gan:
        assert again.gan.penalty.build() == experiment.gan.penalty.build()
        built = [each.gan.generator.build((32, 32, 3), 0, "float32") for each in (experiment, again)]
        assert built[0] == built[1]
        built = [each.gan.critic.build(0, "float32") for each in (experiment, again)]
        assert built[0] == built[1]
    if experiment.diffusion:
        assert again.diffusion.chosen() == experiment.diffusion.chosen()
        assert again.diffusion.steps == 1000


@pytest.mark.slow
def test_a_run_of_before_that_left_presets_open_goes_on(run):
    """Its settings are null where a preset speaks."""
    described = json.loads((run / "experiment.json").read_text())
    described["settings"]["gan"]["penalty"] |= {"weight": None, "every": None, "bound": None, "points": None}
    (run / "experiment.json").write_text(json.dumps(described))
    assert main(["train", str(run / "source" / "tiny.py"), "--resume", "--workdir", str(run), "--steps", "3"]) == 0
    assert of_run(RunFolder(run))[0].gan.penalty.weight == 10.0
