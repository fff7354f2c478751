"""The toy distributions are where they say, as wide as they say, and the same on every call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data.sources import read
from gan_jax.data.toy import TOYS, gaussians_8, gaussians_25
from gan_jax.scores.modes import mode_scores


@pytest.mark.parametrize(("toy", "count"), [(gaussians_8(), 8), (gaussians_25(), 25)])
def test_mixtures_lie_evenly_around_their_modes(toy, count):
    points = toy.sample(jax.random.key(0), 20_000)
    assert points.dtype == jnp.float32
    scores = mode_scores(samples=points, modes=toy.modes, sd=toy.sd)
    assert len(np.unique(toy.modes, axis=0)) == count
    assert float(scores.high_quality) == pytest.approx(1 - np.exp(-9 / 2), abs=0.002)
    assert scores.kl < 0.002
    nearest = np.argmin(np.linalg.norm(points[:, None] - toy.modes[None], axis=-1), axis=1)
    np.testing.assert_allclose((points - toy.modes[nearest]).std(axis=0), toy.sd, rtol=0.03)


def test_published_positions():
    assert (np.abs(np.linalg.norm(gaussians_8().modes, axis=1) - 2 / 1.414) < 1e-5).all()
    np.testing.assert_allclose(np.unique(gaussians_25().modes), np.array([-4, -2, 0, 2, 4]) / 2.828, atol=1e-6)


def test_the_swiss_roll_is_a_spiral():
    """Where the angle is known, the radius is; what is left is the noise."""
    toy = TOYS["swissroll"]()
    points = np.asarray(toy.sample(jax.random.key(0), 5000), np.float64) * 7.5
    radius = np.linalg.norm(points, axis=1)
    turns = np.round((radius - np.arctan2(points[:, 1], points[:, 0])) / (2 * np.pi))
    off = radius - (np.arctan2(points[:, 1], points[:, 0]) + 2 * np.pi * turns)
    assert off.std() == pytest.approx(0.25, rel=0.1)
    assert 1.5 * np.pi - 1 < radius.min()
    assert radius.max() < 4.5 * np.pi + 1


@pytest.mark.parametrize("name", TOYS)
def test_toys_are_read_like_any_data(name):
    data = read(name)
    train, held_out = (part.batch(slice(None))["sample"] for part in (data.train, data.held_out))
    assert train.shape == (100_000, 2)
    assert held_out.shape == (10_000, 2)
    assert train.dtype == np.float32
    assert data.fingerprint == read(name).fingerprint
    assert not np.isin(held_out[:, 0], train[:, 0]).all()
