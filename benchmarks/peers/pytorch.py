"""The works in PyTorch, as a good user of it would write them: the peer that gan_jax is measured against.

    python -m benchmarks.peers.pytorch --work mnist_dcgan --penalty interpolated/two_sided --variant channels_last

It prints one JSON line about itself, and then for every number of iterations that it reads a line with the seconds that
they took. The arithmetic is gan_jax's, less the metrics that it keeps. Where there was a choice the faster was taken:
Adam is fused, real and generated samples pass the critic as one batch, and a penalty at either shares its forward pass.
"""

import argparse
import json
import sys
import time
from contextlib import redirect_stdout
from functools import partial
from itertools import chain, pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from benchmarks.works import WORKS, Work, with_method
from gan_jax.networks import CRITICS, GENERATORS
from gan_jax.penalties import (
    Penalty,
    at_both,
    at_fake,
    at_real,
    interpolate,
    one_sided,
    one_sided_linear,
    slopes,
    two_sided,
    zero_centered,
)

# `eager`, or any of the others joined by "+". Without tf32 or bfloat16 everything is full float32, on a GPU too.
OPTIONS = {"eager", "channels_last", "compile", "cuda_graph", "tf32", "bfloat16"}
_DATA = 4096  # samples that lie on the device

_POINTS = {interpolate, at_real, at_fake, at_both}
_SHAPES = {
    two_sided(): lambda norm: (norm - 1).square(),
    one_sided(): lambda norm: (norm - 1).relu().square(),
    one_sided_linear(): lambda norm: norm.clamp(min=1),
    zero_centered(): lambda norm: norm.square() / 2,
}


class _Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(relu(self.first(relu(x)), inplace=True))


def _hidden(inputs, width, depth):
    sizes = [inputs] + [width] * depth
    return [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU(True))]


def _mlp_generator(shape, net, depth):
    image = [nn.Tanh(), nn.Unflatten(1, shape)] if len(shape) == 3 else []
    return [*_hidden(net.latent, net.width, depth), nn.Linear(net.width, prod(shape)), *image]


def _mnist_generator(shape, net, depth):
    dense = [nn.Linear(net.latent, 4 * net.width * 4 * 4), nn.Unflatten(1, (4 * net.width, 4, 4)), nn.ReLU(True)]
    to_7 = [nn.ConvTranspose2d(4 * net.width, 2 * net.width, 5), nn.ZeroPad2d((0, -1, 0, -1)), nn.ReLU(True)]
    to_11 = [nn.ConvTranspose2d(2 * net.width, net.width, 5), nn.ReLU(True)]
    return [*dense, *to_7, *to_11, nn.ConvTranspose2d(net.width, shape[0], 8, stride=2), nn.Tanh()]


