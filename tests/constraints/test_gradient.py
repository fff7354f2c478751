"""Gradient normalization in closed form, and quotients where there is nothing to divide by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.constraints.gradient import gradient_normalization, normalize_gradient
from gan_jax.numerics import safe_divide, safe_norm

WEIGHT = jnp.array([2.0, -1.0, 2.0])  # norm 3
X = jax.random.normal(jax.random.key(0), (16, 3))


def linear(x):
    return (x * WEIGHT[None]).sum(axis=1) - 1


def quadratic(x):
    return (x.reshape(len(x), -1) ** 2).sum(axis=1) / 2


def gradient(critic, x):
    return np.asarray(jax.jit(jax.grad(lambda x: critic(x).sum()))(x))


@pytest.mark.parametrize("bound", [1.0, 2.5])
def test_a_linear_critic(bound):
    """`D / (3 + |D|)`, with the gradient `3 D' / (3 + |D|)^2`: at most 1, which it is where the score is zero."""
    x = jnp.concatenate([X, jnp.array([[0.5, 0.0, 0.0]])])
    critic, score = normalize_gradient(linear, bound), np.asarray(linear(x))
    np.testing.assert_allclose(critic(x), bound * score / (3 + abs(score)), rtol=1e-5, atol=1e-6)
    expected = bound * 3 * np.asarray(WEIGHT) / (3 + abs(score[:, None])) ** 2
    np.testing.assert_allclose(gradient(critic, x), expected, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(gradient(critic, x), axis=1).max(), bound, rtol=1e-5)


def test_a_quadratic_critic():
    """`r / (2 + r)`: its gradient has norm `2 / (2 + r)^2`."""
    critic, r = gradient_normalization(bound=3.0).wrap(quadratic), np.linalg.norm(np.asarray(X), axis=1)
    np.testing.assert_allclose(critic(X), 3 * r / (2 + r), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(gradient(critic, X), axis=1), 6 / (2 + r) ** 2, rtol=1e-4)


def test_the_norm_is_over_the_whole_sample():
    images = jax.random.normal(jax.random.key(1), (4, 3, 2, 2))
    r = np.linalg.norm(np.asarray(images).reshape(4, -1), axis=1)
    np.testing.assert_allclose(normalize_gradient(quadratic)(images), r / (2 + r), rtol=1e-5)


def test_scale_does_not_matter_and_scores_stay_within_the_bound():
    for factor in (1e-6, 1e6):
        scaled = normalize_gradient(lambda x, factor=factor: factor * linear(x), 2.0)
        np.testing.assert_allclose(scaled(X), normalize_gradient(linear, 2.0)(X), rtol=1e-4)
    assert jnp.abs(normalize_gradient(linear, 2.0)(1e9 * X)).max() <= 2


@pytest.mark.parametrize("critic", [quadratic, lambda x: 0 * x.sum(axis=1), lambda x: 1e-30 * x.sum(axis=1)])
def test_a_flat_zero_critic_scores_zero_with_finite_derivatives(critic):
    normalized, x = normalize_gradient(critic), jnp.zeros((2, 3))
    np.testing.assert_array_equal(normalized(x), 0)
    derivatives = jax.jit(lambda x: (jax.jacrev(normalized)(x), jax.jacrev(jax.jacrev(normalized))(x)))(x)
    assert all(np.isfinite(array).all() for array in derivatives)


def test_half_precision_scores_are_divided_in_float32():
    half = normalize_gradient(lambda x: linear(x).astype(jnp.bfloat16))(X)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, normalize_gradient(linear)(X), atol=1e-2)
    assert normalize_gradient(quadratic)(X.astype(jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize("critic", [lambda x: x[:, :1], lambda x: x.sum(), lambda x: x[:1, 0]])
def test_scores_that_are_not_one_per_sample_are_refused(critic):
    with pytest.raises(ValueError, match=r"one score per sample, \(16,\), got \("):
        normalize_gradient(critic)(X)


def unit(x):
    return safe_divide(x, safe_norm(x))


unit_derivatives = jax.jit(lambda x: (jax.jacrev(unit)(x), jax.jacrev(jax.jacrev(unit))(x)))


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-13, 1e-11, 1.0, 1e15])
def test_units_have_finite_derivatives_at_every_scale(scale):
    vector = jnp.array([3.0, -4.0]) * jnp.float32(scale)
    np.testing.assert_allclose(unit(vector), [0.6, -0.8] if scale > 1e-12 else vector, rtol=1e-5)
    slopes, curvatures = unit_derivatives(vector)
    assert np.isfinite(slopes).all()
    assert np.isfinite(curvatures).all()
    if scale > 1e-12:  # the projection off the vector, over its length
        np.testing.assert_allclose(slopes * 5 * scale, [[0.64, 0.48], [0.48, 0.36]], atol=1e-5)
