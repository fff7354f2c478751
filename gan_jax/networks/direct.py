"""Convolution of stride 1 as XLA's libraries for CPUs compute it, in derivatives of every order and in loops.

On images (N, H, W, C) and kernels (kh, kw, C, D) these are up to twice as fast as the matrix products of `toom_cook`,
where images are large. The derivatives that JAX has of a convolution are convolutions with other orders of axes. XLA
puts axes in order outside of loops only; within a `scan` such a convolution runs at a hundredth of its speed. So here
the gradient by the images is a convolution by the mirrored kernel, axes in order, and that by the kernel one by a
kernel as large as the image. Each of the two is linear in both of its arguments, and its derivatives are the two again:
they are primitives, which JAX differentiates, transposes and batches to any order.

XLA has two libraries. By default YNNPACK takes what it can, on one thread, and is slow at kernels as large as an image;
Eigen has a thread for every core. A program that is compiled `by_eigen` has all convolutions from there. In any other,
Eigen gets those that YNNPACK refuses, and the gradient by the kernel is `toom_cook`'s.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gan_jax.networks.tiling import conv_nhwc
from gan_jax.networks.toom_cook import FEW_CHANNELS, Pads
from gan_jax.types import Array

__all__ = ["by_eigen", "conv_direct"]

_OPTIONS: dict[str, str | bool] = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE",
}
_all_eigen = ContextVar("all_eigen", default=False)


@contextmanager
def by_eigen() -> Iterator[dict[str, str | bool] | None]:
    """Lower programs here whose convolutions are all Eigen's; it gives the options that these are to be compiled with.

    Where the compiler has no such options, or is not for a CPU, there are none, and programs stay as they are.

    >>> with by_eigen() as options:
    ...     program = jax.jit(lambda x: 2 * x).lower(1.0).compile(options)
    """
    options = _OPTIONS if jax.default_backend() == "cpu" and _has_options() else None
    token = _all_eigen.set(options is not None)
    try:
        yield options
    finally:
        _all_eigen.reset(token)


@cache
def _has_options() -> bool:
    try:
        jax.jit(lambda: 0).lower().compile(_OPTIONS)
    except jax.errors.JaxRuntimeError:
        return False
    return True


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


def _convolve(x: Array, kernel: Array, *, padding: Pads) -> Array:
    (low, high), columns = padding
    rows = x.shape[1] + low + high - kernel.shape[0] + 1
    # YNNPACK refuses results with more rows than the image. At few channels one thread of it is faster all the same.
    refused = not _all_eigen.get() and x.shape[3] > FEW_CHANNELS
    more = max(x.shape[1] + 1 - rows, 0) if refused else 0
    return _ordered(x, kernel, ((low, high + more), columns))[:, :rows]


def _gradient_by_kernel(x: Array, cotangent: Array, *, padding: Pads) -> Array:
    if _all_eigen.get():
        x, cotangent = x.transpose(3, 1, 2, 0), cotangent.transpose(1, 2, 0, 3)
        return _ordered(x, cotangent, padding).transpose(1, 2, 0, 3)
    return _products_gradient(x, cotangent, padding=padding)


def _ordered(x: Array, kernel: Array, padding: Pads) -> Array:
    # XLA gives wrong numbers where a convolution crops, and neither library takes kernels larger than the image.
    crops = any(low < 0 or high < 0 for low, high in padding)
    if crops or any(taps > side for taps, side in zip(kernel.shape[:2], x.shape[1:3], strict=True)):
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*ends, 0) for ends in padding), (0, 0, 0)])
        padding = ((0, 0), (0, 0))
    return lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


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
_conv = _primitive("conv_direct", _convolve, _batch((0, 3), (0, 3), _products))
_gradient = _primitive("conv_direct_by_kernel", _gradient_by_kernel, _batch((3, 3), (2, 3), _products_gradient))
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
