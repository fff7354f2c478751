"""Precision and recall against a brute-force NumPy version and sets whose answer is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax.metrics.manifold import precision_recall


def brute_force(real, fake, k):
    def covered(points, centres):
        distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        radii = np.sort(distances, axis=1)[:, k]
        return (np.linalg.norm(points[:, None] - centres[None], axis=-1) <= radii[None]).any(axis=1).mean()

    return covered(fake, real), covered(real, fake)


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_equal_to_brute_force(seed, k):
    rng = np.random.default_rng(seed)
    # Of whole numbers, so that ties are exact in both precisions.
    real, fake = rng.integers(0, 6, size=(2, 40, 4)).astype(np.float32)
    scores = precision_recall(real=jnp.array(real), fake=jnp.array(fake), k=k)
    np.testing.assert_allclose(scores, brute_force(real.astype(np.float64), fake.astype(np.float64), k), atol=1e-6)


def test_the_same_set_and_far_sets():
    points = jnp.array(np.random.default_rng(0).normal(size=(50, 3)), jnp.float32)
    assert tuple(map(float, precision_recall(real=points, fake=points))) == (1.0, 1.0)
    assert tuple(map(float, precision_recall(real=points, fake=points + 100))) == (0.0, 0.0)


def test_a_dropped_mode_costs_recall_and_not_precision():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 600, 2)).astype(np.float32)
    real = np.concatenate([one[:300], other[:300] + 50])
    precision, recall = precision_recall(real=jnp.array(real), fake=jnp.array(one[300:]))
    assert precision > 0.9
    assert 0.4 < recall < 0.5


@pytest.mark.parametrize(("real", "fake"), [((5, 2), (5, 3)), ((5, 2), (3, 2)), ((5,), (5,))], ids=str)
def test_sets_that_cannot_be_compared_are_refused(real, fake):
    with pytest.raises(ValueError, match="more than 3 vectors"):
        precision_recall(real=jnp.zeros(real), fake=jnp.zeros(fake))
