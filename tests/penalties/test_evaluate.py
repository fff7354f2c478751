"""What a critic makes of a batch: the same whether its passes are shared or not, and no pass too many."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.parts import Parts
from gan_jax.penalties import POINTS, at_both, at_fake, at_real, evaluate

KEY = jax.random.key(0)
REAL, FAKE = jax.random.normal(KEY, (3, 2)), jax.random.normal(jax.random.key(1), (3, 2))


def quadratic(x):
    return (x**2).sum(axis=1) / 2


@pytest.mark.parametrize("name", POINTS)
def test_scores_and_gradients_are_those_of_their_samples(name):
    seen = evaluate(quadratic, POINTS[name], KEY, real=REAL, fake=FAKE)
    points = POINTS[name](KEY, real=REAL, fake=FAKE)
    np.testing.assert_array_equal(seen.points, points)
    np.testing.assert_allclose(seen.gradient, points, rtol=1e-6)
    np.testing.assert_allclose(seen.scores, quadratic(points), rtol=1e-6)
    np.testing.assert_allclose(seen.real_score, quadratic(REAL), rtol=1e-6)
    np.testing.assert_allclose(seen.fake_score, quadratic(FAKE), rtol=1e-6)
    np.testing.assert_allclose(seen.averages, [quadratic(REAL).mean(), quadratic(FAKE).mean()], rtol=1e-6)


@pytest.mark.parametrize(("points", "batches"), [(at_real, [3, 3]), (at_both, [3, 3]), (POINTS["mixed"], [3, 6])])
def test_no_pass_is_made_twice(points, batches):
    seen = []

    def watched(x):
        seen.append(len(x))
        return quadratic(x)

    evaluate(watched, points, KEY, real=REAL, fake=FAKE)
    assert seen == batches


def test_averages_that_are_given_are_kept():
    seen = evaluate(quadratic, at_fake, KEY, real=REAL, fake=FAKE, averages=jnp.array([1.0, 2.0]))
    np.testing.assert_array_equal(seen.averages, [1.0, 2.0])


def test_the_batchs_own_averages_are_constants():
    def first(scale):
        return evaluate(lambda x: scale * quadratic(x), at_fake, KEY, real=REAL, fake=FAKE).averages[0]

    assert float(first(2.0)) > 0
    assert float(jax.grad(first)(2.0)) == 0


def test_noise_is_drawn_for_each_half_of_the_points():
    seen = evaluate(quadratic, at_both, KEY, real=REAL, fake=FAKE)
    noise = seen.draw(jax.random.normal, KEY, (2, 5))
    assert noise.shape == (6, 2, 5)
    assert len(np.unique(noise)) == 60
    assert seen._replace(points=REAL).draw(jax.random.normal, KEY, ()).shape == (3,)


def test_a_part_of_the_points_gets_its_part_of_the_noise():
    whole = evaluate(quadratic, at_both, KEY, real=REAL, fake=FAKE)

    def last_of_three(whole, axis=0):
        return jax.lax.slice_in_dim(whole, 2, 3, axis=axis)

    thirds = Parts(count=3, take=last_of_three, gather=lambda part: jnp.concatenate([part] * 3))
    part = evaluate(quadratic, at_both, KEY, real=REAL[2:], fake=FAKE[2:], parts=thirds)
    noise = whole.draw(jax.random.normal, KEY, (2,))
    np.testing.assert_array_equal(part.draw(jax.random.normal, KEY, (2,)), noise[jnp.array([2, 5])])
