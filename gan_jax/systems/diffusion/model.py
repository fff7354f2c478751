"""What a diffusion model is while it trains: what stays the same, and the denoiser that it is."""

from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion import PARAMETERIZATIONS, SCHEDULES, Denoiser, Parameterization, Preset, Schedule, guided
from gan_jax.systems.learner import Learner
from gan_jax.types import Array, Labels, Params, Samples

__all__ = ["Model", "bind_denoiser", "network_output", "parameterization_of", "schedule_of"]

_TIMES = 1000.0  # what a network is told at the noisiest, 0 next to the data


class Model(NamedTuple):
    """What does not change while a diffusion model trains; `diffusion` says what each of it is."""

    network: nn.Module
    preset: Preset
    shape: tuple[int, ...]
    learner: Learner
    label_dropout: float
    guidance: float
    clip: bool


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
    schedule = schedule_of(model)
    ends = [
        np.log(max(float(schedule.sigma(np.float64(t))), 1e-12) / max(float(schedule.alpha(np.float64(t))), 1e-6))
        for t in (schedule.low, schedule.high)
    ]
    ratio = jnp.log(sigma / jnp.maximum(alpha, 1e-6)).reshape(len(x))
    time = _TIMES * (ratio - ends[0]) / (ends[1] - ends[0])
    given = () if label is None else (label,)
    return cast(Array, model.network.apply(params, x, time, *given, **options))


def bind_denoiser(
    model: Model, params: Params, label: Labels | None = None, *, guidance: float = 1.0, clip: bool = False
) -> Denoiser:
    """Return the denoiser `(x, alpha, sigma) -> E[x0 | x]` of a network, told labels (N,) if it takes any.

    Guided, it is pushed from what it says untold. Clipped, what it says is held to [-1, 1].
    """
    parameterization = parameterization_of(model)

    def of(label: Labels | None) -> Denoiser:
        def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
            alphas, sigmas = (jnp.broadcast_to(level, (len(x), *[1] * (x.ndim - 1))) for level in (alpha, sigma))
            scaled = parameterization.scale(alphas, sigmas) * x
            said = network_output(model, params, scaled, alphas, sigmas, label)
            denoised = parameterization.denoised(said, x, alphas, sigmas)
            return jnp.clip(denoised, -1, 1) if clip else denoised

        return denoise

    if guidance == 1 or label is None:
        return of(label)
    untold = jnp.full_like(label, cast(Any, model.network).classes)
    return guided(of(label), of(untold), weight=guidance)
