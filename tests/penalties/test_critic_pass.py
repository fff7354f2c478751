"""Scores of a batch and of points: the same whether passes are shared or not, no pass too many, labels in place."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.penalties import POINTS, Points, at_both, at_fake, at_real, score_batch
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


def real_ones(key, *, real, fake):
    return real


@pytest.mark.parametrize(
    ("points", "batches"),
    [
        (at_real, [3, 3]),
        (at_both, [3, 3]),
        (jax.jit(at_real), [3, 3]),
        (partial(at_both), [3, 3]),
        (Points(real_ones, shares="real"), [3, 3]),
        (Points(at_both, shares="both"), [3, 3]),
        (POINTS["mixed"], [3, 6]),
        (Points(real_ones), [3, 6]),
        (real_ones, [3, 6]),
    ],
)
def test_no_pass_is_made_twice(points, batches):
    passes = []

    def counted(x):
        passes.append(len(x))
        return quadratic(x)

    scored = score_batch(counted, points, KEY, real=REAL, fake=FAKE)
    assert passes == batches
    np.testing.assert_array_equal(scored.points, points(KEY, real=REAL, fake=FAKE))
    np.testing.assert_allclose(scored.scores, quadratic(scored.points), rtol=1e-6)


@pytest.mark.parametrize("points", [lambda key, *, real, fake: real[:2], lambda key, *, real, fake: real[:, :1]])
def test_points_that_are_not_like_the_samples_are_refused(points):
    with pytest.raises(ValueError, match=r"like the samples \(3, 2\), got \((2, 2|3, 1)\)"):
        score_batch(quadratic, points, KEY, real=REAL, fake=FAKE)


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
    noise = scored.noise(jax.random.normal, KEY, (2, 5))
    assert noise.shape == (6, 2, 5)
    assert len(np.unique(noise)) == 60
    assert scored._replace(points=REAL).noise(jax.random.normal, KEY, ()).shape == (3,)


def test_a_shard_of_the_points_gets_its_shard_of_the_noise():
    whole = score_batch(quadratic, at_both, KEY, real=REAL, fake=FAKE)

    def last_of_three(whole, axis=0):
        return jax.lax.slice_in_dim(whole, 2, 3, axis=axis)

    thirds = BatchSharding(device_count=3, shard=last_of_three, all_gather=lambda shard: jnp.concatenate([shard] * 3))
    shard = score_batch(quadratic, at_both, KEY, real=REAL[2:], fake=FAKE[2:], sharding=thirds)
    noise = whole.noise(jax.random.normal, KEY, (2,))
    np.testing.assert_array_equal(shard.noise(jax.random.normal, KEY, (2,)), noise[jnp.array([2, 5])])


LABELS = jnp.array([2, 0, 1])


def labeled(x, label):
    """Its gradient at x is `2^label x`."""
    return 2.0 ** label.astype(jnp.float32) * quadratic(x) + label.astype(jnp.float32)


@pytest.mark.parametrize("name", [name for name, points in POINTS.items() if points.pairs])
def test_samples_and_points_are_scored_under_the_label_of_their_pair(name):
    scored = score_batch(labeled, POINTS[name], KEY, real=REAL, fake=FAKE, condition=LABELS)
    labels, points = np.concatenate([LABELS] * (len(scored.points) // 3)), np.asarray(scored.points)
    of_points = 2.0**labels * quadratic(points) + labels
    np.testing.assert_array_equal(scored.condition, labels)
    np.testing.assert_allclose(scored.real_score, labeled(REAL, LABELS), rtol=1e-6)
    np.testing.assert_allclose(scored.fake_score, labeled(FAKE, LABELS), rtol=1e-6)
    np.testing.assert_allclose(scored.scores, of_points, rtol=1e-6)
    np.testing.assert_allclose(scored.gradient, 2.0 ** labels[:, None] * points, rtol=1e-6)
    np.testing.assert_allclose(scored.critic(scored.points), of_points, rtol=1e-6)
    together = scored.score_together(scored.points, 0 * scored.points)
    np.testing.assert_allclose(together, [of_points, labels], rtol=1e-6)


def test_a_condition_is_any_tree_of_arrays():
    def critic(x, condition):
        return labeled(x, condition["label"]) + condition["hint"].sum(axis=(1, 2))

    condition = {"label": LABELS, "hint": jnp.arange(12.0).reshape(3, 2, 2)}
    scored = score_batch(critic, at_both, KEY, real=REAL, fake=FAKE, condition=condition)
    np.testing.assert_allclose(scored.scores[3:], critic(FAKE, condition), rtol=1e-6)
    assert scored.condition["hint"].shape == (6, 2, 2)


def test_points_between_unlike_labels_are_refused_in_one_line():
    for points in (POINTS["mixed"], partial(POINTS["mixed"]), jax.jit(POINTS["mixed"])):
        with pytest.raises(InputError, match=r"^points: .*unlike labels.* choose .*interpolated$") as error:
            score_batch(labeled, points, KEY, real=REAL, fake=FAKE, condition=LABELS)
        assert "\n" not in str(error.value)
    score_batch(labeled, lambda key, *, real, fake: (real + fake) / 2, KEY, real=REAL, fake=FAKE, condition=LABELS)


def test_a_condition_of_another_length_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"one entry per pair, 3, got \(2,\)"):
        score_batch(labeled, at_real, KEY, real=REAL, fake=FAKE, condition=LABELS[:2])
