"""The experiments of the derivation: the figures on record keep their bars, and the training that they rest on does."""

import json
import math
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.divergences import histogram, js
from gan_jax.transport import inverse_cdf

ROOT = Path(__file__).parents[2]
NAMES = sorted(file.stem for file in (ROOT / "experiments" / "derivation").glob("[0-9]*.py"))


@pytest.fixture
def script(monkeypatch):
    """Import an experiment as it runs, under JAX's own settings."""
    monkeypatch.syspath_prepend(str(ROOT / "experiments" / "derivation"))
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield import_module


def figures(name):
    return json.loads((ROOT / "docs" / "derivation" / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_each_experiment_is_on_record_and_in_the_story(name):
    measured = figures(name)
    picture = ROOT / "docs" / "derivation" / f"{name}.png"
    assert measured["experiment"] == name
    assert measured["seconds"] < 120 or name.startswith(("11", "12"))
    assert picture.stat().st_size < 150_000
    page = "derivation.md" if int(name[:2]) <= 12 else "families.md"
    story = (ROOT / "docs" / page).read_text()
    assert f"derivation/{picture.name}" in story
    assert f"experiments/derivation/{name}.py" in story


def test_mapped_samples_are_as_near_to_the_target_as_it_is_to_itself():
    for target in ("N(0, 1)", "two blocks"):
        measured = figures("01_transport")[target]
        assert measured["wasserstein"] < 1.1 * measured["wasserstein_target_to_itself"]
        assert measured["largest_fall"] == 0


def test_hard_histograms_have_no_slope_and_cells_outgrow_every_sample():
    slopes = figures("02_divergences")["largest_slope"]
    assert slopes.pop("hard") == 0
    assert min(slopes.values()) > 0.1
    assert round(figures("04_dimension")["log10_cells_of_mnist"]) == 236


def test_generators_trained_on_histograms_reach_every_target():
    measured = figures("03_histograms")
    assert all(measured[target]["js"] < 0.01 for target in ("bimodal", "skewed", "with a gap"))


def test_the_ruler_is_right_within_five_percent():
    measured = figures("10_ruler")
    errors = [pair["errors"] for pair in measured.values() if isinstance(pair, dict) and "errors" in pair]
    assert len(errors) == 6
    assert np.abs(errors).max() < 0.05
    np.testing.assert_allclose(list(measured["gap_over_bound"].values()), 1, rtol=0.05)


@pytest.mark.parametrize(("toy", "modes"), [("8gaussians", 8), ("25gaussians", 25)])
def test_every_mode_is_found(toy, modes):
    measured = figures("11_toys")[toy]
    assert measured["hit"] == measured["of"] == modes
    assert measured["high_quality"] >= 0.8
    assert measured["kl"] <= 0.05


def test_bounds_and_flows_come_as_near_to_the_density_as_the_page_says():
    bound = figures("13_bound")
    exact = bound["mean_log_density"]
    assert exact - 0.03 < bound["mean_bound"] < bound["mean_bound_of_200"] < exact
    assert figures("14_noising")["kl_at_the_end"] < 1e-6
    assert figures("15_denoising")["error_over_the_least"]["endless samples"] < 1.01
    flow = figures("16_flow")
    assert flow["log_density_error"] < 0.0015
    distances = flow["wasserstein_by_evaluations"]
    assert distances["dpm_2m"]["20"] < 2 * distances["ddpm"]["100"]


def test_the_flows_map_is_the_one_by_cdfs_and_the_gans_is_not():
    maps = figures("17_maps")
    assert maps["flow, exact denoiser"]["from_the_map_by_cdfs"] < 0.01
    assert maps["flow, trained network"]["from_the_map_by_cdfs"] < 0.03
    assert maps["flow, trained network"]["largest_fall"] == 0
    assert maps["a GAN's generator"]["largest_fall"] > 0


@pytest.mark.slow
def test_a_generator_can_be_trained_on_a_histogram(script, monkeypatch):
    """A third of the steps and an eighth of the batch, on the target with a gap: the divergence is measured here, apart
    from the experiment."""
    experiment = script("03_histograms")
    monkeypatch.setattr(experiment, "BATCH", 256)
    pdf, samples = experiment.TARGETS["with a gap"], 100_000
    g = experiment.train(pdf, jax.random.key(1), steps=1000)
    fake = g(jax.random.uniform(jax.random.key(2), (samples,)))
    real = inverse_cdf((jnp.arange(samples) + 0.5) / samples, pdf, experiment.GRID)
    assert js(histogram(fake, experiment.CELLS), histogram(real, experiment.CELLS)) < 0.01


@pytest.mark.slow
def test_a_critic_measures_a_distance(script):
    experiment = script("10_ruler")
    pair = experiment.PAIRS["uniform, widened"]
    _, gap = experiment.train(pair, jax.random.key(1), bound=2.0, steps=1000)
    assert math.isclose(gap, 2 * pair.distance, rel_tol=0.05)
