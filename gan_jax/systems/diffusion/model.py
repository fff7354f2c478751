"""What a diffusion model is while it trains: what stays the same, and the denoiser that it is."""

from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion import PARAMETERIZATIONS, SCHEDULES, Denoiser, Parameterization, Preset, Schedule, guided
from gan_jax.systems.learner import Learner
from gan_jax.types import Array, Labels, Params, Samples

__all__ = ["Model", "bind_denoiser", "network_output", "parameterization_of", "schedule_of", "time_of_level"]

_LEAST = 1e-6  # of alpha, where no signal is left
_TIMES = 1000.0  # what a network is told at the noisiest, 0 next to the data


class Model(NamedTuple):
    """What does not change while a diffusion model trains.

    Attributes:
      network: a module `(x (N, ...), time (N,), train=...) -> (N, ...)` without state. If it has some `classes` it also
        takes int32 labels (N,), of which `classes` itself says that there is none.
      preset: schedule, parameterization and all else that a paper chooses; objects of one's own in place of names.
      shape: of a sample.
      learner: how the parameters move.
      label_dropout: the probability that a label is hidden in training.
      guidance: the weight of the label when samples are drawn.
      clip: whether what is denoised is held to [-1, 1] when samples are drawn.
    """

    network: nn.Module
    preset: Preset
    shape: tuple[int, ...]
    learner: Learner
    label_dropout: float = 0.0
    guidance: float = 1.0
    clip: bool = False


def schedule_of(model: Model) -> Schedule:
    """Return the schedule."""
    given: Any = model.preset.schedule
    return SCHEDULES[given] if isinstance(given, str) else given


def parameterization_of(model: Model) -> Parameterization:
    """Return the parameterization."""
    given: Any = model.preset.parameterization
    return PARAMETERIZATIONS[given] if isinstance(given, str) else given


def network_output(
    model: Model, params: Params, x: Samples, alpha: Array, sigma: Array, label: Labels | None, **options: Any
) -> Samples:
    """Apply the network to scaled samples at levels (N, 1, ...), of which it is told the place of `log(sigma / alpha)`.

    The place is 0 at the schedule's least noise and 1000 at its most, whatever the schedule's own time is.
    """
    time = time_of_level(model, jnp.log(sigma / jnp.maximum(alpha, _LEAST)).reshape(x.shape[0]))
    given = () if label is None else (label,)
    return cast(Array, model.network.apply(params, x, time, *given, **options))


def time_of_level(model: Model, log_ratio: Any) -> Any:
    """Return what the network is told at a `log(sigma / alpha)`."""
    schedule = schedule_of(model)
    low, high = (
        np.log(max(float(schedule.sigma(np.float64(t))), 1e-12) / max(float(schedule.alpha(np.float64(t))), _LEAST))
        for t in (schedule.low, schedule.high)
    )
    return _TIMES * (log_ratio - low) / (high - low)


def bind_denoiser(
    model: Model, params: Params, label: Labels | None = None, *, guidance: float = 1.0, clip: bool = False
) -> Denoiser:
    """Return the denoiser `(x, alpha, sigma) -> E[x0 | x]` of a network, told labels (N,) if it takes any.

    Guided, it is pushed from what it says untold. Clipped, what it says is held to [-1, 1].
    """
    parameterization = parameterization_of(model)

    def of(label: Labels | None) -> Denoiser:
        def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
            alphas, sigmas = (jnp.broadcast_to(level, (x.shape[0], *[1] * (x.ndim - 1))) for level in (alpha, sigma))
            scaled = parameterization.scale(alphas, sigmas) * x
            said = network_output(model, params, scaled, alphas, sigmas, label)
            denoised = parameterization.denoised(said, x, alphas, sigmas)
            return jnp.clip(denoised, -1, 1) if clip else denoised

        return denoise

    if guidance == 1 or label is None:
        return of(label)
    untold = jnp.full_like(label, cast(Any, model.network).classes)
    return guided(of(label), of(untold), weight=guidance)