def _resnet_generator(shape, net, depth):
    h, w = (side // 2**depth for side in shape[1:])
    dense = [nn.Linear(net.latent, net.width * h * w), nn.Unflatten(1, (net.width, h, w))]
    blocks = [layer for _ in range(depth) for layer in (nn.Upsample(scale_factor=2), _Block(net.width))]
    return [*dense, *blocks, nn.ReLU(True), nn.Conv2d(net.width, shape[0], 3, padding=1), nn.Tanh()]


def _score(features):
    return [nn.Flatten(), nn.Linear(features, 1), nn.Flatten(0)]


def _mlp_critic(shape, net, depth):
    return [nn.Flatten(), *_hidden(prod(shape), net.width, depth), *_score(net.width)]


def _dcgan_critic(shape, net, depth):
    features = [shape[0], *(net.width * 2**stage for stage in range(depth))]
    # Pads even sides by (2, 1), XLA's SAME by (1, 2): the same network on mirrored images, without F.pad's copies.
    layers = [(nn.Conv2d(*pair, 5, stride=2, padding=2), nn.LeakyReLU(0.2, True)) for pair in pairwise(features)]
    size = prod(-(-side // 2**depth) for side in shape[1:])
    return [*chain(*layers), *_score(features[-1] * size)]


def _resnet_critic(shape, net, depth):
    blocks = [layer for _ in range(depth) for layer in (_Block(net.width), nn.AvgPool2d(2))]
    first = nn.Conv2d(shape[0], net.width, 3, padding=1)
    return [first, *blocks, nn.ReLU(True), nn.AdaptiveAvgPool2d(1), *_score(net.width)]


_GENERATORS = {"mlp": _mlp_generator, "dcgan_mnist": _mnist_generator, "resnet": _resnet_generator}
_CRITICS = {"mlp": _mlp_critic, "dcgan": _dcgan_critic, "resnet": _resnet_critic}


def _network(layers, kinds, net, shape):
    depth = net.depth or getattr(kinds[net.name], "depth", None)
    return nn.Sequential(*layers[net.name](shape, net, depth))


class Peer:
    """A work's networks and data on a device, and its iteration."""

    def __init__(self, work: Work, penalty: str, options: frozenset[str] = frozenset(), device: str = "cpu"):
        gan = with_method(work.experiment, penalty).gan
        if gan.loss != "wasserstein":
            raise ValueError(f"the peer has no loss but wasserstein, got {gan.loss}")
        self.penalty = kept = gan.penalty.build()
        known = kept is None or (
            isinstance(kept, Penalty)
            and kept.points in _POINTS
            and kept.shape in _SHAPES
            and kept.slope is slopes.gradient
        )
        if not known or gan.constraint.name != "none" or (kept and kept.every > 1):
            raise ValueError(f"the peer has no {penalty}")
        self.gan, self.batch, self.only_critic = gan, work.experiment.batch_size, work.only_critic
        self.device, self.iterations = device, 0
        *size, channels = work.shape
        shape = (channels, *size)
        channels_last = size and options & {"channels_last", "bfloat16"}
        place = {"device": device, "memory_format": torch.channels_last if channels_last else torch.preserve_format}
        self.data = torch.empty(_DATA, *shape).uniform_(-1, 1).to(**place)
        self.generator = _network(_GENERATORS, GENERATORS, gan.generator, shape).to(**place)
        self.critic = _network(_CRITICS, CRITICS, gan.critic, shape).to(**place)
        self.average = [parameter.detach().clone() for parameter in self.generator.parameters()]
        adam = partial(torch.optim.Adam, fused=True, capturable="cuda_graph" in options)
        self.generator_optimizer, self.critic_optimizer = (
            adam(network.parameters(), config.learning_rate, (config.b1, config.b2))
            for network, config in ((self.generator, gan.generator_optimizer), (self.critic, gan.critic_optimizer))
        )
        self.autocast = partial(torch.autocast, device, torch.bfloat16, enabled="bfloat16" in options)
        # On a GPU the fakes of all critic steps come from one pass; so many images overflow a CPU's caches.
        self.drawn = self.batch * (gan.critic_steps if device == "cuda" else 1)
        if "compile" in options:
            # There is no double backward through a compiled function, so the critic's holds all derivatives. That of
            # the generator is taken outside, as is usual: inside, torch 2.13 crashes at the derivative of upsampling.
            torch._dynamo.config.trace_autograd_ops = True
            for name in ("draw", "critic_gradient", "generator_loss"):
                setattr(self, name, torch.compile(getattr(self, name), fullgraph=True))

    @torch.no_grad()
    def draw(self, noise: Tensor) -> Tensor:
        """Draw a sample for each row of noise."""
        with self.autocast():
            return self.generator(noise).to(noise.dtype)

    def critic_gradient(self, real: Tensor, fake: Tensor, mix: Tensor) -> tuple[Tensor, ...]:
        """Differentiate the critic's loss with its penalty; `mix` has one weight of interpolation per sample."""
        penalty, where = self.penalty, self.penalty and self.penalty.points
        with self.autocast():
            if where in (at_real, at_fake):  # apart, since the gradient has no use for the other's scores
                points, other = (real, fake) if where is at_real else (fake, real)
                points = points.detach().requires_grad_()
                scores, rest = self.critic(points), self.critic(other)
                real_score, fake_score = (scores, rest) if where is at_real else (rest, scores)
            else:
                points = torch.cat([real, fake]).requires_grad_(where is at_both)
                scores = self.critic(points)
                real_score, fake_score = scores.chunk(2)
            loss = fake_score.mean() - real_score.mean()
            if where is interpolate:
                points = torch.lerp(fake, real, mix).requires_grad_()
                scores = self.critic(points)
            if penalty is not None:
                (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
                norm = torch.linalg.vector_norm(gradient, dim=tuple(range(1, gradient.ndim)))
                loss = loss + penalty.weight * _SHAPES[penalty.shape](norm).mean()
        return torch.autograd.grad(loss, tuple(self.critic.parameters()))

    def generator_loss(self, noise: Tensor) -> Tensor:
        """The generator's loss."""
        with self.autocast():
            return -self.critic(self.generator(noise)).mean()

    def update(self) -> None:
        """Make the critic's steps and the generator's."""
        gan, device = self.gan, self.device
        count = gan.critic_steps * self.batch
        real = self.data[torch.randint(len(self.data), (count,), device=device)]
        noise = torch.randn(count + self.batch, gan.generator.latent, device=device)
        fake = torch.cat([self.draw(some) for some in noise[:count].split(self.drawn)])
        mix = torch.rand(count, *[1] * (real.ndim - 1), device=device)
        for step in zip(*(x.split(self.batch) for x in (real, fake, mix)), strict=True):
            _apply(self.critic_optimizer, self.critic_gradient(*step))
        if not self.only_critic:
            self.critic.requires_grad_(False)  # compiled functions are differentiated by whatever can be
            loss = self.generator_loss(noise[count:])
            self.critic.requires_grad_(True)
            _apply(self.generator_optimizer, torch.autograd.grad(loss, tuple(self.generator.parameters())))

    def iterate(self) -> None:
        """Make one iteration: an update, and the generator's moving average."""
        self.update()
        if not self.only_critic:
            decay = min(self.gan.ema_decay, (1 + self.iterations) / (10 + self.iterations))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.generator.parameters()), 1 - decay)
        self.iterations += 1

    def capture(self) -> None:
        """Make the update one CUDA graph; the average's weight changes with time and stays outside."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # what is made lazily has to be there before, as Adam's state
            for _ in range(3):
                self.update()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.update()
        self.update = graph.replay


def _apply(optimizer: torch.optim.Optimizer, gradients: tuple[Tensor, ...]) -> None:
    for parameter, gradient in zip(optimizer.param_groups[0]["params"], gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()


def _timed(peer: Peer, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        peer.iterate()
    if peer.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _prepare(work: Work, penalty: str, variant: str) -> tuple[Peer, dict]:
    options, cuda = frozenset(variant.split("+")), torch.cuda.is_available()
    if not options <= OPTIONS:
        raise ValueError(f"a variant is made of {', '.join(sorted(OPTIONS))}, got {variant}")
    if not cuda and options & {"cuda_graph", "tf32"}:
        raise RuntimeError("needs CUDA")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = "tf32" in options
    torch.set_float32_matmul_precision("high" if "tf32" in options else "highest")
    peer = Peer(work, penalty, options, "cuda" if cuda else "cpu")
    started = time.perf_counter()
    if "cuda_graph" in options:
        peer.capture()
    _timed(peer, 1)
    compile_s = time.perf_counter() - started
    _timed(peer, 2)
    row = {"framework": "torch", "version": torch.__version__, "variant": variant}
    row |= {"device": torch.cuda.get_device_name() if cuda else "cpu", "compile_s": compile_s}
    return peer, row | {"peak_bytes": torch.cuda.max_memory_allocated() if cuda else None}


def main(arguments: list[str] | None = None) -> None:
    """Prepare a work and say so, or why not; then run as many iterations as each line of the input says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--penalty", default="wgan_gp")
    parser.add_argument("--variant", default="eager")
    given = parser.parse_args(arguments)
    answer = partial(print, file=sys.stdout, flush=True)
    with redirect_stdout(sys.stderr):
        try:
            peer, row = _prepare(WORKS[given.work], given.penalty, given.variant)
        except Exception as error:  # whatever it is, it is the result
            answer(json.dumps({"error": str(error).strip().partition("\n")[0] or type(error).__name__}))
            return
        answer(json.dumps(row))
        for line in sys.stdin:
            answer(json.dumps({"seconds": _timed(peer, int(line))}))


if __name__ == "__main__":
    main()
