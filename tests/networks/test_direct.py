"""Convolutions by XLA's libraries, with derivatives of our own, against the matrix products that JAX differentiates."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from gan_jax.networks.conv import conv
from gan_jax.networks.direct import by_eigen, conv_direct
from gan_jax.networks.tiling import conv_nhwc
from gan_jax.training.devices import SINGLE_DEVICE

PADDINGS = {
    "same": ((1, 1), (0, 1)),
    "valid": ((0, 0), (0, 0)),
    "full": ((2, 2), (1, 1)),
    "more than full": ((3, 3), (2, 0)),
    "cropping": ((-1, 1), (0, -2)),
}


def arrays(*shape):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(*shape, 2, 10, 9, 5)), rng.normal(size=(*shape, 3, 2, 5, 6)) / 3
    return jnp.array(x, jnp.float32), jnp.array(kernel, jnp.float32)


def products(x, kernel, padding):
    return conv_nhwc(x, kernel, stride=1, padding=padding, dilation=1)


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(jnp.abs(theirs).max()))


def everything(convolve, x, kernel):
    """Values, and derivatives by both arguments: forward, back, back twice, and forward over back."""

    def smooth(x, kernel):
        return jnp.sin(convolve(x, kernel)).sum()

    def penalty(x, kernel):
        return sum((gradient**2).sum() for gradient in jax.grad(smooth, (0, 1))(x, kernel))

    along = (x[::-1], kernel[::-1])
    return (
        jax.jvp(convolve, (x, kernel), along),
        jax.grad(smooth, (0, 1))(x, kernel),
        jax.grad(penalty, (0, 1))(x, kernel),
        jax.jvp(jax.grad(smooth, (0, 1)), (x, kernel), along)[1],
    )


def compiled(function, *arguments, eigen):
    lowered = jax.jit(function).lower
    if not eigen:
        return lowered(*arguments).compile()
    with by_eigen() as options:
        return lowered(*arguments).compile(options)


@pytest.mark.parametrize("eigen", [False, True])
@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
def test_values_and_derivatives_of_two_orders(padding, eigen):
    x, kernel = arrays()
    found, expected = (
        compiled(partial(everything, partial(convolve, padding=padding)), x, kernel, eigen=eigen)(x, kernel)
        for convolve in (conv_direct, products)
    )
    jax.tree.map(assert_close, found, expected)


def test_of_images_smaller_than_the_kernel():
    x, kernel = jnp.ones((1, 1, 70, 5)), jnp.ones((3, 3, 5, 6))
    np.testing.assert_allclose(
        conv_direct(x, kernel, ((1, 1), (1, 1))), products(x, kernel, ((1, 1), (1, 1))), atol=1e-4
    )


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (1, -1)])
def test_vmap_over_either_or_both(axes):
    x, kernel = (
        jnp.moveaxis(array, 0, axis) if axis is not None else array[0]
        for array, axis in zip(arrays(3), axes, strict=True)
    )

    def each(convolve, x, kernel):
        def smooth(x, kernel):
            return jnp.sin(convolve(x, kernel, PADDINGS["same"])).sum()

        one_by_one = jax.vmap(jax.value_and_grad(smooth, (0, 1)), axes)(x, kernel)
        together = jax.grad(lambda *arrays: jax.vmap(smooth, axes)(*arrays).sum(), (0, 1))(x, kernel)
        return one_by_one, together

    found, expected = (jax.jit(partial(each, convolve))(x, kernel) for convolve in (conv_direct, products))
    jax.tree.map(assert_close, found, expected)


@pytest.mark.parametrize("eigen", [False, True])
def test_in_a_loop_its_derivatives_are_convolutions_that_the_libraries_take(eigen):
    """Elsewhere XLA computes them in a loop of its own, at a hundredth of the speed."""
    x, kernel = jnp.ones((2, 16, 16, 8)), jnp.ones((3, 3, 8, 8))

    def twice(x, kernel):
        return jax.lax.scan(lambda y, _: (conv(y, kernel), None), x, length=2)[0].sum()

    program = compiled(jax.grad(twice, (0, 1)), x, kernel, eigen=eigen).as_text()
    convolutions = [line for line in program.splitlines() if " convolution(" in line]
    assert convolutions
    assert all("dim_labels=b01f_01io->b01f" in line for line in convolutions)
    assert not any("base_dilation" in line or "rhs_reversal" in line for line in convolutions)
    assert any("size=16x16" in line for line in convolutions) == eigen  # the gradient by the kernel


@pytest.mark.parametrize("check", [True, False])
def test_within_shard_map_each_device_convolves_its_samples(check):
    x, kernel = arrays()
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    sharded, whole = PartitionSpec("data"), PartitionSpec()

    def loss(kernel, x):
        return jnp.sin(conv_direct(x, kernel, PADDINGS["same"])).sum()

    @jax.jit
    @partial(jax.shard_map, mesh=mesh, in_specs=(whole, sharded), out_specs=(sharded, whole), check_vma=check)
    def gradients(kernel, x):
        by_image = jax.grad(loss, 1)(kernel, x)
        by_kernel = jax.grad(loss)(kernel, x)  # where types are checked, summed over devices, which share the kernel
        return by_image, by_kernel if check else jax.lax.psum(by_kernel, "data")

    by_image, by_kernel = gradients(kernel, x)
    assert_close(by_image, jax.grad(loss, 1)(kernel, x))
    assert_close(by_kernel, jax.grad(loss)(kernel, x))


def test_large_images_take_it_and_other_precisions_do_not():
    def program(dtype, side, **window):
        x, kernel = jnp.zeros((1, side, side, 5), dtype), jnp.zeros((3, 3, 5, 5), dtype)
        return str(jax.make_jaxpr(partial(conv, **window))(x, kernel))

    assert "conv_direct" in program(jnp.float32, 9)
    assert "conv_direct" in program(jnp.bfloat16, 9)  # in float32
    assert "conv_direct" not in program(jnp.float32, 8)
    assert "conv_direct" not in program(jnp.float32, 9, stride=2)


def test_training_has_all_convolutions_by_eigen():
    def step(kernel, x):
        return kernel - jax.grad(lambda kernel: conv(x, kernel).sum())(kernel), jnp.zeros(())

    program = SINGLE_DEVICE.compile(step, jnp.ones((3, 3, 8, 8)), jnp.ones((2, 16, 16, 8))).as_text()
    assert "window={size=16x16" in program
