"""Convolutions whose input channels a style scales for each sample, and layers with an equalized learning rate."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from gan_jax.networks.activations import leaky_relu
from gan_jax.networks.conv import conv, conv_transpose
from gan_jax.networks.platforms import by_platform
from gan_jax.networks.resample import TAPS, blur
from gan_jax.types import Array, Float

__all__ = ["EqualizedConv", "EqualizedDense", "activate", "modulated_conv"]


def activate(x: Array) -> Array:
    """Leaky ReLU times `sqrt(2)`, which keeps the variance of normal inputs about 1.

    >>> round(float(activate(jnp.array([2.0]))[0]), 4)
    2.8284
    """
    return leaky_relu(x) * jnp.asarray(2**0.5, x.dtype)


def modulated_conv(
    x: Float[Array, "n h w c"],
    kernel: Float[Array, "k k c d"],
    style: Float[Array, "n c"],
    *,
    demodulate: bool = True,
    up: bool = False,
) -> Float[Array, "n h2 w2 d"]:
    """Convolve each sample with a kernel of its own, `w_n[k, l, c, d] = kernel[k, l, c, d] style[n, c]`.

    Demodulated, `w_n` is divided by its norm over all but d: outputs of white inputs have variance 1. The style is put
    on the inputs and the norm on the outputs instead, which is the same and needs one convolution for all samples. With
    `up` the image is doubled by the transposed convolution, and smoothed by [1, 3, 3, 1].

    Takes images (N, H, W, C), a kernel (k, k, C, D) and styles (N, C) in float32; computes in the images' dtype, norms
    in float32.

    Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN.

    >>> x, kernel, style = jnp.ones((1, 4, 4, 2)), jnp.ones((1, 1, 2, 1)), jnp.array([[3.0, 4.0]])
    >>> round(float(modulated_conv(x, kernel, style)[0, 0, 0, 0]), 4)
    1.4
    """
    y = x * style.astype(x.dtype)[:, None, None]
    y = by_platform(y, kernel, cpu=_up_folded, other=_up) if up else conv(y, kernel.astype(x.dtype))
    if not demodulate:
        return y
    square = jnp.einsum("nc,cd->nd", style**2, (kernel**2).sum(axis=(0, 1)), precision="highest")
    return y * lax.rsqrt(square + 1e-8).astype(x.dtype)[:, None, None]


# The filter of a doubled or halved image is linear, as the convolution beside it is. As `conv` computes on a CPU, one
# convolution with the kernel that joins both costs as much as the other alone; elsewhere it costs four times as much.


def _up(x: Array, kernel: Array) -> Array:
    return blur(conv_transpose(x, kernel.astype(x.dtype), stride=2, padding="VALID"), gain=2.0, padding=(1, 1))


def _up_folded(x: Array, kernel: Array) -> Array:
    edge = kernel.shape[0]
    joined = _with_filter(kernel, gain=2.0).astype(x.dtype)
    return conv_transpose(x, joined, stride=2, padding=((edge, edge), (edge, edge)))


def _down(x: Array, kernel: Array) -> Array:
    edge = kernel.shape[0] // 2 + 1
    return conv(blur(x, padding=(edge, edge)), kernel.astype(x.dtype), stride=2, padding="VALID")


def _down_folded(x: Array, kernel: Array) -> Array:
    edge = kernel.shape[0] // 2 + 1
    joined = _with_filter(kernel, gain=1.0).astype(x.dtype)
    return conv(x, joined, stride=2, padding=((edge, edge), (edge, edge)))


def _with_filter(kernel: Array, gain: float) -> Array:
    """The kernel that convolves and smooths by [1, 3, 3, 1] at once, three taps longer."""
    size = kernel.shape[0]
    taps = gain * np.array(TAPS, np.float32) / sum(TAPS)
    spread = np.zeros((size + len(taps) - 1, size), np.float32)
    for tap in range(size):
        spread[tap : tap + len(taps), tap] = taps
    return jnp.einsum("ma,nb,abcd->mncd", spread, spread, kernel, precision="highest")


class EqualizedDense(nn.Module):
    """A dense layer whose weights are scaled as it is applied: `x (g W) + r b`, `g = r / sqrt(fan_in)`, r the rate.

    Adam moves all weights alike; so the layer learns at `rate` times the others' speed.

    Source: Karras et al. (2018), Progressive growing of GANs for improved quality, stability, and variation.
    """

    features: int
    rate: float = 1.0
    bias: float | None = 0.0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "n f"]) -> Float[Array, "n d"]:
        """Apply the layer."""
        scale = self.rate / x.shape[1] ** 0.5
        kernel = self.param("kernel", nn.initializers.normal(1 / self.rate), (x.shape[1], self.features), jnp.float32)
        y = x @ (scale * kernel).astype(x.dtype)
        if self.bias is None:
            return y
        bias = self.param("bias", nn.initializers.constant(self.bias / self.rate), (self.features,), jnp.float32)
        return y + (self.rate * bias).astype(x.dtype)[None]


class EqualizedConv(nn.Module):
    """A convolution as `EqualizedDense`; with `down` the image is smoothed by [1, 3, 3, 1] and halved."""

    features: int
    kernel_size: int
    down: bool = False
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 d"]:
        """Apply the layer to images."""
        shape = (self.kernel_size, self.kernel_size, x.shape[3], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32)
        kernel = kernel / (self.kernel_size**2 * x.shape[3]) ** 0.5
        if not self.down:
            y = conv(x, kernel.astype(x.dtype))
        elif self.kernel_size == 1:  # which would become nine times as long
            y = _down(x, kernel)
        else:
            y = by_platform(x, kernel, cpu=_down_folded, other=_down)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y + bias.astype(y.dtype).reshape(1, 1, 1, -1)
