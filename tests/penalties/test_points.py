"""Where a penalty is taken: every choice against its formula."""

import inspect
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from gan_jax.penalties import POINTS, Points, around_real, as_points, interpolate, interpolate_beta, mix

KEY = jax.random.key(0)
every_choice = pytest.mark.parametrize("name", POINTS)


def normal(seed, *shape):
    return jnp.array(np.random.default_rng(seed).normal(size=shape), jnp.float32)


compiled_interpolate = jax.jit(interpolate)


@pytest.mark.slow
@given(st.sampled_from([(2,), (6, 3), (3, 1, 4), (4, 2, 3, 1)]), st.integers(0, 2**31 - 1))
def test_interpolated_points_lie_on_their_own_segment(samples, seed):
    n, *shape = samples
    real, fake = np.random.default_rng(seed).normal(size=(2, *samples)).astype(np.float32)
    points = compiled_interpolate(jax.random.key(seed), real=real, fake=fake)
    chex.assert_equal_shape([points, real])
    # One weight per sample: the same in every pixel, between 0 and 1.
    weights = np.asarray((points - fake) / (real - fake)).reshape(n, -1)
    assert (weights >= -1e-3).all()
    assert (weights <= 1 + 1e-3).all()
    assert np.ptp(np.asarray(points - fake - weights[:, :1].reshape(n, *[1] * len(shape)) * (real - fake))) < 1e-5


def test_weights_are_uniform_and_differ_between_samples():
    weights = np.sort(interpolate(KEY, real=jnp.ones((4000, 1)), fake=jnp.zeros((4000, 1))).ravel())
    assert len(np.unique(weights)) > 3900
    assert np.abs(weights - np.linspace(0, 1, 4000)).max() < 0.03  # Kolmogorov-Smirnov, p about 1e-3


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 1.0), (0.3, 4.0)])
def test_weights_follow_the_beta_distribution(a, b):
    real, fake = jnp.ones((4000, 2)), jnp.zeros((4000, 2))
    points = np.asarray(interpolate_beta(KEY, real=real, fake=fake, a=a, b=b))
    np.testing.assert_array_equal(points[:, 0], points[:, 1])  # one weight per sample
    weights = points[:, 0]
    assert ((weights >= 0) & (weights <= 1)).all()
    np.testing.assert_allclose(weights.mean(), a / (a + b), atol=0.025)
    np.testing.assert_allclose(weights.var(), a * b / ((a + b) ** 2 * (a + b + 1)), atol=0.01)
    assert kstest(weights, beta(a, b).cdf).pvalue > 1e-3


def test_beta_weights_crowd_at_the_ends_by_default():
    weights = interpolate_beta(KEY, real=jnp.ones((4000, 1)), fake=jnp.zeros((4000, 1)))
    np.testing.assert_allclose(((weights < 0.1) | (weights > 0.9)).mean(), 2 * beta(0.5, 0.5).cdf(0.1), atol=0.03)


def test_mixed_points_lie_on_segments_within_a_side_and_across():
    """Real samples are vertices 0 to N - 1 of a simplex, generated ones the rest: coordinates are the weights."""
    n = 200
    vertices = jnp.eye(2 * n)
    points = np.asarray(mix(KEY, real=vertices[:n], fake=vertices[n:]))
    assert points.shape == (n, 2 * n)
    assert (points >= 0).all()
    np.testing.assert_allclose(points.sum(axis=1), 1, rtol=1e-6)  # the convex hull
    ends = [np.flatnonzero(row) for row in points]
    assert {len(end) for end in ends} == {2}
    np.testing.assert_array_equal(np.sort(np.concatenate(ends)), np.arange(2 * n))  # each sample in one segment
    sides = np.sum(np.array(ends) < n, axis=1)
    assert {*sides} == {0, 1, 2}  # generated ones, a pair, real ones
    np.testing.assert_allclose((sides == 1).mean(), 0.5, atol=0.15)


