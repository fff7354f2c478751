"""Convolutions that stay fast under double differentiation; beside `depthwise`, the only ones of the package.

On GPU and TPU they are `lax.conv_general_dilated`. On a CPU, XLA runs the first and second derivatives of strided
convolutions, and any derivative inside a `scan`, up to 40 times slower than the matrix products they amount to. There
`toom_cook` writes them as such, and `direct` takes those of stride 1 of images of more than 8x8 pixels. The platform
that is compiled for decides, unless `method` does.

Accuracy in float32, as the largest error over the largest value, of values and of first and second derivatives: "lax"
1e-6, "toom_cook" 1e-5 where it interpolates at up to 8 points per axis and 5e-5 at 9, its most; `direct` as "lax", but
for the gradient by the kernel, which is "toom_cook"'s where the program is not compiled `by_eigen`.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from gan_jax.networks.direct import conv_direct
from gan_jax.networks.platforms import by_platform
from gan_jax.networks.tiling import conv_nhwc
from gan_jax.networks.toom_cook import MAX_KERNEL, SMALL_IMAGE, Pads
from gan_jax.numerics import at_least_float32
from gan_jax.sharding import map_shards
from gan_jax.types import Array, Float

__all__ = ["Conv", "ConvTranspose", "Method", "Padding", "conv", "conv_transpose", "pads", "sides", "with_bias"]

Padding = str | Sequence[tuple[int, int]]
Method = Literal["lax", "toom_cook"]

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def conv(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "kh kw c_of_group d"],
    *,
    stride: int = 1,
    padding: Padding = "SAME",
    groups: int = 1,
    method: Method | None = None,
) -> Float[Array, "n h2 w2 d"]:
    """Correlate images with a kernel: `y[n, i, j] = sum_kl x[n, i stride + k - low, j stride + l - low] kernel[k, l]`.

    Takes images (N, H, W, C), a kernel (kh, kw, C, D) of the same dtype, a stride for both axes, and the padding of
    `lax.conv_general_dilated` (`"SAME"`, `"VALID"` or a pair per axis). The method is "lax" or "toom_cook"; None takes,
    on a CPU and for kernels of at most 8x8, the faster of `direct` and the latter. With G groups the kernel is
    (kh, kw, C / G, D): consecutive channels in, consecutive channels out, group by group. There are no dilated kernels.

    Raises:
      ValueError: the images are not (N, H, W, C), their channels are not the kernel's or no multiple of the groups, or
        the method is unknown or cannot take the kernel.

    >>> import jax.numpy as jnp
    >>> conv(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1)), stride=2).ravel().tolist()
    [4.0, 4.0, 4.0, 4.0]
    """
    _check(x, kernel, groups)
    padding = pads(padding, size=x.shape[1:3], kernel=kernel.shape[:2], stride=stride)
    convolve = partial(_convolve, method=method, stride=stride, padding=padding, dilation=1)
    if groups == 1:
        return convolve(x, kernel)
    x = x.reshape(*x.shape[:3], groups, -1)
    y = jax.vmap(convolve, in_axes=3, out_axes=3)(x, kernel.reshape(*kernel.shape[:3], groups, -1))
    return y.reshape(*y.shape[:3], -1)


def pads(padding: Padding, *, size: Sequence[int], kernel: Sequence[int], stride: int) -> Pads:
    """Zeros before and after each axis of an image of this size that `conv` adds, `"SAME"` and `"VALID"` spelled out.

    >>> pads("SAME", size=(4, 5), kernel=(3, 3), stride=2)
    ((0, 1), (1, 1))
    """
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(size, kernel, (stride, stride), padding)
    (top, bottom), (left, right) = padding
    return (int(top), int(bottom)), (int(left), int(right))


def conv_transpose(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "kh kw c d"],
    *,
    stride: int = 1,
    padding: Padding = "SAME",
    method: Method | None = None,
) -> Float[Array, "n h2 w2 d"]:
    """Correlate images spread out by the stride, as `lax.conv_transpose`: the transpose of a strided convolution.

    Takes images (N, H, W, C), a kernel (kh, kw, C, D) of the same dtype, a stride for both axes, and `"SAME"` (sizes
    are multiplied by the stride), `"VALID"` (nothing is cut off), or a pair per axis that pads the spread-out image.
    The method is as for `conv`.

    Raises:
      ValueError: the images are not (N, H, W, C), their channels are not the kernel's, the padding is unknown, or the
        method is unknown or cannot take the kernel.

    >>> import jax.numpy as jnp
    >>> conv_transpose(jnp.ones((1, 1, 2, 1)), jnp.ones((3, 3, 1, 1)), stride=2, padding="VALID")[0, 0, :, 0].tolist()
    [1.0, 1.0, 2.0, 1.0, 1.0]
    """
    _check(x, kernel)
    if isinstance(padding, str):
        padding = [_transpose_padding(size, stride, padding) for size in kernel.shape[:2]]
    return _convolve(x, kernel, method, stride=1, padding=tuple(map(tuple, padding)), dilation=stride)


def _check(x: Array, kernel: Array, groups: int = 1) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != groups * kernel.shape[2] or kernel.shape[3] % groups:
        of = f" in {groups} groups" if groups > 1 else ""
        raise ValueError(f"images (N, H, W, C) and kernel (kh, kw, C, D){of} do not fit: {x.shape} and {kernel.shape}")


def _transpose_padding(kernel: int, stride: int, padding: str) -> tuple[int, int]:
    """The padding of `lax.conv_transpose`, which keeps its own to itself."""
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"padding must be 'SAME', 'VALID' or a pair per axis, got {padding!r}")
    if padding == "VALID":
        return kernel - 1, kernel - 1 + max(stride - kernel, 0)
    total = kernel + stride - 2
    low = kernel - 1 if stride > kernel - 1 else -(-total // 2)
    return low, total - low


def _convolve(x: Array, kernel: Array, method: Method | None, **window) -> Array:
    shape = jax.eval_shape(partial(_lax, **window), x, kernel).shape
    if 0 in (*shape, x.size):  # the kernel does not fit in the image, or there is none
        return jnp.zeros(shape, x.dtype)
    small = max(kernel.shape[:2]) <= MAX_KERNEL  # interpolation loses digits, the more the larger the kernel
    if method == "lax" or (method is None and not small):
        return _lax(x, kernel, **window)
    if method is None:
        return by_platform(x, kernel, cpu=partial(_on_cpu, **window), other=partial(_lax, **window))
    if method != "toom_cook" or not small:
        raise ValueError(f"method must be None, 'lax' or 'toom_cook' for kernels up to {MAX_KERNEL}, got {method!r}")
    return _on_shards(conv_nhwc, x, kernel, **window)


def _on_cpu(x: Array, kernel: Array, **window) -> Array:
    """By the fastest method, as measured."""
    single = at_least_float32(x).dtype == jnp.float32
    large = math.prod(x.shape[1:3]) > SMALL_IMAGE
    if window["dilation"] == 1 and kernel.shape[:2] == (1, 1) and window["padding"] == ((0, 0), (0, 0)):
        convolve = _pointwise
    elif window["dilation"] == window["stride"] == 1 and large and single:
        convolve = _direct
    else:
        convolve = conv_nhwc
    return _on_shards(convolve, x, kernel, **window)


def _pointwise(x: Array, kernel: Array, *, stride: int, padding: Pads, dilation: int) -> Array:
    return x[:, ::stride, ::stride] @ kernel[0, 0]


def _direct(x: Array, kernel: Array, *, stride: int, padding: Pads, dilation: int) -> Array:
    return conv_direct(x, kernel, padding)


def _on_shards(convolve: Callable[..., Array], x: Array, kernel: Array, **window) -> Array:
    def of_shard(x: Array, kernel: Array) -> Array:
        # Half precision has no digits to lose in interpolation, and no fast matrix product on most CPUs.
        return convolve(at_least_float32(x), at_least_float32(kernel), **window).astype(x.dtype)

    return map_shards(of_shard, x, kernel)


def _lax(x: Array, kernel: Array, *, stride: int, padding: Pads, dilation: int) -> Array:
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, lhs_dilation=(dilation, dilation), dimension_numbers=_DIMENSIONS
    )


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return the height and the width of a kernel that may be given as one number for both.

    >>> sides(3), sides((1, 7))
    ((3, 3), (1, 7))
    """
    return (size, size) if isinstance(size, int) else size


