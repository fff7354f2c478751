"""DDPM's U-Net and its training step in PyTorch, as a good user of it would write them."""

from functools import partial
from math import gcd
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss, pad, scaled_dot_product_attention, silu

from benchmarks.works import OWN, Work
from gan_jax.diffusion import SCHEDULES

__all__ = ["Denoiser", "Peer"]

OPTIONS = {"eager", "channels_last", "tf32", "bfloat16"}
_DATA = 4096  # samples that lie on the device


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(gcd(32, channels // 4), channels, eps=1e-6)


def _zero(layer: nn.Module) -> nn.Module:
    nn.init.zeros_(layer.weight)
    return layer


class Block(nn.Module):
    """A residual block that is told the time."""

    def __init__(self, inputs: int, features: int, told: int):
        super().__init__()
        self.first_norm = _norm(inputs)
        self.first = nn.Conv2d(inputs, features, 3, padding=1)
        self.told = nn.Linear(told, features)
        self.second_norm = _norm(features)
        self.second = _zero(nn.Conv2d(features, features, 3, padding=1))
        self.skip = nn.Conv2d(inputs, features, 1) if inputs != features else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Apply the block."""
        y = self.first(silu(self.first_norm(x))) + self.told(time)[:, :, None, None]
        return self.skip(x) + self.second(silu(self.second_norm(y)))


class Attention(nn.Module):
    """Every pixel looks at all, by one head."""

    def __init__(self, features: int):
        super().__init__()
        self.norm = _norm(features)
        self.query, self.key, self.value = (nn.Conv2d(features, features, 1) for _ in range(3))
        self.out = _zero(nn.Conv2d(features, features, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Let each pixel look at all others."""
        y = self.norm(x)
        seen = (layer(y).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value))
        return x + self.out(scaled_dot_product_attention(*seen).transpose(1, 2).unflatten(2, x.shape[2:]))


class Residual(nn.Sequential):
    """A residual block, and attention behind it at some sizes."""

    def __init__(self, inputs: int, features: int, told: int, attends: bool):
        super().__init__(Block(inputs, features, told), Attention(features) if attends else nn.Identity())

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Apply both."""
        block, attention = self
        return attention(block(x, time))


class Denoiser(nn.Module):
    """Images (N, C, H, W) and times (N,) to images, of the fields of gan_jax's network."""

    def __init__(self, channels: int, side: int, net: Any):
        super().__init__()
        width, told = net.features[0], 4 * net.features[0]
        self.rates = nn.Buffer(1e4 ** (-torch.arange(width // 2) / (width // 2 - 1)))
        self.time = nn.Sequential(nn.Linear(width, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        stages = [(features, side >> stage in net.attention) for stage, features in enumerate(net.features)]
        self.down, kept, inputs = nn.ModuleList(), [width], width
        for stage, (features, attends) in enumerate(stages):
            for _ in range(net.blocks):
                self.down.append(Residual(inputs, features, told, attends))
                kept.append(inputs := features)
            if stage + 1 < len(stages):
                self.down.append(nn.Conv2d(features, features, 3, stride=2))
                kept.append(features)
        self.middle = nn.ModuleList(Residual(inputs, inputs, told, attends) for attends in (True, False))
        self.up = nn.ModuleList()
        for stage, (features, attends) in reversed(list(enumerate(stages))):
            for _ in range(net.blocks + 1):
                self.up.append(Residual(inputs + kept.pop(), features, told, attends))
                inputs = features
            if stage:
                self.up.append(nn.Conv2d(features, features, 3, padding=1))
        self.norm, self.last = _norm(inputs), _zero(nn.Conv2d(inputs, channels, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Say what noise there is in each image."""
        angles = time[:, None] * self.rates
        told = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        kept = [x := self.first(x)]
        for layer in self.down:
            x = layer(x, told) if isinstance(layer, Residual) else layer(pad(x, (0, 1, 0, 1)))
            kept.append(x)
        for layer in self.middle:
            x = layer(x, told)
        for layer in self.up:
            if isinstance(layer, Residual):
                x = layer(torch.cat([x, kept.pop()], 1), told)
            else:
                x = layer(interpolate(x, scale_factor=2.0))
        return self.last(silu(self.norm(x)))


class Peer:
    """A work's network and data on a device, and its iteration: the noise is to be said, at a step drawn for each."""

    def __init__(self, work: Work, penalty: str = OWN, options: frozenset[str] = frozenset(), device: str = "cpu"):
        config, (*size, channels) = work.experiment.diffusion, work.shape
        if penalty != OWN or not options <= OPTIONS or config.preset != "ddpm" or config.conditional:
            raise ValueError(f"the peer has DDPM's U-Net as it is, and {', '.join(sorted(OPTIONS))}")
        channels_last = options & {"channels_last", "bfloat16"}
        place = {"device": device, "memory_format": torch.channels_last if channels_last else torch.preserve_format}
        self.batch, self.device, self.iterations = work.experiment.batch_size, device, 0
        self.half_life = config.ema_decay.images
        self.data = torch.empty(_DATA, channels, *size).uniform_(-1, 1).to(**place)
        network = Denoiser(channels, size[0], config.network.build(0, config.precision))
        self.networks = [network.to(**place)]
        self.average = [parameter.detach().clone() for parameter in network.parameters()]
        adam = config.optimizer
        self.optimizer = torch.optim.Adam(network.parameters(), adam.learning_rate, (adam.b1, adam.b2), fused=True)
        schedule, steps = SCHEDULES["ddpm"], torch.arange(1001)
        self.alpha, self.sigma = (
            torch.tensor([float(level(float(step))) for step in steps], device=device)[:, None, None, None]
            for level in (schedule.alpha, schedule.sigma)
        )
        self.autocast = partial(torch.autocast, device, torch.bfloat16, enabled="bfloat16" in options)

    def loss(self, x: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """How far what the network says is from the noise of images at steps from 1 to 1,000."""
        mixed = self.alpha[step] * x + self.sigma[step] * noise
        with self.autocast():
            said = self.networks[0](mixed, step.float())
        return mse_loss(said, noise)

    def iterate(self) -> None:
        """Take one step, and move the average."""
        x = self.data[torch.randint(len(self.data), (self.batch,), device=self.device)]
        step = torch.randint(1, 1001, (self.batch,), device=self.device)
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(x, step, torch.randn_like(x)).backward()
        self.optimizer.step()
        self.iterations += 1
        decay = 0.5 ** (self.batch / min(self.half_life, 0.05 * self.batch * self.iterations))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.networks[0].parameters()), 1 - decay)
