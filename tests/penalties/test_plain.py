"""Penalties that are not functions of a slope: by hand, on average, and what they depend on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.penalties import PENALTIES, PlainPenalty, at_both, at_real, interpolate, score_batch
from gan_jax.penalties.plain import consistency, lecam

KEY = jax.random.key(0)
WEIGHT = np.array([2.0, -1.0, 2.0], np.float32)  # norm 3
VALUES = {"consistency": consistency, "lecam": lecam}


def normal(seed, *shape):
    return jnp.array(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def linear(x):
    return (x * WEIGHT[None]).sum(axis=1) + 0.5


def quadratic(x):
    """Its gradient at x is x."""
    return (x**2).sum(axis=1) / 2


def value(name, critic, real, fake, points=at_both, key=KEY, averages=None):
    scored = score_batch(critic, points, KEY, real=real, fake=fake, averages=averages)
    return VALUES[name](scored, key)


def test_plain_penalties_are_presets():
    found = {name: penalty.value for name, penalty in PENALTIES.items() if isinstance(penalty, PlainPenalty)}
    assert found == VALUES


def test_the_squared_difference_of_two_noisy_scores_is_their_variance():
    """Half the square of a difference has the mean of the variance: of `|x|^2 / 2`, `sd^2 |x|^2 + sd^4 d / 2`."""
    points = jnp.broadcast_to(jnp.asarray(WEIGHT), (20_000, 3))
    scored = score_batch(quadratic, at_real, KEY, real=points, fake=points)
    for sd in (0.1, 0.5):
        values = np.asarray(consistency(scored, KEY, sd=sd))
        expected = sd**2 * 9 + sd**4 * 3 / 2
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(len(values))


def test_squared_distances_to_averages_by_hand():
    real, fake = jnp.array([[1.0], [3.0]]), jnp.array([[0.0], [-1.0]])

    def found(critic, averages=None):
        return value("lecam", critic, real, fake, points=interpolate, averages=averages)

    np.testing.assert_allclose(found(lambda x: x[:, 0], jnp.array([5.0, 2.0])), np.square([1, 1, 5, 6]) / 2)
    of_batch = np.square([1.5, 3.5, 2, 3]) / 2  # the batch's own averages are 2 and -0.5
    np.testing.assert_allclose(found(lambda x: x[:, 0]), of_batch)
    gradient = jax.grad(lambda scale: found(lambda x: scale * x[:, 0]).sum())(1.0)
    np.testing.assert_allclose(gradient, 1.5 * 1 + 3.5 * 3 + 0 + 3 * 1)  # the averages are constants


@pytest.mark.parametrize("name", VALUES)
def test_values_are_in_units_of_the_squared_score(name):
    real, fake = normal(0, 4, 3), normal(1, 4, 3)
    once = value(name, linear, real, fake)
    assert once.shape == (8,)
    assert (once >= 0).all()
    assert once.max() > 0.1
    for factor in (-3.0, 0.25):
        times = value(name, lambda x, factor=factor: factor * linear(x), real, fake)
        np.testing.assert_allclose(times, factor**2 * once, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", VALUES)
def test_only_noise_depends_on_the_key(name):
    real, fake = normal(0, 4, 3), normal(1, 4, 3)
    other = value(name, linear, real, fake, key=jax.random.key(1))
    assert bool((value(name, linear, real, fake) != other).any()) == (name == "consistency")


def test_the_noise_is_a_length_and_does_not_depend_on_the_unit():
    real, fake, unit = normal(0, 4, 3), normal(1, 4, 3), 4.0
    scored = score_batch(lambda x: linear(x / unit), at_both, KEY, real=unit * real, fake=unit * fake)
    once = value("consistency", linear, real, fake)
    np.testing.assert_allclose(consistency(scored, KEY, sd=0.1 * unit), once, rtol=1e-3, atol=1e-5)


def test_real_and_generated_samples_get_their_own_noise():
    x = jnp.ones((4, 3))
    assert len(np.unique(value("consistency", linear, x, x))) == 8
