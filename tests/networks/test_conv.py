"""The project's convolutions against `lax` and Flax: values, first and second derivatives."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from gan_jax.networks import conv as ours

DIMENSIONS = ("NHWC", "HWIO", "NHWC")

shapes = st.fixed_dictionaries(
    {
        "kernel": st.integers(1, 8),
        "stride": st.integers(1, 2),
        "size": st.tuples(st.integers(8, 15), st.integers(8, 15)) | st.tuples(st.integers(8, 40), st.integers(33, 40)),
        "channels": st.tuples(st.sampled_from([1, 3, 6]), st.sampled_from([1, 6])),
        "padding": st.sampled_from(["SAME", "VALID", ((1, 2), (0, 3))]),
        "seed": st.integers(0, 1000),
    }
)


def arrays(kernel, size, channels, seed, **_):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, *size, channels[0]))
    w = rng.normal(size=(kernel, kernel, *channels)) / kernel
    return jnp.array(x, jnp.float32), jnp.array(w, jnp.float32)


def assert_close(ours, theirs):
    assert ours.shape == theirs.shape
    if not theirs.size:
        return
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(float(jnp.abs(theirs).max()), 1e-3))


def reference(x, w, stride, padding, transposed):
    if transposed:
        return lax.conv_transpose(x, w, (stride, stride), padding, dimension_numbers=DIMENSIONS)
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=DIMENSIONS)


@partial(jax.jit, static_argnums=0)
def value_and_derivatives(operation, x, w):
    """The output, the gradient of a function of it, and the gradient of a penalty on that gradient."""

    def smooth(x, w):
        y = operation(x, w)
        return jnp.sum(jnp.sin(y)), y

    def penalty(x, w):
        return jnp.sum(jax.grad(smooth, has_aux=True)(x, w)[0] ** 2)

    gradients, y = jax.grad(smooth, argnums=(0, 1), has_aux=True)(x, w)
    return y, gradients, jax.grad(penalty, argnums=(0, 1))(x, w)


OBLONG = [
    ((40, 4), (8, 8), 1, "SAME", False),
    ((40, 2), (5, 5), 1, "SAME", False),
    ((40, 1), (3, 3), 1, "SAME", False),
    ((8, 64), (7, 7), 1, "VALID", False),
    ((64, 2), (4, 4), 2, "SAME", False),
    ((3, 40), (7, 7), 1, "VALID", False),  # larger than the image
    ((40, 1), (7, 7), 1, "VALID", False),
    ((1, 33), (6, 6), 2, "SAME", True),
    ((2, 50), (5, 8), 2, ((0, 2), (3, 1)), True),
]


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "transposed"), OBLONG)
def test_a_side_of_any_length_beside_another(size, kernel, stride, padding, transposed):
    agrees_with_lax(size, kernel, stride, padding, transposed, (5, 6))


sides = st.sampled_from([1, 2, 3, 4, 5, 8, 13, 17, 31, 33, 40, 50, 64])
any_window = {
    "size": st.tuples(sides, sides),
    "kernel": st.tuples(st.integers(1, 8), st.integers(1, 8)),
    "stride": st.integers(1, 3),
    "padding": st.sampled_from(["SAME", "VALID", ((0, 2), (3, 1)), ((-1, 2), (1, 0))]),
    "transposed": st.booleans(),
    "channels": st.sampled_from([(5, 6), (1, 6), (6, 1)]),
}


@pytest.mark.slow
@settings(max_examples=25, derandomize=True)
@given(**any_window)
def test_any_size_kernel_stride_and_padding(**case):
    agrees_with_lax(**case)


@pytest.mark.slow
@settings(max_examples=100)
@given(**any_window)
def test_many_sizes_kernels_strides_and_paddings(**case):
    agrees_with_lax(**case)


def agrees_with_lax(size, kernel, stride, padding, transposed, channels):
    rng = np.random.default_rng(0)
    x, w = (jnp.array(rng.normal(size=shape), jnp.float32) for shape in ((2, *size, channels[0]), (*kernel, *channels)))
    try:
        theirs = jax.jit(partial(reference, stride=stride, padding=padding, transposed=transposed))(x, w)
    except (TypeError, ValueError):  # as where more is cut off than there is
        return
    operation = ours.conv_transpose if transposed else ours.conv
    window = {"stride": stride, "padding": padding, "method": "toom_cook"}
    assert_close(jax.jit(partial(operation, **window))(x, w), theirs)


@pytest.mark.slow
@pytest.mark.parametrize("transposed", [False, True])
@settings(max_examples=12)
@given(case=shapes)
def test_values_and_both_derivatives_equal_lax(transposed, case):
    x, w = arrays(**case)
    operation = ours.conv_transpose if transposed else ours.conv

    window = {"stride": case["stride"], "padding": case["padding"]}
    jax.tree.map(
        assert_close,
        value_and_derivatives(lambda x, w: operation(x, w, **window), x, w),
        value_and_derivatives(lambda x, w: reference(x, w, **window, transposed=transposed), x, w),
    )


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, "SAME"), (5, 2, "SAME"), (4, 2, "VALID"), (1, 2, "SAME"), (5, 2, ((7, 0), (9, 1)))],
)
def test_large_images_are_cut_into_blocks(transposed, kernel, stride, padding):
    x, w = arrays(kernel=kernel, size=(35, 50), channels=(6, 6), seed=0)
    operation, window = ours.conv_transpose if transposed else ours.conv, {"stride": stride, "padding": padding}
    jax.tree.map(
        assert_close,
        value_and_derivatives(lambda x, w: operation(x, w, **window), x, w),
        value_and_derivatives(lambda x, w: reference(x, w, **window, transposed=transposed), x, w),
    )


@pytest.mark.parametrize("operation", [ours.conv, ours.conv_transpose])
def test_the_method_can_be_chosen(operation):
    x, w = arrays(kernel=5, size=(9, 9), channels=(6, 6), seed=0)
    programs = {
        method: jax.jit(lambda x, w, method=method: operation(x, w, stride=2, method=method)).lower(x, w).as_text()
        for method in ("lax", "toom_cook")
    }
    assert "convolution" in programs["lax"]
    assert "dot_general" not in programs["lax"]
    assert "convolution" not in programs["toom_cook"]


@pytest.mark.parametrize("operation", [ours.conv, ours.conv_transpose])
@pytest.mark.usefixtures("unchecked_types")
def test_methods_that_are_unknown_or_cannot_take_the_kernel_are_refused(operation):
    x, w = arrays(kernel=5, size=(9, 9), channels=(6, 6), seed=0)
    with pytest.raises(ValueError, match="'fft'"):
        operation(x, w, method="fft")
    _, large = arrays(kernel=9, size=(9, 9), channels=(6, 6), seed=0)
    with pytest.raises(ValueError, match="up to 8"):
        operation(x, large, method="toom_cook")


def test_no_convolution_is_left_for_a_cpu_to_run():
    x, w = arrays(kernel=5, size=(9, 9), channels=(6, 6), seed=0)
    program = jax.jit(lambda x, w: ours.conv(x, w, stride=2)).lower(x, w).as_text()
    assert "dot_general" in program
    assert "convolution" not in program


def test_half_precision_is_not_interpolated():
    x, w = arrays(kernel=5, size=(9, 9), channels=(6, 6), seed=0)
    y = ours.conv(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16), stride=2)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(jnp.float32), reference(x, w, 2, "SAME", False), atol=0.1)


@pytest.mark.parametrize(
    ("layer", "flax_layer"),
    [
        (ours.Conv(6, kernel_size=5, stride=2), nn.Conv(6, (5, 5), 2)),
        (ours.ConvTranspose(6, kernel_size=5, stride=2), nn.ConvTranspose(6, (5, 5), (2, 2))),
    ],
)
def test_parameters_interchange_with_flax(layer, flax_layer):
    x, _ = arrays(kernel=5, size=(9, 9), channels=(6, 6), seed=0)
    params = layer.init(jax.random.key(0), x)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, flax_layer.init(jax.random.key(0), x))
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # a bias of zero would hide a missing one
    assert_close(layer.apply(params, x), flax_layer.apply(params, x))


@pytest.mark.parametrize(("kernel", "stride"), [(9, 1), (11, 2), (12, 2)])
def test_kernels_too_large_to_interpolate_are_left_to_lax(kernel, stride):
    x, w = arrays(kernel=kernel, size=(13, 14), channels=(6, 6), seed=0)
    assert_close(ours.conv(x, w, stride=stride), reference(x, w, stride, "SAME", False))
    assert_close(ours.conv_transpose(x, w, stride=stride), reference(x, w, stride, "SAME", True))


@pytest.mark.parametrize(
    ("x", "w"), [((2, 0, 3, 1), (3, 3, 1, 4)), ((2, 5, 5, 0), (3, 3, 0, 4)), ((0, 5, 5, 1), (3, 3, 1, 4))]
)
def test_of_no_pixel_or_channel_is_made_zero(x, w):
    settings = {"padding": [(4, 4), (4, 4)]}
    expected = jax.eval_shape(lambda x, w: ours.conv(x, w, **settings, method="lax"), jnp.zeros(x), jnp.zeros(w))
    found = ours.conv(jnp.zeros(x), jnp.ones(w), **settings)
    np.testing.assert_array_equal(found, np.zeros(expected.shape))
    assert jax.grad(lambda w: ours.conv(jnp.zeros(x), w, **settings).sum())(jnp.ones(w)).shape == w


def test_unknown_paddings_are_refused():
    x, w = arrays(kernel=3, size=(9, 9), channels=(6, 6), seed=0)
    for operation in (ours.conv, ours.conv_transpose):
        with pytest.raises((ValueError, RuntimeError), match=r"REFLECT|padding"):
            operation(x, w, padding="REFLECT")


@pytest.mark.parametrize(("x", "w"), [((2, 8, 8), (3, 3, 1, 1)), ((2, 8, 8, 3), (3, 3, 1, 1))])
@pytest.mark.usefixtures("unchecked_types")
def test_shapes_that_do_not_fit_are_refused(x, w):
    with pytest.raises(ValueError, match="do not fit"):
        ours.conv(jnp.zeros(x), jnp.zeros(w))
