"""The works in PyTorch, as a good user of it would write them: the peer that gan_jax is measured against.

    python -m benchmarks.peers.pytorch --work mnist_dcgan --penalty r1 --variant channels_last

It prints one JSON line about itself, and then for every number of iterations that it reads a line with the seconds that
they took. The arithmetic is gan_jax's, less the metrics that it keeps. Where there was a choice the faster was taken:
Adam is fused, real and generated samples pass the critic as one batch, and a penalty at either shares its forward pass.
Under spectral normalization the generator's step takes the critic's norms as the critic's last step left them.
"""

import argparse
import json
import sys
import time
from contextlib import redirect_stdout
from functools import partial

import torch
from torch import Tensor

from benchmarks.peers import unet
from benchmarks.peers.losses import LOSSES, has_penalty, weighted_penalty
from benchmarks.peers.networks import build
from benchmarks.peers.spectral import normalize, power_iteration
from benchmarks.works import OWN, WORKS, Work, method_of, with_method
from gan_jax import Experiment
from gan_jax.networks import GENERATORS
from gan_jax.penalties import at_both, at_fake, at_real, interpolate, lazy_adam

# `eager`, or any of the others joined by "+". Without tf32 or bfloat16 everything is full float32, on a GPU too.
OPTIONS = {"eager", "channels_last", "compile", "cuda_graph", "tf32", "bfloat16"}
_DATA = 4096  # samples that lie on the device


class Peer:
    """A work's networks and data on a device, and its iteration."""

    def __init__(self, work: Work, penalty: str = OWN, options: frozenset[str] = frozenset(), device: str = "cpu"):
        experiment = with_method(work.experiment, penalty)
        self.gan = gan = experiment.gan
        _check(experiment)
        self.loss, self.penalty = LOSSES[gan.loss], gan.penalty.build()
        self.every = self.penalty.every if self.penalty else 1
        self.batch, self.only_critic = experiment.batch_size, work.only_critic
        self.device, self.iterations = device, 0
        *size, channels = work.shape
        shape = (channels, *size)
        channels_last = size and options & {"channels_last", "bfloat16"}
        place = {"device": device, "memory_format": torch.channels_last if channels_last else torch.preserve_format}
        self.data = torch.empty(_DATA, *shape).uniform_(-1, 1).to(**place)
        self.generator, self.critic = self.networks = [network.to(**place) for network in build(gan, shape)]
        self.generator_norms = normalize(self.generator) if gan.generator_constraint.name != "none" else []
        self.critic_norms = normalize(self.critic) if gan.constraint.name != "none" else []
        self.average = [parameter.detach().clone() for parameter in self.generator.parameters()]
        adam = partial(torch.optim.Adam, fused=True, capturable="cuda_graph" in options)
        players = (self.generator, gan.generator_optimizer, 1), (self.critic, gan.critic_optimizer, self.every)
        self.generator_optimizer, self.critic_optimizer = (
            adam(network.parameters(), rate, decays)
            for network, config, every in players
            for rate, *decays in [lazy_adam(every, config.learning_rate, config.b1, config.b2)]
        )
        self.autocast = partial(torch.autocast, device, torch.bfloat16, enabled="bfloat16" in options)
        # On a GPU the fakes of all critic steps come from one pass, unless they are normalized by the batch; so many
        # images overflow a CPU's caches.
        mixes = getattr(GENERATORS[gan.generator.name], "mixes_samples", False)
        self.drawn = self.batch * (gan.critic_steps if device == "cuda" and not mixes else 1)
        if "compile" in options:
            # There is no double backward through a compiled function, so the critic's holds all derivatives. That of
            # the generator is taken outside, as is usual: inside, torch 2.13 crashes at the derivative of upsampling.
            torch._dynamo.config.trace_autograd_ops = True
            for name in ("draw", "critic_gradient", "penalty_gradient", "generator_loss"):
                setattr(self, name, torch.compile(getattr(self, name), fullgraph=True))

    @torch.no_grad()
    def draw(self, noise: Tensor) -> Tensor:
        """Draw a sample for each row of noise."""
        with self.autocast():
            return self.generator(noise).to(noise.dtype)

    def critic_gradient(self, real: Tensor, fake: Tensor, mix: Tensor) -> tuple[Tensor, ...]:
        """Differentiate the critic's loss, and its penalty unless that is lazy; `mix` are weights of interpolation."""
        penalty = self.penalty if self.every == 1 else None
        where = penalty and penalty.points
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
            loss = self.loss.critic(real_score, fake_score)
            if where is interpolate:
                points = torch.lerp(fake, real, mix).requires_grad_()
                scores = self.critic(points)
            if penalty is not None:
                loss = loss + weighted_penalty(penalty, scores, points)
        return torch.autograd.grad(loss, tuple(self.critic.parameters()))

    def penalty_gradient(self, real: Tensor, fake: Tensor, mix: Tensor) -> tuple[Tensor, ...]:
        """Differentiate a lazy penalty, as heavy as all that were left out."""
        where = self.penalty.points
        with self.autocast():
            if where is interpolate:
                points = torch.lerp(fake, real, mix)
            else:
                points = torch.cat([real, fake]) if where is at_both else real if where is at_real else fake
            points = points.detach().requires_grad_()
            penalty = self.every * weighted_penalty(self.penalty, self.critic(points), points)
        return torch.autograd.grad(penalty, tuple(self.critic.parameters()), materialize_grads=True)

    def generator_loss(self, noise: Tensor) -> Tensor:
        """The generator's loss."""
        with self.autocast():
            return self.loss.generator(self.critic(self.generator(noise)))

    def due(self, iteration: int) -> tuple[bool, ...]:
        """Whether a lazy penalty follows each of an iteration's critic steps."""
        steps = self.gan.critic_steps
        return tuple(
            self.every > 1 and step % self.every == 0 for step in range(iteration * steps, (iteration + 1) * steps)
        )

    def update(self, due: tuple[bool, ...]) -> None:
        """Make the critic's steps and the generator's."""
        gan, device = self.gan, self.device
        count = gan.critic_steps * self.batch
        real = self.data[torch.randint(len(self.data), (count,), device=device)]
        noise = torch.randn(count + self.batch, gan.generator.latent, device=device)
        fake = torch.cat([self.draw(some) for some in noise[:count].split(self.drawn)])
        mix = torch.rand(count, *[1] * (real.ndim - 1), device=device)
        for is_due, *step in zip(due, *(x.split(self.batch) for x in (real, fake, mix)), strict=True):
            with power_iteration(self.critic_norms):
                gradient = self.critic_gradient(*step)
            _apply(self.critic_optimizer, gradient)
            if is_due:
                _apply(self.critic_optimizer, self.penalty_gradient(*step))
        if not self.only_critic:
            self.critic.requires_grad_(False)  # compiled functions are differentiated by whatever can be
            with power_iteration(self.generator_norms):
                loss = self.generator_loss(noise[count:])
            self.critic.requires_grad_(True)
            _apply(self.generator_optimizer, torch.autograd.grad(loss, tuple(self.generator.parameters())))

    def iterate(self) -> None:
        """Make one iteration: an update, and the generator's moving average."""
        self.update(self.due(self.iterations))
        if not self.only_critic:
            decay = min(self.gan.ema_decay, (1 + self.iterations) / (10 + self.iterations))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.generator.parameters()), 1 - decay)
        self.iterations += 1

    def capture(self) -> None:
        """Make each kind of update a CUDA graph; the average's weight changes with time and stays outside."""
        graphs = {due: self._captured(due) for due in set(map(self.due, range(self.every)))}
        self.update = lambda due: graphs[due].replay()

    def _captured(self, due: tuple[bool, ...]) -> torch.cuda.CUDAGraph:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # what is made lazily has to be there before, as Adam's state
            for _ in range(3):
                self.update(due)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.update(due)
        return graph


