"""Depthwise convolutions: each channel with a kernel of its own.

On GPU and TPU they are `lax.conv_general_dilated` in as many groups as channels. On a CPU, XLA runs that 15 to 50 times
slower than the sum over the kernel's positions that it stands for, its derivative by the images 4 to 200 times, and
that by the kernel 1 to 50 times; there it is that sum, which XLA fuses into one pass, in a `scan` too. The platform
that is compiled for decides.

Source: Chollet (2017), Xception: deep learning with depthwise separable convolutions.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from gan_jax.networks.conv import Padding, pads, with_bias
from gan_jax.networks.platforms import by_platform
from gan_jax.networks.toom_cook import Pads
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float

__all__ = ["DepthwiseConv", "depthwise_conv"]


def depthwise_conv(
    x: Float[Array, "n h w c"], kernel: Float[Array, "kh kw c"], *, stride: int = 1, padding: Padding = "SAME"
) -> Float[Array, "n h2 w2 c"]:
    """Correlate each channel of images with a kernel of its own.

    `y[n, i, j, c] = sum_kl x[n, i stride + k - low, j stride + l - low, c] kernel[k, l, c]`. Takes images
    (N, H, W, C), a kernel (kh, kw, C) of the same dtype, a stride for both axes, and the padding of
    `lax.conv_general_dilated` (`"SAME"`, `"VALID"` or a pair per axis).

    Raises:
      ValueError: the images are not (N, H, W, C), or their channels are not the kernel's.

    >>> depthwise_conv(jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1)), stride=2).ravel().tolist()
    [9.0, 6.0, 6.0, 4.0]
    """
    if x.ndim != 4 or kernel.ndim != 3 or x.shape[3] != kernel.shape[2]:
        raise ValueError(f"images (N, H, W, C) and kernel (kh, kw, C) do not fit: {x.shape} and {kernel.shape}")
    window = {"stride": stride, "padding": pads(padding, size=x.shape[1:3], kernel=kernel.shape[:2], stride=stride)}
    shape = jax.eval_shape(partial(_grouped, **window), x, kernel).shape
    if 0 in shape:  # the kernel does not fit in the image
        return jnp.zeros(shape, x.dtype)
    return by_platform(x, kernel, cpu=partial(_sum, **window), other=partial(_grouped, **window))


def _sum(x: Array, kernel: Array, *, stride: int, padding: Pads) -> Array:
    dtype, x, kernel = x.dtype, at_least_float32(x), at_least_float32(kernel)
    around = [(0, 0, 0), *((low, high, 0) for low, high in padding), (0, 0, 0)]
    x = lax.pad(x, jnp.zeros((), x.dtype), around)
    n, *size, c = x.shape
    ends = [side - taps + 1 for side, taps in zip(size, kernel.shape[:2], strict=True)]  # of the windows' corners
    y = jnp.zeros((), x.dtype)
    for i, j in np.ndindex(*kernel.shape[:2]):
        seen = lax.slice(x, (0, i, j, 0), (n, i + ends[0], j + ends[1], c), (1, stride, stride, 1))
        y += seen * kernel[i, j].reshape(1, 1, 1, -1)
    return y.astype(dtype)


def _grouped(x: Array, kernel: Array, *, stride: int, padding: Pads) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[3],
    )


class DepthwiseConv(nn.Module):
    """A depthwise convolution with bias, in `dtype` or else the input's.

    Parameters are named and shaped as those of `flax.linen.Conv` with as many groups as channels: the kernel
    (kh, kw, 1, C), the bias (C,).

    >>> layer = DepthwiseConv(kernel_size=3, stride=2)
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), jnp.ones((1, 6, 6, 2)))[0].shape
    (1, 3, 3, 2)
    """

    kernel_size: int | tuple[int, int]
    stride: int = 1
    padding: Padding = "SAME"
    dtype: DTypeLike | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        """Apply the layer to images."""
        return with_bias(self, _on_flax_kernel, x, (1, x.shape[-1]))


def _on_flax_kernel(x: Array, kernel: Array, **window) -> Array:
    return depthwise_conv(x, kernel.squeeze(2), **window)
