"""What slopes cost, by hand."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numerical import check_derivatives

from gan_jax.penalties import SHAPES, BoundedShape, one_sided, power, two_sided, zero_centered

SLOPES = jnp.array([0.0, 0.5, 1.0, 3.0])
BY_HAND = {
    "two_sided": [1.0, 0.25, 0.0, 4.0],
    "one_sided": [0.0, 0.0, 0.0, 4.0],
    "one_sided_linear": [1.0, 1.0, 1.0, 3.0],
    "two_sided_linear": [1.0, 0.5, 0.0, 2.0],
    "zero_centered": [0.0, 0.125, 0.5, 4.5],
    "power": [0.0, 0.015625, 1.0, 729.0],
    "maximum": [9.0, 9.0, 9.0, 9.0],
}
UNDER_THREE_QUARTERS = {
    "two_sided": [0.5625, 0.0625, 0.0625, 5.0625],
    "one_sided": [0.0, 0.0, 0.0625, 5.0625],
    "one_sided_linear": [0.75, 0.75, 1.0, 3.0],
    "two_sided_linear": [0.75, 0.25, 0.25, 2.25],
}
DERIVATIVE_AT_TWO = {
    "two_sided": 2.0,
    "one_sided": 2.0,
    "one_sided_linear": 1.0,
    "two_sided_linear": 1.0,
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
            np.testing.assert_allclose(self.variant(shape())(SLOPES), BY_HAND[name], rtol=1e-6, err_msg=name)

    @chex.variants(with_jit=True, without_jit=True)
    def test_shapes_under_another_bound(self):
        for name, values in UNDER_THREE_QUARTERS.items():
            np.testing.assert_allclose(self.variant(SHAPES[name](0.75))(SLOPES), values, rtol=1e-6, err_msg=name)


@every_shape
def test_shapes_with_a_bound_hold_it_as_data(name):
    shape = SHAPES[name]()
    assert isinstance(shape, BoundedShape) == (name in UNDER_THREE_QUARTERS)
    if isinstance(shape, BoundedShape):
        assert shape.bound == 1.0
        other = replace(shape, bound=0.75)
        assert other == SHAPES[name](0.75) == SHAPES[name](bound=0.75)
        assert other != shape
        np.testing.assert_allclose(other(SLOPES), UNDER_THREE_QUARTERS[name], rtol=1e-6)


def test_shapes_are_equal_where_factory_and_constants_are():
    shapes = [factory() for factory in SHAPES.values()]
    assert shapes == [factory() for factory in SHAPES.values()]
    assert len({*shapes}) == len(SHAPES)
    assert two_sided(2.0) != one_sided(2.0)
    assert power(3.0) == power(exponent=3.0) != power()
    assert zero_centered() is zero_centered()


def test_a_bound_is_a_number_of_a_program():
    """So that a bound can be searched for without compiling anew."""
    bounds = jnp.array([0.75, 1.0])
    found = jax.jit(jax.vmap(lambda bound: two_sided(bound)(SLOPES)))(bounds)
    np.testing.assert_allclose(found, [UNDER_THREE_QUARTERS["two_sided"], BY_HAND["two_sided"]], rtol=1e-6)


def test_power_of_an_exponent():
    np.testing.assert_allclose(power(3.0)(SLOPES), [0.0, 0.125, 1.0, 27.0], rtol=1e-6)


@every_shape
def test_derivatives_are_those_by_hand_and_finite_at_zero_and_at_the_bound(name):
    def total(slope):
        return SHAPES[name]()(slope[None])[0]

    first, second = jax.grad(total), jax.grad(jax.grad(total))
    slopes = jnp.array([2.0, 0.0, 1.0])
    by_slope = jax.jit(lambda slopes: (jax.vmap(first)(slopes), jax.vmap(second)(slopes)))(slopes)
    np.testing.assert_allclose(by_slope[0][0], DERIVATIVE_AT_TWO[name], rtol=1e-6)
    assert jnp.isfinite(jnp.stack(by_slope)).all()
    check_derivatives(total, jnp.array(1.5))


def test_the_gradient_of_the_maximum_comes_from_one_sample_alone():
    gradient = jax.grad(lambda slopes: SHAPES["maximum"]()(slopes).mean())(SLOPES)
    np.testing.assert_allclose(gradient, [0, 0, 0, 6])