def _check(experiment: Experiment) -> None:
    """Refuse what is not here."""
    gan = experiment.gan
    if gan.loss not in LOSSES:
        raise ValueError(f"the peer has no loss {gan.loss}")
    penalty, constraints = gan.penalty.build(), {gan.constraint.name, gan.generator_constraint.name} - {"none"}
    known = (penalty is None or has_penalty(penalty)) and constraints <= {"spectral_normalization"}
    if not known or (penalty and gan.constraint.name != "none"):
        raise ValueError(f"the peer has no {method_of(experiment)}")


def _apply(optimizer: torch.optim.Optimizer, gradients: tuple[Tensor, ...]) -> None:
    for parameter, gradient in zip(optimizer.param_groups[0]["params"], gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()


def _timed(peer: Peer | unet.Peer, count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        peer.iterate()
    if peer.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _prepare(work: Work, penalty: str, variant: str) -> tuple[Peer | unet.Peer, dict]:
    options, cuda = frozenset(variant.split("+")), torch.cuda.is_available()
    if not options <= OPTIONS:
        raise ValueError(f"a variant is made of {', '.join(sorted(OPTIONS))}, got {variant}")
    if not cuda and options & {"cuda_graph", "tf32"}:
        raise RuntimeError("needs CUDA")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = "tf32" in options
    torch.set_float32_matmul_precision("high" if "tf32" in options else "highest")
    kind = Peer if work.experiment.gan else unet.Peer
    peer = kind(work, penalty, options, "cuda" if cuda else "cpu")
    started = time.perf_counter()
    if "cuda_graph" in options:
        peer.capture()
    _timed(peer, 1)
    compile_s = time.perf_counter() - started
    _timed(peer, 2)
    row = {"framework": "torch", "version": torch.__version__, "variant": variant}
    row |= {"device": torch.cuda.get_device_name() if cuda else "cpu", "compile_s": compile_s}
    row |= {"parameters": sum(x.numel() for network in peer.networks for x in network.parameters())}
    return peer, row | {"peak_bytes": torch.cuda.max_memory_allocated() if cuda else None}


def main(arguments: list[str] | None = None) -> None:
    """Prepare a work and say so, or why not; then run as many iterations as each line of the input says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--penalty", default=OWN)
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
