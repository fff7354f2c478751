"""At which noise a sampler evaluates the denoiser: a few levels of a schedule, from the noise to the data."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.diffusion.schedules import Schedule

__all__ = ["SPACINGS", "Levels", "levels", "time_of"]

_BISECTIONS = 200


class Levels(NamedTuple):
    """Signal and noise from one step to the next, the noisiest first; known when a sampler is compiled.

    Attributes:
      alpha, sigma: (K + 1,) float32, of NumPy. The last is next to the data, or is the data: alpha 1, sigma 0.
    """

    alpha: np.ndarray
    sigma: np.ndarray


def _leading(schedule: Schedule, steps: int) -> np.ndarray:
    """Every so many steps of training from the first on, as DDPM's subsets: the noisiest are left out."""
    count = int(schedule.high - schedule.low) + 1
    return (np.arange(steps) * (count // steps) + schedule.low)[::-1]


def _trailing(schedule: Schedule, steps: int) -> np.ndarray:
    """Every so many steps of training back from the last: the noisiest is there."""
    count = schedule.high - schedule.low + 1
    return np.round(schedule.high + 1 - np.arange(steps) * count / steps) - 1


def _linspace(schedule: Schedule, steps: int) -> np.ndarray:
    return np.linspace(schedule.high, schedule.low, steps)


def _quadratic(schedule: Schedule, steps: int) -> np.ndarray:
    """Even in the root of time, as DDIM's for CIFAR-10: closer together next to the data."""
    return np.linspace(schedule.high**0.5, schedule.low**0.5, steps) ** 2


def _karras(schedule: Schedule, steps: int, exponent: float = 7.0) -> np.ndarray:
    """Even in `(sigma / alpha)^(1/7)`, as EDM's."""
    first, last = (_ratio(schedule, t) ** (1 / exponent) for t in (_highest(schedule), schedule.low))
    ratios = np.linspace(first, last, steps) ** exponent
    return time_of(schedule, ratios)


def _log_snr(schedule: Schedule, steps: int) -> np.ndarray:
    """Even in `log(sigma / alpha)`: what likelihoods are integrated in, without a last level of no noise."""
    first, last = (np.log(_ratio(schedule, t)) for t in (_highest(schedule), schedule.low))
    return time_of(schedule, np.exp(np.linspace(first, last, steps + 1)))


def _ratio(schedule: Schedule, t: float) -> float:
    return float(schedule.sigma(np.float64(t)) / schedule.alpha(np.float64(t)))


def _highest(schedule: Schedule) -> float:
    """The last time with some signal in it, or one next to it."""
    whole = schedule.high - schedule.low
    return schedule.high if schedule.alpha(np.float64(schedule.high)) > 0 else schedule.high - 1e-3 * whole


def time_of(schedule: Schedule, ratios: np.ndarray) -> np.ndarray:
    """Return the times of ratios sigma / alpha, which grow with time, by bisection: the nearest there are.

    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> time_of(SCHEDULES["flow"], np.array([1.0])).round(6).tolist()
    [0.5]
    """
    low, high = np.full(ratios.shape, schedule.low), np.full(ratios.shape, _highest(schedule))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = schedule.sigma(middle) < ratios * schedule.alpha(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


SPACINGS: dict[str, Callable[[Schedule, int], np.ndarray]] = {
    "leading": _leading,
    "trailing": _trailing,
    "linspace": _linspace,
    "quadratic": _quadratic,
    "karras": _karras,
    "log_snr": _log_snr,
}
"""Times from `high` to `low`; a level of no noise follows those of all but the last, which has steps + 1."""


def levels(spacing: str | Callable[[Schedule, int], np.ndarray], schedule: Schedule, *, steps: int) -> Levels:
    """Choose the levels of a sampler of so many steps, in float64, returned as (steps + 1,) float32.

    Args:
      spacing: from `SPACINGS`, or a function `(schedule, steps) -> times`, from the noisiest, of which there are steps,
        or steps + 1 where no level without noise is to follow.
      schedule: from `gan_jax.diffusion.schedules.SCHEDULES`, or one's own.
      steps: one or more.

    Raises:
      ValueError: there are no steps, or more than a schedule of whole steps has.

    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> [round(sigma, 3) for sigma in levels("karras", SCHEDULES["edm"], steps=3).sigma.tolist()]
    [80.0, 2.515, 0.002, 0.0]
    """
    if steps < 1:
        raise ValueError(f"a sampler has one step or more, got {steps}")
    times = (SPACINGS[spacing] if isinstance(spacing, str) else spacing)(schedule, steps)
    if len(np.unique(times)) < len(times) or times.min() < schedule.low - 1e-9:
        raise ValueError(f"{spacing} cannot make {steps} different levels from {schedule.low} to {schedule.high}")
    alpha, sigma = (
        np.asarray(function(np.asarray(times, np.float64))) for function in (schedule.alpha, schedule.sigma)
    )
    if len(times) == steps:
        alpha, sigma = np.append(alpha, 1.0), np.append(sigma, 0.0)
    return Levels(alpha.astype(np.float32), sigma.astype(np.float32))
