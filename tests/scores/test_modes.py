"""Counts, shares and divergences of samples whose place is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import entropy

from gan_jax.scores.modes import mode_scores

MODES = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def test_scores_by_hand():
    near = [[0.1, 0.0], [0.0, -0.1], [1.0, 0.3], [0.0, 1.0]]
    samples = jnp.array([*near, [1.0, 0.41], [5.0, 5.0]])
    scores = mode_scores(samples=samples, modes=MODES, sd=0.1)
    assert scores.counts.tolist() == [2, 1, 1]
    assert scores.high_quality == pytest.approx(4 / 6)
    assert float(scores.kl) == pytest.approx(entropy([0.5, 0.25, 0.25], np.full(3, 1 / 3)), abs=1e-6)
    assert [int(scores.hit(n)) for n in (1, 2, 3)] == [3, 1, 0]


def test_missed_modes():
    one = mode_scores(samples=jnp.zeros((7, 2)), modes=MODES, sd=0.1)
    assert int(one.hit()) == 1
    assert float(one.kl) == pytest.approx(np.log(3), abs=1e-6)
    none = mode_scores(samples=jnp.full((7, 2), 9.0), modes=MODES, sd=0.1)
    assert (int(none.hit()), float(none.high_quality), float(none.kl)) == (0, 0.0, np.inf)


def test_vectors_of_unlike_length_are_refused():
    with pytest.raises(ValueError, match=r"\(7, 3\) and \(3, 2\)"):
        mode_scores(samples=jnp.zeros((7, 3)), modes=MODES, sd=0.1)
