"""Penalties as data: the published ones, and what is put together by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.losses import LOSSES
from gan_jax.penalties import (
    PENALTIES,
    POINTS,
    SHAPES,
    SLOPES,
    Penalty,
    at_fake,
    at_real,
    has_bound,
    one_sided,
    power,
    two_sided,
    zero_centered,
)
from gan_jax.penalties.slopes import pair

KEY = jax.random.key(0)
REQUIRED = {
    *("wgan_gp", "wgan_lp", "hinge", "dragan", "r1", "r2", "r1_r2", "zero_centered", "max_gradient", "wgan_div"),
    *("banach", "consistency", "adversarial_lipschitz", "finite_difference_r1", "gan_qp", "lecam"),
}


def quadratic(x):
    return (x**2).sum(axis=1) / 2


def test_the_registry_holds_the_penalties_of_the_field():
    assert set(PENALTIES) >= REQUIRED


@pytest.mark.parametrize("name", PENALTIES)
def test_a_preset_is_made_of_registered_parts_and_says_where_it_is_from(name):
    penalty = PENALTIES[name]
    assert penalty.points in POINTS.values()
    assert penalty.slope in SLOPES.values()
    assert penalty.shape in SHAPES.values()
    assert penalty.weight > 0
    assert penalty.every == 1
    assert len(penalty.paper) > 20
    assert {*penalty.losses} <= {*LOSSES}
    assert has_bound(penalty.shape) == (penalty.bound is not None)


def test_which_penalties_fit_some_losses_only():
    limited = {name: {*penalty.losses} for name, penalty in PENALTIES.items() if penalty.losses}
    assert limited == {"gan_qp": {"wasserstein"}, "lecam": {*LOSSES} - {"relativistic"}}


def test_weights_make_up_for_the_factors_of_the_papers():
    """What the papers write, for a slope of 3: their factor times its square or power."""
    papers = {"r1": 10 / 2, "r2": 10 / 2, "zero_centered": 10.0, "consistency": 2.0, "finite_difference_r1": 0.01}
    for name, factor in papers.items():
        penalty = PENALTIES[name]
        np.testing.assert_allclose(penalty.weight * penalty.asked(jnp.array([3.0])), factor * 9, rtol=1e-6)
    for name, factor in {"r1_r2": 1 / 2, "lecam": 0.3}.items():  # the sum of two means
        both = PENALTIES[name].weight * PENALTIES[name].asked(jnp.array([3.0, 2.0])).mean()
        np.testing.assert_allclose(both, factor * (9 + 4), rtol=1e-6)
    wgan_div = PENALTIES["wgan_div"]
    np.testing.assert_allclose(wgan_div.weight * wgan_div.asked(jnp.array([3.0])), 2 * 3**6, rtol=1e-6)


def test_the_quadratic_potential_of_gan_qp():
    """`(D(x) - D(y))^2 / (2 lambda d)`, lambda = 10, d the root mean square distance."""
    real, fake = jnp.array([[1.0, 2.0, 2.0]]), jnp.array([[0.0, 0.0, 0.0]])
    penalty = PENALTIES["gan_qp"]
    found = penalty.weight * penalty(quadratic, KEY, real=real, fake=fake)
    np.testing.assert_allclose(found, [4.5**2 / (2 * 10 * np.sqrt(9 / 3))], rtol=1e-6)


def test_points_slope_shape_and_bound_are_put_together():
    real, fake = jnp.zeros((2, 2)), jnp.array([[3.0, 4.0], [0.0, 1.0]])
    at = partial(Penalty(at_fake, two_sided), quadratic, KEY, real=real, fake=fake)
    np.testing.assert_allclose(at(), [16, 0])  # the gradient, and the shape's own bound
    by_pairs = Penalty(at_fake, one_sided, slope=pair, bound=2.0)
    np.testing.assert_allclose(by_pairs(quadratic, KEY, real=real, fake=fake), [0.25, 0])
    np.testing.assert_allclose(Penalty(at_real, partial(power, exponent=2.0))(quadratic, KEY, real=real, fake=fake), 0)


def test_weight_and_interval_are_left_to_the_caller():
    real, fake = jnp.ones((2, 2)), jnp.zeros((2, 2))
    once = Penalty(at_real, zero_centered)(quadratic, KEY, real=real, fake=fake)
    heavy = Penalty(at_real, zero_centered, weight=7.0, every=4)(quadratic, KEY, real=real, fake=fake)
    np.testing.assert_array_equal(once, heavy)
    np.testing.assert_allclose(once, [1, 1])
