"""The sliced distance against scipy's on lines, and shifts whose distance is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from gan_jax.scores.sliced import sliced_wasserstein

KEY = jax.random.key(0)


def test_of_one_dimension_it_is_scipys():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(40, 1)), 2 * rng.normal(size=(33, 1)) + 1
    expected = wasserstein_distance(real[:, 0], fake[:, 0])
    with jax.enable_x64(True):
        value = sliced_wasserstein(KEY, real=jnp.asarray(real), fake=jnp.asarray(fake), projections=3)
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, expected, rtol=1e-10)


def test_of_two_dimensions_it_is_the_mean_over_the_circle():
    rng = np.random.default_rng(0)
    real, fake = np.float32(rng.normal(size=(2, 30, 2)) * [[[1.0, 1.0]], [[4.0, 0.5]]])
    turns = np.linspace(0, np.pi, 180, endpoint=False)
    circle = np.stack([np.cos(turns), np.sin(turns)])
    expected = np.mean([wasserstein_distance(*pair) for pair in zip((real @ circle).T, (fake @ circle).T, strict=True)])
    values = [float(sliced_wasserstein(jax.random.key(i), real=real, fake=fake, projections=1000)) for i in range(2)]
    np.testing.assert_allclose(values, expected, rtol=0.05)
    assert values[0] != values[1]


def test_a_shift_and_the_same_set():
    """Along u a shift v counts as |u . v|, whose mean over the circle is 2 |v| / pi."""
    real = np.float32(np.random.default_rng(0).normal(size=(30, 2)))
    shift = np.array([[3.0, -4.0]], np.float32)
    value = sliced_wasserstein(KEY, real=real, fake=real[::-1] + shift, projections=1000)
    np.testing.assert_allclose(value, 10 / np.pi, rtol=0.05)
    assert sliced_wasserstein(KEY, real=real, fake=real[::-1], projections=1000) < 1e-6
    assert sliced_wasserstein(KEY, real=0 * real, fake=0 * real, projections=1000) == 0
    # Far from zero, where products have no digits but the offset's.
    real = np.round(64 * real) / 64 + np.float32(1e5)
    far = sliced_wasserstein(KEY, real=real, fake=real[::-1] + shift, projections=1000)
    np.testing.assert_allclose(far, value, rtol=1e-6)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("real", "fake"), [((5, 2), (5, 3)), ((0, 2), (3, 2)), ((5,), (5,))], ids=str)
def test_sets_that_cannot_be_compared_are_refused(real, fake):
    with pytest.raises(ValueError, match="more than 0 vectors of one length; got real"):
        sliced_wasserstein(KEY, real=jnp.zeros(real), fake=jnp.zeros(fake))


def test_no_projection_is_refused():
    with pytest.raises(ValueError, match="at least 1 projection, got 0"):
        sliced_wasserstein(KEY, real=jnp.zeros((5, 2)), fake=jnp.zeros((5, 2)), projections=0)


def test_a_vector_that_is_not_finite_has_no_distance():
    real, fake = np.random.default_rng(0).normal(size=(2, 20, 2)).astype(np.float32)
    fake[3] = np.nan
    assert np.isnan(sliced_wasserstein(jax.random.key(0), real=real, fake=fake, projections=2))
