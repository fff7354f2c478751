"""StyleGAN2's networks in PyTorch, without labels and without compiled kernels of their own."""

from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from gan_jax.networks.stages import stages

__all__ = ["Critic", "Generator"]


def _stages(net: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], list[int]]:
    return stages((*shape[1:], shape[0]), depth=net.depth, width=net.width, max_width=net.max_width)


def _activate(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2, inplace=True) * 2**0.5


def _noise_image(x: Tensor) -> Tensor:
    return torch.randn_like(x[:, :1])


def _normalized(x: Tensor) -> Tensor:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def minibatch_std(x: Tensor, set_size: int) -> Tensor:
    """Append a channel: how much the samples of a set differ, one number for each set of consecutive samples."""
    n, _, h, w = x.shape
    size = min(set_size, n)
    spread = (x.reshape(n // size, size, -1).var(1, correction=0) + 1e-8).sqrt().mean(1)
    return torch.cat([x, spread.repeat_interleave(size).reshape(n, 1, 1, 1).expand(n, 1, h, w)], 1)


class EqualizedLinear(nn.Module):
    """A dense layer whose weights are scaled as it is applied, so that it learns at `rate` times the others' speed."""

    def __init__(self, inputs: int, features: int, rate: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.rate, self.scale = rate, rate * inputs**-0.5
        self.weight = nn.Parameter(torch.randn(features, inputs) / rate)
        self.bias = nn.Parameter(torch.full((features,), bias / rate))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        bias = self.bias if self.rate == 1 else self.rate * self.bias
        return linear(x, self.scale * self.weight, bias)


class Blur(nn.Module):
    """The binomial filter [1, 3, 3, 1] on both axes of each channel, of sum `gain`, after so many zeros around."""

    def __init__(self, channels: int, padding: int, gain: float = 1.0):
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
        self.padding = padding
        self.register_buffer("taps", (gain / 64 * torch.outer(taps, taps)).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Smooth images."""
        return conv2d(x, self.taps, padding=self.padding, groups=len(self.taps))


class Upsample(Blur):
    """Images of twice the size, by the same filter."""

    def __init__(self, channels: int):
        super().__init__(channels, padding=1, gain=4.0)

    def forward(self, x: Tensor) -> Tensor:
        """Double images."""
        return conv_transpose2d(x, self.taps, stride=2, padding=self.padding, groups=len(self.taps))


class EqualizedConv(nn.Module):
    """A convolution as `EqualizedLinear`; with `down` the image is smoothed and halved."""

    def __init__(self, inputs: int, features: int, kernel_size: int, down: bool = False, bias: bool = True):
        super().__init__()
        self.scale = (kernel_size**2 * inputs) ** -0.5
        self.weight = nn.Parameter(torch.randn(features, inputs, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(features)) if bias else None
        self.blur = Blur(inputs, padding=kernel_size // 2 + 1) if down else None
        self.window = {"stride": 2} if down else {"padding": kernel_size // 2}

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to images."""
        return conv2d(x if self.blur is None else self.blur(x), self.scale * self.weight, self.bias, **self.window)


class Layer(nn.Module):
    """A modulated convolution, noise, a bias and the activation; with `up` the image is doubled."""

    def __init__(self, inputs: int, features: int, latent: int, up: bool):
        super().__init__()
        self.up, self.scale = up, (9 * inputs) ** -0.5
        channels = (inputs, features) if up else (features, inputs)  # as the transposed convolution has them
        self.weight = nn.Parameter(torch.randn(*channels, 3, 3))
        self.noise = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(features, 1, 1))
        self.style = EqualizedLinear(latent, inputs, bias=1.0)
        self.blur = Blur(features, padding=1, gain=4.0) if up else None

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """Apply the layer to images."""
        style, weight = self.style(latent), self.scale * self.weight
        squares = weight.square().sum((2, 3))
        norms = (linear(style.square(), squares.t() if self.up else squares) + 1e-8).rsqrt()
        # The style scales inputs and the norm outputs, so that one convolution serves all samples.
        x = x * style[:, :, None, None]
        y = self.blur(conv_transpose2d(x, weight, stride=2)) if self.up else conv2d(x, weight, padding=1)
        return _activate(torch.addcmul(self.noise * _noise_image(y), y, norms[:, :, None, None]) + self.bias)


class ToImage(nn.Module):
    """A modulated 1x1 convolution without demodulation."""

    def __init__(self, inputs: int, channels: int, latent: int):
        super().__init__()
        self.scale = inputs**-0.5
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.style = EqualizedLinear(latent, inputs, bias=1.0)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        """Make the image's channels."""
        style = self.scale * self.style(latent)
        return conv2d(x * style[:, :, None, None], self.weight, self.bias)


class Block(nn.Module):
    """The layers of one size, of which the first doubles the image before; the smallest size has one layer."""

    def __init__(self, inputs: int, features: int, channels: int, latent: int, smallest: bool = False):
        super().__init__()
        self.up = None if smallest else Layer(inputs, features, latent, up=True)
        self.layer = Layer(features, features, latent, up=False)
        self.to_image = ToImage(features, channels, latent)

    def forward(self, x: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features, and what they add to the image."""
        x = self.layer(x if self.up is None else self.up(x, latent), latent)
        return x, self.to_image(x, latent)


class Generator(nn.Module):
    """Noise (N, z) to images (N, C, H, W), of the fields of gan_jax's network; what is added as noise is drawn anew."""

    def __init__(self, shape: tuple[int, ...], latent: int, net: Any):
        super().__init__()
        size, features = _stages(net, shape)
        widths = [latent, *[net.max_width] * net.mapping_depth]
        self.mapping = nn.ModuleList(EqualizedLinear(*pair, rate=0.01) for pair in pairwise(widths))
        self.constant = nn.Parameter(torch.randn(features[-1], *size))
        self.smallest = Block(features[-1], features[-1], shape[0], net.max_width, smallest=True)
        self.blocks = nn.ModuleList(Block(*pair, shape[0], net.max_width) for pair in pairwise(reversed(features)))
        self.upsample = Upsample(shape[0])

    def forward(self, noise: Tensor) -> Tensor:
        """Draw one image per row of noise."""
        style = _normalized(noise)
        for dense in self.mapping:
            style = _activate(dense(style))
        x, image = self.smallest(self.constant.expand(len(noise), -1, -1, -1), style)
        for block in self.blocks:
            x, more = block(x, style)
            image = self.upsample(image) + more
        return image


class Stage(nn.Module):
    """A size of the critic; `residual` adds the image before it, halved."""

    def __init__(self, inputs: int, features: int, residual: bool):
        super().__init__()
        self.first = EqualizedConv(inputs, inputs, 3)
        self.second = EqualizedConv(inputs, features, 3, down=True)
        self.skip = EqualizedConv(inputs, features, 1, down=True, bias=False) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        """Halve the image."""
        y = _activate(self.second(_activate(self.first(x))))
        return y if self.skip is None else (y + self.skip(x)) * 0.5**0.5


class Critic(nn.Module):
    """Images (N, C, H, W) to scores (N,), of the fields of gan_jax's network."""

    def __init__(self, shape: tuple[int, ...], net: Any):
        super().__init__()
        size, features = _stages(net, shape)
        self.set_size = net.set_size
        self.first = EqualizedConv(shape[0], features[0], 1)
        self.stages = nn.Sequential(*(Stage(*pair, net.residual) for pair in pairwise(features)))
        self.last = EqualizedConv(features[-1] + 1, features[-1], 3)
        self.dense = EqualizedLinear(prod(size) * features[-1], features[-1])
        self.score = EqualizedLinear(features[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        """Score each image."""
        x = self.stages(_activate(self.first(images)))
        x = _activate(self.last(minibatch_std(x, self.set_size)))
        return self.score(_activate(self.dense(x.flatten(1)))).squeeze(1)
