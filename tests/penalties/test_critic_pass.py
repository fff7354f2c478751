"""What a critic makes of a batch: the same whether its passes are shared or not, and no pass too many."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.penalties import POINTS, at_both, at_fake, at_real, score_batch
from gan_jax.sharding import BatchSharding

KEY = jax.random.key(0)
REAL, FAKE = jax.random.normal(KEY, (3, 2)), jax.random.normal(jax.random.key(1), (3, 2))


def quadratic(x):
    return (x**2).sum(axis=1) / 2


@pytest.mark.parametrize("name", POINTS)
def test_scores_and_gradients_are_those_of_their_samples(name):
    scored = score_batch(quadratic, POINTS[name], KEY, real=REAL, fake=FAKE)
    points = POINTS[name](KEY, real=REAL, fake=FAKE)
    np.testing.assert_array_equal(scored.points, points)
    np.testing.assert_allclose(scored.gradient, points, rtol=1e-6)
    np.testing.assert_allclose(scored.scores, quadratic(points), rtol=1e-6)
    np.testing.assert_allclose(scored.real_score, quadratic(REAL), rtol=1e-6)
    np.testing.assert_allclose(scored.fake_score, quadratic(FAKE), rtol=1e-6)
    np.testing.assert_allclose(scored.averages, [quadratic(REAL).mean(), quadratic(FAKE).mean()], rtol=1e-6)


@pytest.mark.parametrize(("points", "batches"), [(at_real, [3, 3]), (at_both, [3, 3]), (POINTS["mixed"], [3, 6])])
def test_no_pass_is_made_twice(points, batches):
    scored = []

    def watched(x):
        scored.append(len(x))
        return quadratic(x)

    score_batch(watched, points, KEY, real=REAL, fake=FAKE)
    assert scored == batches


def test_averages_that_are_given_are_kept():
    scored = score_batch(quadratic, at_fake, KEY, real=REAL, fake=FAKE, averages=jnp.array([1.0, 2.0]))
    np.testing.assert_array_equal(scored.averages, [1.0, 2.0])


def test_the_batchs_own_averages_are_constants():
    def first(scale):
        return score_batch(lambda x: scale * quadratic(x), at_fake, KEY, real=REAL, fake=FAKE).averages[0]

    assert float(first(2.0)) > 0
    assert float(jax.grad(first)(2.0)) == 0


def test_noise_is_drawn_for_each_half_of_the_points():
    scored = score_batch(quadratic, at_both, KEY, real=REAL, fake=FAKE)
    noise = scored.draw(jax.random.normal, KEY, (2, 5))
    assert noise.shape == (6, 2, 5)
    assert len(np.unique(noise)) == 60
    assert scored._replace(points=REAL).draw(jax.random.normal, KEY, ()).shape == (3,)


def test_a_part_of_the_points_gets_its_part_of_the_noise():
    whole = score_batch(quadratic, at_both, KEY, real=REAL, fake=FAKE)

    def last_of_three(whole, axis=0):
        return jax.lax.slice_in_dim(whole, 2, 3, axis=axis)

    thirds = BatchSharding(device_count=3, shard=last_of_three, all_gather=lambda part: jnp.concatenate([part] * 3))
    part = score_batch(quadratic, at_both, KEY, real=REAL[2:], fake=FAKE[2:], sharding=thirds)
    noise = whole.draw(jax.random.normal, KEY, (2,))
    np.testing.assert_array_equal(part.draw(jax.random.normal, KEY, (2,)), noise[jnp.array([2, 5])])
