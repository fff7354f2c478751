"""The residual networks of SNGAN, SAGAN and BigGAN in PyTorch, without labels."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu, scaled_dot_product_attention

from gan_jax.networks.stages import stages

__all__ = ["Critic", "Generator"]


def _stages(net: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], list[int]]:
    return stages((*shape[1:], shape[0]), depth=net.depth, width=net.width, max_width=net.max_width)


def _double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0)


class BatchNorm(nn.BatchNorm2d):
    """By the moments of each batch; gains and biases are its own, or linear in a condition of so many numbers."""

    def __init__(self, features: int, given: int = 0):
        super().__init__(features, eps=1e-4, affine=not given, track_running_stats=False)
        if given:
            self.gain, self.shift = (nn.Linear(given, features, bias=False) for _ in range(2))

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Normalize a batch."""
        y = super().forward(x)
        if given is None:
            return y
        return torch.addcmul(self.shift(given)[:, :, None, None], y, 1 + self.gain(given)[:, :, None, None])


class SelfAttention(nn.Module):
    """Each pixel looks at the maxima of 2x2 pixels."""

    def __init__(self, features: int):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(()))
        self.query, self.key = (nn.Conv2d(features, features // 8, 1, bias=False) for _ in range(2))
        self.value = nn.Conv2d(features, features // 2, 1, bias=False)
        self.out = nn.Conv2d(features // 2, features, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Let each pixel look at all others."""
        images = self.query(x), max_pool2d(self.key(x), 2), max_pool2d(self.value(x), 2)
        query, key, value = (image.flatten(2).transpose(1, 2) for image in images)
        seen = scaled_dot_product_attention(query, key, value, scale=1.0)
        return x + self.gain * self.out(seen.transpose(1, 2).unflatten(2, x.shape[2:]))


class Up(nn.Module):
    """A residual block of the generator, which doubles the image."""

    def __init__(self, inputs: int, features: int, given: int):
        super().__init__()
        self.first_norm = BatchNorm(inputs, given)
        self.first = nn.Conv2d(inputs, features, 3, padding=1)
        self.second_norm = BatchNorm(features, given)
        self.second = nn.Conv2d(features, features, 3, padding=1)
        self.skip = nn.Conv2d(inputs, features, 1)

    def forward(self, x: Tensor, given: Tensor | None) -> Tensor:
        """Double the image."""
        y = self.first(_double(relu(self.first_norm(x, given), inplace=True)))
        y = self.second(relu(self.second_norm(y, given), inplace=True))
        return y + _double(self.skip(x))  # 1x1 first: the same, of fewer pixels


class Down(nn.Module):
    """A residual block of the critic, which halves the image or not; the first of all takes it as it is."""

    def __init__(self, inputs: int, features: int, halves: bool, first: bool):
        super().__init__()
        self.halves, self.is_first = halves, first
        self.first = nn.Conv2d(inputs, features, 3, padding=1)
        self.second = nn.Conv2d(features, features, 3, padding=1)
        self.skip = nn.Conv2d(inputs, features, 1) if halves or inputs != features else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        y = self.second(relu(self.first(x if self.is_first else relu(x)), inplace=True))
        return avg_pool2d(y, 2) + self.skip(avg_pool2d(x, 2)) if self.halves else y + self.skip(x)


class Generator(nn.Module):
    """Noise (N, z) to images (N, C, H, W), of the fields of gan_jax's network."""

    def __init__(self, shape: tuple[int, ...], latent: int, net: Any):
        super().__init__()
        size, features = _stages(net, shape)
        self.chunks = net.depth + 1 if net.chunked else 1
        chunk = latent // self.chunks
        self.dense = nn.Linear(chunk, features[-1] * size[0] * size[1])
        self.to_image = nn.Unflatten(1, (features[-1], *size))
        self.blocks = nn.ModuleList()
        for stage in reversed(range(net.depth)):
            self.blocks.append(Up(features[stage + 1], features[stage], chunk if net.chunked else 0))
            if len(self.blocks) == net.attention:
                self.blocks.append(SelfAttention(features[stage]))
        self.norm = BatchNorm(features[0])
        self.last = nn.Conv2d(features[0], shape[0], 3, padding=1)

    def forward(self, noise: Tensor) -> Tensor:
        """Draw one image per row of noise."""
        first, *given = noise.chunk(self.chunks, dim=1)
        x = self.to_image(self.dense(first))
        for block in self.blocks:
            x = block(x) if isinstance(block, SelfAttention) else block(x, given.pop(0) if given else None)
        return self.last(relu(self.norm(x), inplace=True)).tanh()


class Critic(nn.Module):
    """Images (N, C, H, W) to scores (N,), of the fields of gan_jax's network."""

    def __init__(self, shape: tuple[int, ...], net: Any):
        super().__init__()
        _, features = _stages(net, shape)
        blocks, inputs = [], shape[0]
        for i in range(net.depth + net.last_blocks):
            width = features[min(i, net.depth - 1)]
            blocks.append(Down(inputs, width, halves=i < net.depth, first=i == 0))
            if i + 1 == net.attention:
                blocks.append(SelfAttention(width))
            inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.score = nn.Linear(inputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Score each image."""
        return self.score(relu(self.blocks(images), inplace=True).sum((2, 3))).squeeze(1)
