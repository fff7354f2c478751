"""What is asked of slopes, by hand."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from gan_jax.penalties import SHAPES, has_bound, power

SLOPES = jnp.array([0.0, 0.5, 1.0, 3.0])
BOUNDLESS = {"zero_centered", "power", "maximum"}
BY_HAND = {
    "two_sided": [1.0, 0.25, 0.0, 4.0],
    "one_sided": [0.0, 0.0, 0.0, 4.0],
    "hinge": [1.0, 1.0, 1.0, 3.0],
    "absolute": [1.0, 0.5, 0.0, 2.0],
    "zero_centered": [0.0, 0.125, 0.5, 4.5],
    "power": [0.0, 0.015625, 1.0, 729.0],
    "maximum": [9.0, 9.0, 9.0, 9.0],
}
UNDER_THREE_QUARTERS = {
    "two_sided": [0.5625, 0.0625, 0.0625, 5.0625],
    "one_sided": [0.0, 0.0, 0.0625, 5.0625],
    "hinge": [0.75, 0.75, 1.0, 3.0],
    "absolute": [0.75, 0.25, 0.25, 2.25],
}
DERIVATIVE_AT_TWO = {
    "two_sided": 2.0,
    "one_sided": 2.0,
    "hinge": 1.0,
    "absolute": 1.0,
    "zero_centered": 2.0,
    "power": 192.0,
    "maximum": 4.0,
}
every_shape = pytest.mark.parametrize("name", SHAPES)


class ShapesTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_shapes_by_hand(self):
        assert set(SHAPES) == set(BY_HAND)
        for name, shape in SHAPES.items():
            np.testing.assert_allclose(self.variant(shape)(SLOPES), BY_HAND[name], rtol=1e-6, err_msg=name)

    @chex.variants(with_jit=True, without_jit=True)
    def test_shapes_under_another_bound(self):
        for name, values in UNDER_THREE_QUARTERS.items():
            np.testing.assert_allclose(self.variant(SHAPES[name])(SLOPES, 0.75), values, rtol=1e-6, err_msg=name)


@every_shape
def test_which_shapes_have_a_bound(name):
    assert has_bound(SHAPES[name]) == (name not in BOUNDLESS)


def test_power_of_an_exponent():
    np.testing.assert_allclose(power(SLOPES, 3.0), [0.0, 0.125, 1.0, 27.0], rtol=1e-6)


@every_shape
def test_derivatives_are_those_by_hand_and_finite_at_zero_and_at_the_bound(name):
    def total(slope):
        return SHAPES[name](slope[None])[0]

    np.testing.assert_allclose(jax.grad(total)(jnp.array(2.0)), DERIVATIVE_AT_TWO[name], rtol=1e-6)
    check_grads(total, (jnp.array(1.5),), order=2, modes=["rev"], atol=2e-2, rtol=2e-2)
    for slope in (0.0, 1.0):
        assert jnp.isfinite(jax.grad(total)(jnp.array(slope)))
        assert jnp.isfinite(jax.grad(jax.grad(total))(jnp.array(slope)))


def test_the_gradient_of_the_maximum_comes_from_one_sample_alone():
    gradient = jax.grad(lambda slopes: SHAPES["maximum"](slopes).mean())(SLOPES)
    np.testing.assert_allclose(gradient, [0, 0, 0, 6])
