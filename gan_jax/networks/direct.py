"""Convolution of stride 1 as XLA's libraries for CPUs compute it, in derivatives of every order and in loops.

On images (N, H, W, C) and kernels (kh, kw, C, D) these are up to twice as fast as the matrix products of `toom_cook`,
where images are large. The derivatives that JAX has of a convolution are convolutions with other orders of axes. XLA
puts axes in order outside of loops only; within a `scan` such a convolution runs at a hundredth of its speed. So here
the gradient by the images is a convolution by the mirrored kernel, axes in order. The gradient by the kernel would be
one by a kernel as large as the image, which no library here is fast at; it is `toom_cook`'s. Each of the two is linear
in both of its arguments, and its derivatives are the two again: they are primitives, which JAX differentiates,
transposes and batches to any order.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.networks.tiling import conv_nhwc
from gan_jax.networks.toom_cook import FEW_CHANNELS, Pads
from gan_jax.types import Array

__all__ = ["conv_direct"]


def conv_direct(x: Array, kernel: Array, padding: Pads) -> Array:
    """Convolve images (N, H, W, C) with a kernel (kh, kw, C, D) after zeros around them; both float32.

    >>> conv_direct(jnp.arange(4.0).reshape(1, 4, 1, 1), jnp.ones((2, 1, 1, 1)), ((0, 0), (0, 0))).ravel().tolist()
    [1.0, 3.0, 5.0]
    """
    return _conv.bind(*_alike(x, kernel), padding=padding)


def _by_image(cotangent: Array, kernel: Array, padding: Pads) -> Array:
    """The gradient of a convolution by its images."""
    (top, bottom), (left, right) = padding
    rows, columns = kernel.shape[0] - 1, kernel.shape[1] - 1
    around = ((rows - top, rows - bottom), (columns - left, columns - right))
    return conv_direct(cotangent, kernel[::-1, ::-1].swapaxes(2, 3), around)


def _by_kernel(cotangent: Array, x: Array, padding: Pads) -> Array:
    """The gradient of a convolution by its kernel."""
    return _gradient.bind(*_alike(x, cotangent), padding=padding)


def _alike(one: Array, other: Array) -> tuple[Array, Array]:
    """Within `shard_map`, either differs among devices where the other does, as its types ask of a primitive."""
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return one, other
    first = [lax.stop_gradient(array[0, 0, 0, 0]) for array in (one, other)]
    return jnp.where(True, one, first[1]), jnp.where(True, other, first[0])


# What the primitives compute.


def _library(x: Array, kernel: Array, *, padding: Pads) -> Array:
    if any(low < 0 or high < 0 for low, high in padding):  # XLA gives wrong numbers where a convolution crops
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*ends, 0) for ends in padding), (0, 0, 0)])
        padding = ((0, 0), (0, 0))
    (low, high), columns = padding
    rows = x.shape[1] + low + high - kernel.shape[0] + 1
    # A result with more rows than the image goes to the library that has a thread for every core.
    more = max(x.shape[1] + 1 - rows, 0) if x.shape[3] > FEW_CHANNELS else 0
    window = {"window_strides": (1, 1), "padding": ((low, high + more), columns)}
    return lax.conv_general_dilated(x, kernel, **window, dimension_numbers=("NHWC", "HWIO", "NHWC"))[:, :rows]


def _products(x: Array, kernel: Array, *, padding: Pads) -> Array:
    return conv_nhwc(x, kernel, stride=1, padding=padding, dilation=1)


def _products_gradient(x: Array, cotangent: Array, *, padding: Pads) -> Array:
    sides = zip(x.shape[1:3], cotangent.shape[1:3], padding, strict=True)
    taps = [side + sum(ends) - out + 1 for side, out, ends in sides]
    anywhere, _ = _alike(jnp.zeros((*taps, x.shape[3], cotangent.shape[3]), x.dtype), x)
    return jax.vjp(partial(_products, x, padding=padding), anywhere)[1](cotangent)[0]


def _primitive(name: str, compute: Callable[..., Array], batch: Callable) -> Primitive:
    def shape(one, other, *, padding: Pads):
        plain = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in (one, other)]
        return one.update(shape=jax.eval_shape(partial(compute, padding=padding), *plain).shape)

    primitive = Primitive(name)
    primitive.def_impl(jax.jit(compute, static_argnames="padding"))
    primitive.def_abstract_eval(shape)
    mlir.register_lowering(primitive, mlir.lower_fun(compute, multiple_results=False))
    batching.primitive_batchers[primitive] = partial(batch, primitive)
    return primitive


def _batch(axes: tuple[int, int], results: tuple[int, int], both: Callable[..., Array]) -> Callable:
    """A rule for `vmap`: the axis of one argument alone joins another one of it, and comes back in the result.

    With both mapped there is a kernel for each image, a case for a batched matrix product.
    """

    def rule(primitive: Primitive, arrays: tuple[Array, Array], ats: tuple[int | None, int | None], *, padding: Pads):
        if None not in ats:
            return jax.vmap(partial(both, padding=padding), ats)(*arrays), 0
        which, at = next((which, at) for which, at in enumerate(ats) if at is not None)
        axis, result, joined = axes[which], results[which], list(arrays)
        moved = jnp.moveaxis(arrays[which], at, axis)
        joined[which] = moved.reshape(*moved.shape[:axis], -1, *moved.shape[axis + 2 :])
        y = primitive.bind(*_alike(*joined), padding=padding)
        return y.reshape(*y.shape[:result], moved.shape[axis], -1, *y.shape[result + 1 :]), result

    return rule


# Samples join samples, and a kernel's or a cotangent's features their features.
_conv = _primitive("conv_direct", _library, _batch((0, 3), (0, 3), _products))
_gradient = _primitive("conv_direct_by_kernel", _products_gradient, _batch((3, 3), (2, 3), _products_gradient))
ad.defbilinear(
    _conv,
    lambda cotangent, x, kernel, *, padding: _by_image(cotangent, kernel, padding),
    lambda cotangent, x, kernel, *, padding: _by_kernel(cotangent, x, padding),
)
ad.defbilinear(
    _gradient,
    lambda kernel, x, cotangent, *, padding: _by_image(cotangent, kernel, padding),
    lambda kernel, x, cotangent, *, padding: conv_direct(x, kernel, padding),
)
