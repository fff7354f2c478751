"""Counts, shares and divergences of samples whose place is known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import entropy

from gan_jax.scores.modes import mode_scores

MODES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
scores_of = jax.jit(partial(mode_scores, modes=MODES, sd=0.1))


def test_scores_by_hand():
    near = [[0.1, 0.0], [0.0, -0.1], [1.0, 0.29], [0.0, 1.0]]
    scores = scores_of(samples=np.array([*near, [1.0, 0.31], [5.0, 5.0], [0.0, 1.5]], np.float32))
    assert scores.counts.tolist() == [2, 1, 1]
    assert scores.high_quality == pytest.approx(4 / 7)
    assert float(scores.kl) == pytest.approx(entropy([0.5, 0.25, 0.25], np.full(3, 1 / 3)), abs=1e-6)
    assert [int(scores.hit(n)) for n in (1, 2, 3)] == [3, 1, 0]


def test_samples_too_wide_are_of_lower_quality():
    """A blur of 1.8, of which three standard deviations hold `1 - exp(-(3 / 1.8)^2 / 2)`."""
    samples = 1.8 * np.random.default_rng(0).normal(size=(20_000, 2)).astype(np.float32)
    scores = mode_scores(samples=samples, modes=np.zeros((1, 2), np.float32), sd=1.0)
    assert float(scores.high_quality) == pytest.approx(1 - np.exp(-((3 / 1.8) ** 2) / 2), abs=0.01)
    wider = mode_scores(samples=samples, modes=np.zeros((1, 2), np.float32), sd=1.0, within=4.0)
    assert float(wider.high_quality) == pytest.approx(1 - np.exp(-((4 / 1.8) ** 2) / 2), abs=0.01)


def test_a_sample_that_is_not_finite_is_near_no_mode():
    scores = scores_of(samples=np.array([[0.0, 0.0], [np.nan, 0.0]], np.float32))
    assert scores.counts.tolist() == [1, 0, 0]
    assert scores.high_quality == 0.5


def test_missed_modes():
    one = scores_of(samples=np.zeros((7, 2), np.float32))
    assert int(one.hit()) == 1
    assert float(one.kl) == pytest.approx(np.log(3), abs=1e-6)
    none = scores_of(samples=np.full((7, 2), 9, np.float32))
    assert (int(none.hit()), float(none.high_quality), float(none.kl)) == (0, 0.0, np.inf)


@pytest.mark.usefixtures("unchecked_types")
def test_vectors_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match=r"\(7, 3\) and \(3, 2\)"):
        mode_scores(samples=jnp.zeros((7, 3)), modes=MODES, sd=0.1)