def test_points_around_real_lie_on_the_way_to_where_half_the_batchs_deviation_at_most_would_move_them():
    """By `e u`: of a product of two uniform numbers the distribution is `p - p log p`; e is one for all coordinates."""
    real, fake = 3 + 2 * normal(0, 500, 200), normal(1, 500, 200)
    unit = np.asarray((around_real(KEY, real=real, fake=fake) - real) / (0.5 * np.std(real)))
    assert kstest(unit[:, 0], lambda p: p - p * np.log(np.maximum(p, 1e-30))).pvalue > 1e-3
    weights = unit.max(axis=1)  # of 200 uniform numbers the largest is nearly one
    assert kstest(weights, "uniform").pvalue > 1e-3
    noise = unit / weights[:, None]
    assert kstest(noise[:, 0], "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(noise[:, :6].T) - np.eye(6)).max() < 0.2  # a draw per coordinate


def test_points_around_real_are_scaled_by_their_spread():
    real, fake = 3 + 2 * normal(0, 5, 2, 3), normal(1, 5, 2, 3)
    unit = np.asarray((around_real(KEY, real=real, fake=fake) - real) / (0.5 * np.std(real)))
    np.testing.assert_allclose(
        around_real(KEY, real=real, fake=5 * fake, spread=2.0) - real, 2 * np.std(real) * unit, atol=1e-5
    )


def test_points_of_equal_real_samples_are_those():
    real = jnp.full((3, 2), 0.3)
    np.testing.assert_array_equal(around_real(KEY, real=real, fake=jnp.zeros((3, 2))), real)


def test_points_by_name():
    real, fake = jnp.ones((3, 2)), jnp.zeros((3, 2))
    assert set(POINTS) == {"interpolated", "beta_interpolated", "mixed", "around_real", "real", "fake", "both"}
    np.testing.assert_array_equal(POINTS["real"](KEY, real=real, fake=fake), real)
    np.testing.assert_array_equal(POINTS["fake"](KEY, real=real, fake=fake), fake)
    np.testing.assert_array_equal(POINTS["both"](KEY, real=real, fake=fake), jnp.concatenate([real, fake]))


@every_choice
def test_points_are_the_same_for_the_same_key_and_finite_where_samples_coincide(name):
    real, fake = normal(0, 4, 3), normal(1, 4, 3)
    points = POINTS[name](KEY, real=real, fake=fake)
    np.testing.assert_array_equal(points, jax.jit(POINTS[name])(KEY, real=real, fake=fake))
    drawn = name not in ("real", "fake", "both")
    assert drawn == bool((points != POINTS[name](jax.random.key(1), real=real, fake=fake)).any())
    assert jnp.isfinite(POINTS[name](KEY, real=real, fake=real)).all()
    equal = jnp.broadcast_to(real[:1], real.shape)
    assert jnp.isfinite(POINTS[name](KEY, real=equal, fake=equal)).all()


@every_choice
@pytest.mark.parametrize(("real", "fake"), [((3, 2), (4, 2)), ((3, 2), (3, 1)), ((), ())], ids=str)
@pytest.mark.usefixtures("unchecked_types")
def test_points_of_unlike_batches_are_refused(name, real, fake):
    with pytest.raises(ValueError, match="one shape"):
        POINTS[name](KEY, real=jnp.zeros(real), fake=jnp.zeros(fake))
    with pytest.raises(ValueError, match="one dtype"):
        POINTS[name](KEY, real=jnp.zeros((3, 2)), fake=jnp.zeros((3, 2), jnp.bfloat16))


@every_choice
def test_half_precision_points_stay_half(name):
    real = jnp.ones((3, 2), jnp.bfloat16)
    points = jax.eval_shape(lambda: POINTS[name](KEY, real=real, fake=-real))
    assert points.dtype == jnp.bfloat16
    assert points.shape in ((3, 2), (6, 2))


def test_points_say_which_samples_they_are_and_which_belong_to_no_pair():
    shares = {name: points.shares for name, points in POINTS.items() if points.shares is not None}
    assert shares == {"real": "real", "fake": "fake", "both": "both"}
    assert [name for name, points in POINTS.items() if not points.pairs] == ["mixed"]


def test_points_are_documented_like_the_functions_they_are_made_of():
    for points in POINTS.values():
        assert points.__doc__ == points.choose.__doc__ != Points.__doc__
        assert inspect.signature(points) == inspect.signature(points.choose)
        assert ">>> " in points.__doc__


def test_a_function_is_points_of_pairs_with_a_pass_of_their_own():
    def middle(key, *, real, fake):
        return (real + fake) / 2

    assert as_points(middle) == Points(middle, shares=None, pairs=True)
    assert as_points(interpolate) is interpolate
    assert as_points(jax.jit(middle)).shares is None
    np.testing.assert_array_equal(as_points(middle)(KEY, real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))), [[0.5], [0.5]])


@every_choice
@pytest.mark.parametrize("wrap", [partial, jax.jit, lambda points: jax.jit(partial(points))])
def test_partial_and_compiled_points_say_what_the_points_say(name, wrap):
    points = POINTS[name]
    wrapped = as_points(wrap(points))
    assert (wrapped.shares, wrapped.pairs) == (points.shares, points.pairs)
    real, fake = normal(0, 4, 3), normal(1, 4, 3)
    np.testing.assert_allclose(
        wrapped(KEY, real=real, fake=fake), points(KEY, real=real, fake=fake), rtol=1e-6, atol=1e-6
    )
