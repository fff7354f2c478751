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
    near = [[0.1, 0.0], [0.0, -0.1], [1.0, 0.3], [0.0, 1.0]]
    scores = scores_of(samples=np.array([*near, [1.0, 0.41], [5.0, 5.0], [0.0, 1.5]], np.float32))
    assert scores.counts.tolist() == [2, 1, 1]
    assert scores.high_quality == pytest.approx(4 / 7)
    assert float(scores.kl) == pytest.approx(entropy([0.5, 0.25, 0.25], np.full(3, 1 / 3)), abs=1e-6)
    assert [int(scores.hit(n)) for n in (1, 2, 3)] == [3, 1, 0]


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
