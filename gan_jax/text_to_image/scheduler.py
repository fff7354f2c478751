"""How a public model was trained and is drawn from, as its `scheduler_config.json` says, in this package's terms."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.config import short
from gan_jax.diffusion import PARAMETERIZATIONS, Levels, Parameterization, Schedule
from gan_jax.diffusion.schedules import cosine_betas, discrete, zero_terminal
from gan_jax.errors import InputError
from gan_jax.types import Array

__all__ = ["Scheduler", "levels_of", "read_scheduler", "time_of_level"]

_PARAMETERIZATIONS = {"epsilon": "noise", "v_prediction": "velocity", "sample": "sample"}
_BETAS: dict[str, Callable[[float, float, int], np.ndarray]] = {
    "linear": np.linspace,
    "scaled_linear": lambda low, high, count: np.linspace(low**0.5, high**0.5, count) ** 2,
    "squaredcos_cap_v2": lambda low, high, count: cosine_betas(count),
}
_SPACINGS: dict[str, Callable[[int, int], np.ndarray]] = {
    "leading": lambda count, steps: np.arange(steps)[::-1] * (count // steps),
    "trailing": lambda count, steps: np.round(np.arange(count, 0, -count / steps))[:steps] - 1,
    "linspace": lambda count, steps: np.round(np.linspace(0, count - 1, steps))[::-1],
}
_FIXED = {"thresholding": False, "trained_betas": None, "clip_sample_range": 1.0}
_CLIPS = ("DDPMScheduler", "DDIMScheduler")
_NEAR = 0.02  # steps: by so much a time that is found from a level in float32 may be off


class Scheduler(NamedTuple):
    """How a public model was trained and is drawn from.

    Attributes:
      schedule: alpha and sigma at its steps 0, 1, ..., of training.
      parameterization: what the network says.
      spacing: which of the steps a sampler takes, from "leading", "trailing" and "linspace".
      offset: how many steps later than that, if leading.
      clean: whether a sample ends without noise, or at the first step's.
      clip: whether what the network says that the data are is held to [-1, 1], as DDPM's are.
    """

    schedule: Schedule
    parameterization: Parameterization
    spacing: str
    offset: int
    clean: bool
    clip: bool = False


def read_scheduler(given: Mapping[str, Any]) -> Scheduler:
    """Return what a `scheduler_config.json` of diffusers says, whichever sampler it is of.

    Raises:
      InputError: it has settings that are not built; the message names one.

    >>> scheduler = read_scheduler({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
    >>> round(float(scheduler.schedule.sigma(999)), 4)
    0.9977
    """
    for name, value in _FIXED.items():
        if given.get(name, value) != value:
            raise InputError(f"{short(given[name])} is not built, only {short(value)}", field=name)

    def chosen(name: str, default: str, choices: Mapping[str, Any]) -> Any:
        value = given.get(name, default)
        if value not in choices:
            raise InputError(f"{short(value)} is not built, only {', '.join(choices)}", field=name)
        return value

    betas = _BETAS[chosen("beta_schedule", "linear", _BETAS)]
    count = int(given.get("num_train_timesteps", 1000))
    numbers = betas(float(given.get("beta_start", 1e-4)), float(given.get("beta_end", 0.02)), count)
    numbers = zero_terminal(numbers) if given.get("rescale_betas_zero_snr") else numbers
    return Scheduler(
        discrete(numbers, "its scheduler_config.json"),
        PARAMETERIZATIONS[_PARAMETERIZATIONS[chosen("prediction_type", "epsilon", _PARAMETERIZATIONS)]],
        chosen("timestep_spacing", "leading", _SPACINGS),
        int(given.get("steps_offset", 0)),
        bool(given.get("set_alpha_to_one", True)),
        # diffusers' samplers of pixels clip where nothing is said, those of latents say that they do not, or never do.
        bool(given.get("clip_sample", given.get("_class_name") in _CLIPS)),
    )


def levels_of(scheduler: Scheduler, steps: int) -> Levels:
    """Return the levels of noise of a sampler of so many steps, the last without any, or that of the first step.

    Raises:
      InputError: there are more steps than there were in training.

    >>> scheduler = read_scheduler({"set_alpha_to_one": False, "steps_offset": 1})
    >>> levels_of(scheduler, 20).alpha.shape
    (21,)
    """
    schedule, count = scheduler.schedule, int(scheduler.schedule.high) + 1
    if not 1 <= steps <= count - scheduler.offset:
        raise InputError(f"must be from 1 to {count - scheduler.offset}, got {steps}", field="steps")
    times = _SPACINGS[scheduler.spacing](count, steps)
    times = times + scheduler.offset if scheduler.spacing == "leading" else times
    alpha, sigma = schedule.alpha(times), schedule.sigma(times)
    last = (1.0, 0.0) if scheduler.clean else (schedule.alpha(0), schedule.sigma(0))
    return Levels(np.append(alpha, last[0]).astype(np.float32), np.append(sigma, last[1]).astype(np.float32))


def time_of_level(scheduler: Scheduler, alpha: Array, sigma: Array) -> Array:
    """Return the step of training that has a level of noise; between two steps, what lies between them.

    >>> scheduler = read_scheduler({})
    >>> alpha, sigma = (jnp.float32(level(500)) for level in (scheduler.schedule.alpha, scheduler.schedule.sigma))
    >>> float(time_of_level(scheduler, alpha, sigma))
    500.0
    """
    steps = np.arange(int(scheduler.schedule.high) + 1, dtype=np.float64)
    ratios = np.log(scheduler.schedule.sigma(steps)) - np.log(scheduler.schedule.alpha(steps))
    found = jnp.log(sigma) - jnp.log(jnp.maximum(alpha, 1e-12))
    time = jnp.interp(found, jnp.asarray(ratios, jnp.float32), jnp.asarray(steps, jnp.float32))
    whole = jnp.round(time)
    return jnp.where(jnp.abs(time - whole) < _NEAR, whole, time)
