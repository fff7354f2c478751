"""The Inception score against scipy's divergences and logits whose score is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from gan_jax.scores.inception_score import inception_score


def test_equal_to_scipy_with_a_remainder():
    logits = 2 * np.random.default_rng(0).normal(size=(23, 5))
    scores = []
    for part in softmax(logits[:20], axis=1).reshape(4, 5, 5):
        marginal = np.broadcast_to(part.mean(axis=0), part.shape)
        scores.append(np.exp(entropy(part, marginal, axis=1).mean()))
    with jax.enable_x64(True):
        found = inception_score(jnp.asarray(logits), splits=4)
        np.testing.assert_allclose(found, [np.mean(scores), np.std(scores)], rtol=1e-10)
    np.testing.assert_allclose(inception_score(jnp.asarray(logits, jnp.float32), splits=4), found, rtol=1e-5)


def test_known_scores():
    certain = np.where(np.eye(5, dtype=bool)[np.arange(40) % 5], 0, -np.inf)
    np.testing.assert_allclose(inception_score(certain, splits=2), (5, 0), atol=1e-5)
    np.testing.assert_allclose(inception_score(1e4 * certain.clip(-1), splits=2), (5, 0), atol=1e-5)
    # Always of one class, and of all alike.
    np.testing.assert_allclose(inception_score(certain[np.zeros(40, int)], splits=2), (1, 0), atol=1e-6)
    np.testing.assert_allclose(inception_score(np.ones((40, 5)), splits=2), (1, 0), atol=1e-6)
    # In order of class, each split is of half the classes.
    of_four = certain[np.repeat(np.arange(4), 10)]
    np.testing.assert_allclose(inception_score(of_four, splits=2), (2, 0), atol=1e-5)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("shape", "splits"), [((4, 3), 5), ((4,), 2), ((4, 3), 0)], ids=str)
def test_logits_that_cannot_be_split_are_refused(shape, splits):
    with pytest.raises(ValueError, match=rf"the {splits} splits .*; got \(4"):
        inception_score(jnp.zeros(shape), splits=splits)
