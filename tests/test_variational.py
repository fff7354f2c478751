"""Decoders' distributions and bounds against closed forms and scipy's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gan_jax.variational import (
    LIKELIHOODS,
    bernoulli,
    discretized_logistic_mixture,
    free_bits,
    importance_weighted,
    normal,
    normal_kl,
    normal_log_density,
)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def test_a_normal_density_and_divergence_are_scipys():
    drawn = RNG.normal(size=(5, 3, 4)).astype(np.float32)
    x, mean, log_sd, other, other_log_sd = map(jnp.asarray, drawn)
    expected = stats.norm.logpdf(x, mean, np.exp(log_sd)).sum(axis=1)
    np.testing.assert_allclose(normal_log_density(x, mean, log_sd), expected, rtol=1e-5)
    z = mean[None] + jnp.exp(log_sd)[None] * jax.random.normal(KEY, (40_000, *mean.shape))
    ratio = jax.vmap(lambda z: normal_log_density(z, mean, log_sd) - normal_log_density(z, other, other_log_sd))(z)
    found = normal_kl(mean, log_sd, other, other_log_sd)
    np.testing.assert_allclose(found, ratio.mean(axis=0), rtol=0.05)


def test_probabilities_of_all_levels_are_one_and_those_of_scipys_logistics():
    numbers = RNG.normal(size=(1, 6)).astype(np.float32)
    numbers[:, 4:] = [-1.0, -6.5]  # a wide one, and one narrower than a level
    levels = np.linspace(-1, 1, 256, dtype=np.float32)[:, None]
    log_prob = discretized_logistic_mixture(2).log_prob(jnp.broadcast_to(numbers, (256, 1, 6)), jnp.asarray(levels))
    found = np.exp(np.asarray(log_prob, np.float64))
    assert found.sum() == pytest.approx(1, abs=1e-4)
    share = np.exp(numbers[0, :2]) / np.exp(numbers[0, :2]).sum()
    logistic = stats.logistic(numbers[0, 2:4], np.exp(numbers[0, 4:]))
    edges = np.concatenate([[-np.inf], (levels[1:, 0] + levels[:-1, 0]) / 2, [np.inf]])[:, None]
    np.testing.assert_allclose(found, np.diff(logistic.cdf(edges), axis=0) @ share, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_a_logistic_far_from_a_level_has_finite_probabilities_and_gradients():
    numbers = jnp.array([[[0.0, 0.9, -7.0]]])
    value, gradient = jax.value_and_grad(
        lambda numbers: discretized_logistic_mixture(1).log_prob(numbers, jnp.array([[-0.5]])).sum()
    )(numbers)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert gradient[0, 0, 1] < 0  # the mean moves to the level


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_have_the_mean_and_are_likely(name):
    likelihood = LIKELIHOODS[name]
    numbers = 0.5 * jax.random.normal(KEY, (1, 2, likelihood.numbers)) - 0.5
    many = jnp.broadcast_to(numbers, (20_000, *numbers.shape[1:]))
    draws = likelihood.draw(jax.random.key(1), many)
    assert draws.shape == (20_000, 2)
    tolerance = 0.35 if name == "logistic_mixture" else 0.03  # whose tails are cut off at -1 and 1
    np.testing.assert_allclose(draws.mean(axis=0), likelihood.mean(numbers)[0], atol=tolerance)
    assert np.isfinite(likelihood.log_prob(many, likelihood.prepare(KEY, draws))).all()


def test_gray_levels_are_made_binary_as_often_as_they_are_bright():
    found = bernoulli().prepare(KEY, jnp.full((50_000, 1), 0.2))
    assert set(np.unique(found)) == {-1.0, 1.0}
    assert float(found.mean()) == pytest.approx(0.2, abs=0.01)


@pytest.mark.slow
def test_importance_weighting_nears_the_exact_likelihood_from_below():
    """x = z + noise with z standard normal, and a posterior that is off."""
    x = jnp.array([[0.7], [-1.0]])
    exact = stats.norm.logpdf(np.asarray(x)[:, 0], 0, 2**0.5)

    def bound(count):
        z = 0.3 * x[None, None] + 0.9 * jax.random.normal(KEY, (count, 2000, 2, 1))
        log_weights = jax.vmap(jax.vmap(lambda z: _log_weight(x, z)))(z)
        return np.asarray(jax.vmap(importance_weighted, in_axes=1)(log_weights).mean(axis=0))

    found = [bound(count) for count in (1, 5, 50)]
    assert (found[0] < found[1]).all()
    assert (found[1] < found[2]).all()
    np.testing.assert_allclose(found[2], exact, atol=0.01)


def _log_weight(x, z):
    one, zero = jnp.ones_like(x), jnp.zeros_like(x)
    posterior = normal_log_density(z, 0.3 * x, np.float32(np.log(0.9)) * one)
    return normal_log_density(x, z, zero) + normal_log_density(z, zero, zero) - posterior


def test_free_bits_leave_small_divergences_without_gradient():
    gradient = jax.grad(lambda kl: free_bits(kl, 1.0))
    np.testing.assert_array_equal(gradient(jnp.array([0.2, 0.4])), [0, 0])
    np.testing.assert_array_equal(gradient(jnp.array([2.0, 4.0])), [0.5, 0.5])
    assert normal().numbers == 2
