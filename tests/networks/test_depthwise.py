"""The project's depthwise convolution against `lax`'s grouped one and against Flax."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.networks import depthwise
from gan_jax.networks.depthwise import DepthwiseConv, depthwise_conv


def arrays(size, kernel, channels=6):
    rng = np.random.default_rng(0)
    return (jnp.array(rng.normal(size=shape), jnp.float32) for shape in ((2, *size, channels), (*kernel, channels)))


def grouped(x, w, stride, padding):
    c = x.shape[3]
    window = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "feature_group_count": c}
    return lax.conv_general_dilated(x, w.reshape(*w.shape[:2], 1, c), (stride, stride), padding, **window)


def value_and_gradients(operation):
    """The output, and the gradient of a function of it."""

    def smooth(x, w):
        y = operation(x, w)
        return jnp.sum(jnp.sin(y)), y

    def both(x, w):
        gradients, y = jax.grad(smooth, argnums=(0, 1), has_aux=True)(x, w)
        return y, *gradients

    return jax.jit(both)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("size", "kernel", "padding"),
    [
        ((8, 8), (3, 3), "SAME"),
        ((7, 10), (5, 5), "SAME"),
        ((9, 6), (2, 4), "VALID"),
        ((7, 10), (3, 2), ((1, 2), (0, 3))),
    ],
    ids=str,
)
def test_values_and_gradients_equal_lax(size, kernel, stride, padding):
    x, w = arrays(size, kernel)
    ours = value_and_gradients(lambda x, w: depthwise_conv(x, w, stride=stride, padding=padding))(x, w)
    theirs = value_and_gradients(lambda x, w: grouped(x, w, stride, padding))(x, w)
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape
        np.testing.assert_allclose(our, their, atol=1e-5 * float(jnp.abs(their).max()))


def test_a_kernel_that_does_not_fit_in_the_image_has_no_place():
    x, w = arrays((2, 9), (3, 3))
    assert depthwise_conv(x, w, padding="VALID").shape == grouped(x, w, 1, "VALID").shape == (2, 0, 7, 6)


@pytest.mark.parametrize("stride", [1, 2])
def test_elsewhere_than_on_a_cpu_it_is_lax(stride):
    x, w = arrays((7, 10), (3, 5))
    padding = ((1, 1), (2, 0))
    elsewhere = depthwise._grouped(x, w, stride=stride, padding=padding)
    np.testing.assert_array_equal(elsewhere, grouped(x, w, stride, padding))
    np.testing.assert_allclose(depthwise_conv(x, w, stride=stride, padding=padding), elsewhere, atol=1e-5)


def test_no_convolution_is_left_for_a_cpu_to_run():
    x, w = arrays((8, 8), (3, 3))
    program = jax.jit(jax.grad(lambda x, w: depthwise_conv(x, w, stride=2).sum())).lower(x, w).as_text()
    assert "convolution" not in program


@pytest.mark.slow
def test_half_precision_is_added_up_in_float32():
    x, w = (array.astype(jnp.bfloat16) for array in arrays((9, 9), (5, 5)))
    y = depthwise_conv(x, w)
    assert y.dtype == jnp.bfloat16
    exact = grouped(x.astype(jnp.float32), w.astype(jnp.float32), 1, "SAME")
    np.testing.assert_array_equal(y, exact.astype(jnp.bfloat16))


@pytest.mark.parametrize("size", [3, (2, 5)])
def test_parameters_interchange_with_flax(size):
    x, _ = arrays((9, 9), (1, 1))
    layer = DepthwiseConv(size, stride=2)
    flax_layer = nn.Conv(6, size if isinstance(size, tuple) else (size, size), 2, feature_group_count=6)
    params = layer.init(jax.random.key(0), x)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, flax_layer.init(jax.random.key(0), x))
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # a bias of zero would hide a missing one
    np.testing.assert_allclose(layer.apply(params, x), flax_layer.apply(params, x), atol=1e-5)


@pytest.mark.parametrize(("x", "w"), [((2, 8, 8), (3, 3, 8)), ((2, 8, 8, 3), (3, 3, 1)), ((2, 8, 8, 3), (3, 3, 1, 3))])
@pytest.mark.usefixtures("unchecked_types")
def test_shapes_that_do_not_fit_are_refused(x, w):
    with pytest.raises(ValueError, match="do not fit"):
        depthwise_conv(jnp.zeros(x), jnp.zeros(w))
