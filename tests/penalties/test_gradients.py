"""Gradients and their norms against closed forms; any callable is a critic."""

from functools import partial

import chex
import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numerical import check_derivatives

from gan_jax.penalties import gradient_norm, gradient_penalty
from gan_jax.penalties.gradients import euclidean, l1, linf, lp, score_and_gradient, sobolev

KEY = jax.random.key(0)


def quadratic(x):
    """Its gradient at x is x, so the norms differ between samples."""
    return (x.reshape(len(x), -1) ** 2).sum(axis=1) / 2


def flat(x):
    return 0 * x.reshape(len(x), -1).sum(axis=1)


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


@pytest.mark.parametrize("one_sided", [False, True])
def test_derivatives_by_the_critics_parameters(one_sided):
    """To second order, numerically: the penalty is itself differentiated in training."""
    points = jnp.array([[1.0, -0.5], [0.2, 0.7], [-1.0, 2.0]])

    def penalty(weights):
        return gradient_penalty(
            lambda x: jnp.tanh(x @ weights).sum(axis=1), points.astype(weights.dtype), bound=0.1, one_sided=one_sided
        ).mean()

    check_derivatives(penalty, np.array([[0.5, -1.0], [1.5, 0.3]]))


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


def normal(seed, *shape):
    return jnp.array(np.random.default_rng(seed).normal(size=shape), jnp.float32)


NORMS = {
    "euclidean": euclidean,
    "l1": l1,
    "linf": linf,
    "lp_10_9": partial(lp, exponent=10 / 9),
    "lp_3": partial(lp, exponent=3.0),
    "sobolev": sobolev,
    "sobolev_rough": partial(sobolev, order=1.0),
}
every_norm = pytest.mark.parametrize("name", NORMS)


@pytest.mark.parametrize(
    ("norm", "order"), [(euclidean, 2), (l1, 1), (linf, np.inf), (NORMS["lp_10_9"], 10 / 9), (NORMS["lp_3"], 3)]
)
def test_norms_are_numpys(norm, order):
    gradient = normal(0, 5, 2, 3)
    by_numpy = np.linalg.norm(np.asarray(gradient).reshape(5, 6), ord=order, axis=1)
    np.testing.assert_allclose(jax.jit(norm)(gradient), by_numpy, rtol=1e-5)


@pytest.mark.parametrize("exponent", [10 / 9, 2.0, 6.0])
def test_powers_of_tiny_and_huge_gradients_neither_vanish_nor_overflow(exponent):
    gradient = jnp.array([[3.0, -4.0], [0.0, -2.0]])
    scales = np.array([1e-30, 1e-10, 1.0, 1e10, 1e30])
    by_numpy = np.linalg.norm(np.asarray(gradient, np.float64), ord=exponent, axis=1)

    @jax.jit
    def norms_and_derivative(gradient):
        return lp(gradient, exponent=exponent), jax.grad(lambda g: lp(g, exponent=exponent)[0])(gradient)

    for scale in scales:
        found, derivative = norms_and_derivative(jnp.float32(scale) * gradient)
        np.testing.assert_allclose(found, scale * by_numpy, rtol=1e-5)
        # The derivative of a norm does not depend on the scale.
        expected = np.array([3.0, -4.0]) / by_numpy[0]
        expected = np.sign(expected) * np.abs(expected) ** (exponent - 1)
        np.testing.assert_allclose(derivative, [expected, [0.0, 0.0]], rtol=1e-5)


def fourier_norm(image, order):
    """The definition, every frequency's sum written out: (H, W, C) to a number."""
    h, w, _ = image.shape
    total = 0.0
    for k in range(h):
        for m in range(w):
            wave = np.exp(-2j * np.pi * (k * np.arange(h)[:, None] / h + m * np.arange(w)[None] / w))
            frequency = [min(i, n - i) / max(n // 2, 1) for i, n in ((k, h), (m, w))]
            weight = (1 + 5 * (frequency[0] ** 2 + frequency[1] ** 2)) ** -order
            total += weight * (np.abs((wave[:, :, None] * image).sum(axis=(0, 1))) ** 2).sum()
    return np.sqrt(total / (h * w))


compiled_sobolev = jax.jit(sobolev)


@pytest.mark.parametrize("order", [-1.5, 0.0, 1.0])
@pytest.mark.parametrize("shape", [(4, 6, 2), (5, 3, 1), (1, 4, 3)], ids=str)
def test_the_sobolev_norm_is_that_of_its_definition(shape, order):
    images = normal(1, 3, *shape)
    expected = [fourier_norm(image, order) for image in np.asarray(images, np.float64)]
    found = compiled_sobolev(images, order)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    if order == 0:
        np.testing.assert_allclose(found, np.linalg.norm(np.asarray(images).reshape(3, -1), axis=1), rtol=1e-5)


def test_a_fine_pattern_is_steeper_than_a_coarse_one():
    """The sharpest pattern there is weighs (1 + 5 + 5)^(3/4) times as much as a constant one."""
    board = jnp.array([[1.0, -1.0], [-1.0, 1.0]]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(sobolev(board) / sobolev(jnp.ones_like(board)), 11**0.75, rtol=1e-5)


def test_a_sobolev_norm_is_of_images():
    with pytest.raises(ValueError, match=r"\(N, H, W, C\), got \(3, 2\)"):
        sobolev(jnp.ones((3, 2)))


@every_norm
def test_norms_scale_and_keep_the_triangle_inequality(name):
    x, y = normal(2, 4, 3, 2, 1), normal(3, 4, 3, 2, 1)
    norm = NORMS[name]
    np.testing.assert_allclose(norm(-2.5 * x), 2.5 * norm(x), rtol=1e-5)
    assert (norm(x + y) <= (norm(x) + norm(y)) * 1.00001).all()


@every_norm
def test_norms_of_nothing_are_zero_with_finite_derivatives(name):
    """Of the sum and the largest coordinate a subgradient, of the others zero."""
    zero = jnp.zeros((2, 3, 2, 1))
    direction = normal(4, *zero.shape)

    def along(step):
        return NORMS[name](zero + step * direction).sum()

    @jax.jit
    def at_zero(zero):
        return along(0.0), jax.grad(lambda g: NORMS[name](g).sum())(zero), jax.grad(jax.grad(along))(0.0)

    value, derivative, second = at_zero(zero)
    assert float(value) == 0
    dual = {"l1": linf, "linf": l1}.get(name)
    assert (dual(derivative) <= 1.00001).all() if dual else not derivative.any()
    assert jnp.isfinite(second)


@every_norm
def test_norms_are_of_at_least_float32(name):
    gradient = normal(5, 2, 3, 2, 1)
    assert jax.eval_shape(NORMS[name], gradient.astype(jnp.bfloat16)).dtype == jnp.float32
    with jax.enable_x64(True):
        assert jax.eval_shape(NORMS[name], jnp.asarray(np.asarray(gradient, np.float64))).dtype == jnp.float64


@every_norm
def test_derivatives_of_norms(name):
    check_derivatives(NORMS[name], normal(6, 2, 3, 2, 1))


@pytest.mark.parametrize("cotangent", [1.0, -1 / 3, 0.25])
def test_the_gradient_does_not_depend_on_the_cotangent(cotangent):
    x = normal(7, 3, 2)
    scores, gradient = score_and_gradient(quadratic, x, cotangent=cotangent)
    np.testing.assert_allclose(scores, (np.asarray(x) ** 2).sum(axis=1) / 2, rtol=1e-6)
    np.testing.assert_allclose(gradient, x, rtol=1e-6)