class Conv(nn.Module):
    """A convolution, in `dtype` or else the input's; parameters named and shaped as `flax.linen.Conv`'s.

    >>> import jax, jax.numpy as jnp
    >>> layer = Conv(features=8, kernel_size=3, stride=2)
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), jnp.ones((1, 6, 6, 2)))[0].shape
    (1, 3, 3, 8)
    """

    features: int
    kernel_size: int | tuple[int, int]
    stride: int = 1
    padding: Padding = "SAME"
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()
    groups: int = 1
    use_bias: bool = True
    method: Method | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 d"]:
        """Apply the layer to images."""
        convolve = partial(conv, groups=self.groups, method=self.method)
        return with_bias(self, convolve, x, (x.shape[-1] // self.groups, self.features), use_bias=self.use_bias)


class ConvTranspose(nn.Module):
    """A transposed convolution with bias, as `Conv`; parameters named and shaped as `flax.linen.ConvTranspose`'s.

    >>> import jax, jax.numpy as jnp
    >>> layer = ConvTranspose(features=8, kernel_size=5, stride=2)
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), jnp.ones((1, 6, 6, 2)))[0].shape
    (1, 12, 12, 8)
    """

    features: int
    kernel_size: int
    stride: int = 1
    padding: Padding = "SAME"
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 d"]:
        """Apply the layer to images."""
        return with_bias(self, conv_transpose, x, (x.shape[-1], self.features))


def with_bias(
    module: nn.Module,
    operation: Callable[..., Array],
    x: Array,
    channels: tuple[int, int],
    *,
    use_bias: bool = True,
) -> Array:
    """Within a layer's `__call__`: make its parameters, and apply the operation in its dtype."""
    dtype = module.dtype or x.dtype
    kernel = module.param("kernel", module.kernel_init, (*sides(module.kernel_size), *channels), jnp.float32)
    y = operation(x.astype(dtype), kernel.astype(dtype), stride=module.stride, padding=module.padding)
    if not use_bias:
        return y
    bias = module.param("bias", nn.initializers.zeros, (channels[1],), jnp.float32)
    return y + bias.astype(dtype).reshape(1, 1, 1, -1)
