"""Points, shapes and gradient norms against closed forms; any callable is a critic."""

import chex
import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from gan_jax.penalties import POINTS, SHAPES, gradient_norm, gradient_penalty, interpolate

KEY = jax.random.key(0)


def quadratic(x):
    """Its gradient at x is x, so the norms differ between samples."""
    return (x.reshape(len(x), -1) ** 2).sum(axis=1) / 2


def flat(x):
    return 0 * x.reshape(len(x), -1).sum(axis=1)


@given(st.integers(2, 6), st.lists(st.integers(1, 4), max_size=3), st.integers(0, 2**31 - 1))
def test_interpolated_points_lie_on_their_own_segment(n, shape, seed):
    rng = np.random.default_rng(seed)
    real, fake = (jnp.array(rng.normal(size=(n, *shape)), jnp.float32) for _ in range(2))
    points = interpolate(jax.random.key(seed), real=real, fake=fake)
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


def test_points_by_name():
    real, fake = jnp.ones((3, 2)), jnp.zeros((3, 2))
    assert set(POINTS) == {"interpolated", "real", "fake", "both"}
    np.testing.assert_array_equal(POINTS["real"](KEY, real=real, fake=fake), real)
    np.testing.assert_array_equal(POINTS["fake"](KEY, real=real, fake=fake), fake)
    np.testing.assert_array_equal(POINTS["both"](KEY, real=real, fake=fake), jnp.concatenate([real, fake]))


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize(("real", "fake"), [((3, 2), (4, 2)), ((3, 2), (3, 1)), ((), ())], ids=str)
def test_points_of_unlike_batches_are_refused(name, real, fake):
    with pytest.raises(ValueError, match="one shape"):
        POINTS[name](KEY, real=jnp.zeros(real), fake=jnp.zeros(fake))
    with pytest.raises(ValueError, match="one dtype"):
        POINTS[name](KEY, real=jnp.zeros((3, 2)), fake=jnp.zeros((3, 2), jnp.bfloat16))


def test_half_precision_points_stay_half():
    real = jnp.ones((3, 2), jnp.bfloat16)
    assert interpolate(KEY, real=real, fake=-real).dtype == jnp.bfloat16


class NormTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_norm_is_per_sample_over_all_other_axes(self):
        points = jnp.arange(24.0).reshape(2, 2, 3, 2)
        norms = self.variant(lambda x: gradient_norm(quadratic, x))(points)
        np.testing.assert_allclose(norms, np.sqrt([(np.arange(12) ** 2).sum(), (np.arange(12, 24) ** 2).sum()]))

    @chex.variants(with_jit=True, without_jit=True)
    def test_penalty_by_hand(self):
        points = jnp.array([[3.0, 4.0], [0.6, 0.8], [0.0, 0.0]])
        two = self.variant(lambda x: gradient_penalty(quadratic, x, bound=2.0))(points)
        np.testing.assert_allclose(two, [9.0, 1.0, 4.0], rtol=1e-6)
        one = self.variant(lambda x: gradient_penalty(quadratic, x, bound=2.0, one_sided=True))(points)
        np.testing.assert_allclose(one, [9.0, 0.0, 0.0], rtol=1e-6)


def test_shapes_by_hand():
    norms = jnp.array([0.0, 0.5, 1.0, 3.0])
    assert set(SHAPES) == {"two_sided", "one_sided", "hinge"}
    np.testing.assert_allclose(SHAPES["two_sided"](norms, 1.0), [1.0, 0.25, 0.0, 4.0])
    np.testing.assert_allclose(SHAPES["one_sided"](norms, 1.0), [0.0, 0.0, 0.0, 4.0])
    np.testing.assert_allclose(SHAPES["hinge"](norms, 0.75), [0.75, 0.75, 1.0, 3.0])


@pytest.mark.parametrize("one_sided", [False, True])
def test_derivatives_by_the_critics_parameters(one_sided):
    """To second order, numerically: the penalty is itself differentiated in training."""
    points = jnp.array([[1.0, -0.5], [0.2, 0.7], [-1.0, 2.0]])

    def penalty(weights):
        return gradient_penalty(
            lambda x: jnp.tanh(x @ weights).sum(axis=1), points, bound=0.1, one_sided=one_sided
        ).mean()

    check_grads(penalty, (jnp.array([[0.5, -1.0], [1.5, 0.3]]),), order=2, modes=["rev"], atol=2e-2, rtol=2e-2)


def test_a_flat_critic_has_finite_derivatives_of_every_order_in_use():
    points = jnp.zeros((3, 2))

    def penalty(scale):
        return gradient_penalty(lambda x: scale * quadratic(x), points).sum()

    value, first = jax.value_and_grad(penalty)(jnp.array(0.0))
    second = jax.grad(jax.grad(penalty))(jnp.array(0.0))
    assert (float(value), float(first), float(second)) == (3.0, 0.0, 0.0)
    np.testing.assert_array_equal(jax.grad(lambda x: gradient_norm(quadratic, x).sum())(points), jnp.zeros((3, 2)))
    np.testing.assert_array_equal(gradient_norm(flat, jnp.ones((3, 2))), jnp.zeros(3))


def test_norms_are_float32_under_a_half_precision_critic():
    """Ten thousand pixels of gradient 1: summed in bfloat16 their squares would stop growing at 256."""
    norms = gradient_norm(lambda x: x.sum(axis=1), jnp.ones((2, 10_000), jnp.bfloat16))
    assert norms.dtype == jnp.float32
    np.testing.assert_allclose(norms, [100.0, 100.0], rtol=1e-6)


@pytest.mark.parametrize("critic", [lambda x: x, lambda x: x.sum(), lambda x: x.sum(axis=1, keepdims=True)])
def test_scores_that_are_not_one_per_sample_are_refused(critic):
    with pytest.raises(ValueError, match=r"one score per sample, \(3,\)"):
        gradient_norm(critic, jnp.ones((3, 2)))


def linen_critic():
    module = nn.Dense(1)
    params = module.init(KEY, jnp.ones((1, 2)))
    return lambda x: module.apply(params, x).squeeze(-1), params["params"]["kernel"]


def nnx_critic():
    module = nnx.Linear(2, 1, rngs=nnx.Rngs(0))
    return lambda x: module(x).squeeze(-1), module.kernel.get_value()


def equinox_critic():
    module = eqx.nn.Linear(2, "scalar", key=KEY)
    return jax.vmap(module), module.weight


@pytest.mark.parametrize("make", [linen_critic, nnx_critic, equinox_critic])
def test_any_callable_is_a_critic(make):
    """A linear critic's gradient is its weight, at every point."""
    critic, weight = make()
    norm = float(np.linalg.norm(weight))
    np.testing.assert_allclose(gradient_norm(critic, jnp.ones((4, 2))), [norm] * 4, rtol=1e-5)
    np.testing.assert_allclose(gradient_penalty(critic, jnp.ones((4, 2))), [(norm - 1) ** 2] * 4, rtol=1e-4)
