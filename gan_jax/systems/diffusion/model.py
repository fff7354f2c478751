"""What a diffusion model is while it trains: what stays the same, and the denoiser that it is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion import PARAMETERIZATIONS, SCHEDULES, Denoiser, Parameterization, Preset, Schedule, guided
from gan_jax.systems.learner import Learner
from gan_jax.types import Array, Batch, Params, Samples, Spec

__all__ = [
    "Beside",
    "Model",
    "Told",
    "bind_denoiser",
    "network_output",
    "parameterization_of",
    "schedule_of",
    "time_of_level",
    "told_in",
]

_LEAST = 1e-6  # of alpha, where no signal is left
_TIMES = 1000.0  # what a network is told at the noisiest, 0 next to the data


class Told(NamedTuple):
    """What a network is told of each sample.

    Attributes:
      name: the entry of a batch: "label", int32 (N,), or "tokens", int32 (N, L).
      nothing: what says that there is none, int32 () or (L,): one more than the last label, or an empty caption.
    """

    name: str
    nothing: np.ndarray

    def untold(self, n: int) -> Array:
        """Say nothing of n samples."""
        return jnp.broadcast_to(jnp.asarray(self.nothing, jnp.int32), (n, *self.nothing.shape))


class Beside(NamedTuple):
    """What a network is told of a sample beside its label or caption.

    Attributes:
      spec: entries of a condition, without the batch axis.
      arguments: `(entries) -> keywords`, what the network takes of them, as "vector" (N, V).
      entries: `(batch) -> entries`, those of a training batch; by default those of these names.
      hidden: the probability that it is told zeros in training, which say that there is nothing.
    """

    spec: Spec
    arguments: Callable[[Batch], dict[str, Array]]
    entries: Callable[[Batch], Batch] | None = None
    hidden: float = 0.0

    def of_batch(self, batch: Batch) -> Batch:
        """Return the entries of a training batch."""
        return {name: batch[name] for name in self.spec} if self.entries is None else self.entries(batch)

    def of_condition(self, condition: Batch | None, n: int) -> dict[str, Array]:
        """Return what the network takes of a condition of n samples: zeros for what it does not hold."""
        given = condition or {}
        entries = {
            name: jnp.asarray(given[name]) if name in given else jnp.zeros((n, *entry.shape), entry.dtype)
            for name, entry in self.spec.items()
        }
        return self.arguments(entries)


class Model(NamedTuple):
    """What does not change while a diffusion model trains.

    Attributes:
      network: a module `(x (N, ...), time (N,), train=...) -> (N, ...)` without state; where there is something told,
        it takes that behind the time.
      preset: schedule, parameterization and all else that a paper chooses; objects of one's own in place of names.
      shape: of a sample.
      learner: how the parameters move.
      told: what the network is told of each sample, if anything.
      label_dropout: the probability that this is hidden in training.
      guidance: the weight of what is told when samples are drawn.
      clip: whether what is denoised is held to [-1, 1] when samples are drawn.
      beside: what the network is told beside the label, if anything.
    """

    network: nn.Module
    preset: Preset
    shape: tuple[int, ...]
    learner: Learner
    told: Told | None = None
    label_dropout: float = 0.0
    guidance: float = 1.0
    clip: bool = False
    beside: Beside | None = None


def schedule_of(model: Model) -> Schedule:
    """Return the schedule."""
    given: Any = model.preset.schedule
    return SCHEDULES[given] if isinstance(given, str) else given


def parameterization_of(model: Model) -> Parameterization:
    """Return the parameterization."""
    given: Any = model.preset.parameterization
    return PARAMETERIZATIONS[given] if isinstance(given, str) else given


def network_output(
    model: Model, params: Params, x: Samples, alpha: Array, sigma: Array, told: Array | None, **options: Any
) -> Samples:
    """Apply the network to scaled samples at levels (N, 1, ...), of which it is told the place of `log(sigma / alpha)`.

    The place is 0 at the schedule's least noise and 1000 at its most, whatever the schedule's own time is.
    """
    time = time_of_level(model, jnp.log(sigma / jnp.maximum(alpha, _LEAST)).reshape(len(x)))
    given = () if told is None else (told,)
    return cast(Array, model.network.apply(params, x, time, *given, **options))


def time_of_level(model: Model, log_ratio: Any) -> Any:
    """Return what the network is told at a `log(sigma / alpha)`."""
    schedule = schedule_of(model)
    low, high = (
        np.log(max(float(schedule.sigma(np.float64(t))), 1e-12) / max(float(schedule.alpha(np.float64(t))), _LEAST))
        for t in (schedule.low, schedule.high)
    )
    return _TIMES * (log_ratio - low) / (high - low)


def told_in(model: Model, batch: Batch) -> Array | None:
    """Return what the network is told of a batch's samples, None if it is told nothing."""
    return None if model.told is None else jnp.asarray(batch[model.told.name])


def bind_denoiser(
    model: Model,
    params: Params,
    told: Array | None = None,
    beside: Mapping[str, Array] = MappingProxyType({}),
    *,
    guidance: float = 1.0,
    clip: bool = False,
) -> Denoiser:
    """Return the denoiser `(x, alpha, sigma) -> E[x0 | x]` of a network, told labels, captions, more if it takes any.

    Guided, it is pushed from what it says untold, and of zeros where these are told in training. Clipped, what it
    says is held to [-1, 1].
    """
    parameterization = parameterization_of(model)

    def of(told: Array | None, beside: Mapping[str, Array]) -> Denoiser:
        def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
            alphas, sigmas = (jnp.broadcast_to(level, (len(x), *[1] * (x.ndim - 1))) for level in (alpha, sigma))
            scaled = parameterization.scale(alphas, sigmas) * x
            said = network_output(model, params, scaled, alphas, sigmas, told, **beside)
            denoised = parameterization.denoised(said, x, alphas, sigmas)
            return jnp.clip(denoised, -1, 1) if clip else denoised

        return denoise

    if guidance == 1:
        return of(told, beside)
    untold = None if told is None or model.told is None else model.told.untold(len(told))
    hidden = bool(model.beside and model.beside.hidden)
    without = {name: jnp.zeros_like(value) if hidden else value for name, value in beside.items()}
    return guided(of(told, beside), of(untold, without), weight=guidance)
