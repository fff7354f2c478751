"""Diffusion models and variational autoencoders go through the commands; likelihoods; what is refused in one line."""

import json

import numpy as np
import pytest

from gan_jax.cli import main

DIFFUSION = """
from gan_jax import DenoiserConfig, Diffusion, Experiment

experiment = Experiment(
    diffusion=Diffusion(network=DenoiserConfig(width=8, depth=1), steps=3, conditional=True), batch_size=16, steps=2,
)
"""
VAE = """
from gan_jax import VAE, Experiment, VAENetworkConfig

experiment = Experiment(
    vae=VAE(network=VAENetworkConfig(width=8, depth=1, latents=(2,))), batch_size=16, steps=2,
)
"""

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


def trained(tmp_path_factory, name, text, *options):
    file = tmp_path_factory.mktemp("experiments") / f"{name}.py"
    file.write_text(text)
    folder = tmp_path_factory.mktemp("runs") / name
    assert main(["train", str(file), "--workdir", str(folder), *options]) == 0
    return str(folder)


@pytest.fixture(scope="module")
def diffusion(tmp_path_factory):
    return trained(tmp_path_factory, "diffusion", DIFFUSION, "--diffusion.schedule", "vp", "--diffusion.preset", "ddim")


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    return trained(tmp_path_factory, "vae", VAE, "--vae.beta", "2", "--vae.network.latents", "2,3")


def fails(capsys, *arguments):
    assert main([*arguments]) == 2
    return capsys.readouterr().err


@pytest.mark.slow
def test_options_of_a_sampler_change_the_samples_and_are_kept_in_the_scores(diffusion, tmp_path):
    out, drawn = tmp_path / "a.npz", {}
    for options in ([], ["--steps", "4"], ["--guidance", "2"], ["--sampler", "ddim", "--eta", "1"]):
        assert main(["sample", diffusion, "--n", "8", "--out", str(out), "--label", "3", *options]) == 0
        drawn[" ".join(options)] = np.load(out)["images"]
    assert len({images.tobytes() for images in drawn.values()}) == 4
    scores = tmp_path / "scores.json"
    options = ["--n", "20", "--seeds", "1", "--scores", "frechet", "--features", "pixels", "--out", str(scores)]
    assert main(["evaluate", diffusion, "--steps", "2", *options]) == 0
    assert json.loads(scores.read_text())["samples"] == f"{diffusion}, steps 2"


@pytest.mark.slow
def test_a_vae_is_sampled_scored_and_reported(vae, tmp_path, capsys):
    assert main(["sample", vae, "--n", "8", "--grid", "--out", str(tmp_path / "a.npz")]) == 0
    options = ["--n", "20", "--seeds", "1", "--scores", "frechet", "--features", "pixels"]
    assert main(["evaluate", vae, *options]) == 0
    assert " elbo " in capsys.readouterr().out
    assert main(["check", vae]) == 0


@pytest.mark.slow
def test_likelihoods_are_printed_and_written_for_each_sample(diffusion, vae, tmp_path, capsys):
    out = tmp_path / "likelihood.json"
    for run, options, names in (
        (diffusion, ["--steps", "3", "--probes", "2"], {"flow", "bound"}),
        (vae, ["--draws", "5"], {"iwae", "elbo"}),
    ):
        assert main(["likelihood", run, "--n", "10", "--out", str(out), *options]) == 0
        assert "bits per dimension" in capsys.readouterr().out
        found, each = json.loads(out.read_text()), np.load(out.with_suffix(".npz"))
        assert found["estimates"].keys() == set(each) == names
        for name in names:
            nats = found["estimates"][name]["nats"]
            assert nats == pytest.approx(each[name].mean(), rel=1e-5)
            assert found["estimates"][name]["bits_per_dimension"] == pytest.approx(-nats / (64 * np.log(2)))


@pytest.mark.slow
def test_what_a_family_has_not_is_refused_in_one_line(diffusion, vae, tiny_run, capsys, tmp_path):
    gan = str(tiny_run)
    error = fails(capsys, "likelihood", gan)
    assert error.count("\n") == 1
    assert "has no likelihood; score its samples by `gan-jax evaluate`" in error
    assert "--draws: " in fails(capsys, "likelihood", diffusion, "--n", "4", "--draws", "3")
    assert "--probes: " in fails(capsys, "likelihood", vae, "--n", "4", "--probes", "3")
    assert "--sampler: digits" in fails(capsys, "sample", vae, "--sampler", "ddim")
    assert "--guidance: digits" in fails(capsys, "sample", gan, "--guidance", "2")
    assert "--eta: heun has none" in fails(capsys, "sample", diffusion, "--sampler", "heun", "--eta", "0.5")
    assert "--sampler: must be one of ddpm" in fails(capsys, "sample", diffusion, "--sampler", "euler")
    assert "--steps: " in fails(capsys, "sample", diffusion, "--steps", "0")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (DIFFUSION, ["--diffusion.preset", "ddmp"], "--diffusion.preset: must be one of deep_unsupervised"),
        (DIFFUSION, ["--diffusion.schedule", "linear"], "--diffusion.schedule: must be one of ddpm"),
        (DIFFUSION, ["--diffusion.network.name", "unet"], "--diffusion.network.width: unet has no width"),
        (DIFFUSION, ["--data.source", "8gaussians"], "--diffusion.conditional: the data have no labels"),
        (DIFFUSION, ["--gan.critic.width", "3"], "--gan.critic.width: there is no such option"),
        (VAE, ["--vae.likelihood", "gaussian"], "--vae.likelihood: must be one of bernoulli"),
        (VAE, ["--vae.beta", "-1"], "--vae.beta: "),
        (VAE, ["--vae.network.latents", "0"], "--vae.network.latents: "),
        (VAE, ["--data.source", "8gaussians", "--vae.likelihood", "bernoulli"], "--vae.likelihood: bernoulli is of"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(text, options, message, capsys, tmp_path):
    file = tmp_path / "experiment.py"
    file.write_text(text)
    error = fails(capsys, "train", str(file), "--workdir", str(tmp_path / "run"), *options)
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "run").exists()
