"""How much signal and how much noise there is at a time: `x = alpha(t) x0 + sigma(t) eps`, eps standard normal.

`SCHEDULES` holds the published ones. Time is the paper's own: steps, an interval up to 1, or the noise itself; `low` is
next to the data, `high` next to the noise. The functions take NumPy's numbers in float64 and JAX's as they are.

>>> schedule = SCHEDULES["edm"]
>>> float(schedule.alpha(2.0)), float(schedule.sigma(2.0))
(1.0, 2.0)
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array

__all__ = ["SCHEDULES", "Schedule", "cosine_betas", "discrete", "zero_terminal"]

Numbers = Array | np.ndarray | float


class Schedule(NamedTuple):
    """A path from data to noise.

    Attributes:
      alpha, sigma: functions of time, of any shape.
      low: the time of least noise, at which what was learned ends.
      high: the time of most noise, from which samples are drawn.
      paper: where it is from.
    """

    alpha: Callable[[Numbers], Any]
    sigma: Callable[[Numbers], Any]
    low: float
    high: float
    paper: str


def _numpy(t: Numbers) -> Any:
    return jnp if isinstance(t, jax.Array) else np


def discrete(betas: np.ndarray, paper: str) -> Schedule:
    """Return the schedule of steps 0, 1, ...: `alpha^2 = prod (1 - beta)`, `sigma^2 = 1 - alpha^2`.

    The variances (T,) are multiplied in float64; between two steps log alpha is linear.

    >>> schedule = discrete(np.array([0.36, 0.75]), "")
    >>> np.round([schedule.alpha(0), schedule.alpha(1), schedule.sigma(0)], 6).tolist()
    [0.8, 0.4, 0.6]
    """
    kept = 1 - np.minimum(np.asarray(betas, np.float64), 1 - 1e-12)  # of a last step without signal, a trace
    log_alpha = np.cumsum(np.log(kept)) / 2
    steps = np.arange(len(log_alpha), dtype=np.float64)

    def log_at(t: Numbers) -> Any:
        return _numpy(t).interp(t, steps, log_alpha)

    def alpha(t: Numbers) -> Any:
        return _numpy(t).exp(log_at(t))

    def sigma(t: Numbers) -> Any:
        return _numpy(t).sqrt(-_numpy(t).expm1(2 * log_at(t)))

    return Schedule(alpha, sigma, 0.0, float(len(log_alpha) - 1), paper)


def zero_terminal(betas: np.ndarray) -> np.ndarray:
    """Return variances (T,) moved so that no signal is left after the last step, and as much as before after the first.

    `sqrt(prod (1 - beta))` is shifted to end at 0 and stretched to begin where it did. A denoiser then has to be told
    the sample or the velocity, since noise alone says nothing there.

    Source: Lin et al. (2024), Common diffusion noise schedules and sample steps are flawed.

    >>> zero_terminal(np.array([0.1, 0.2, 0.3]))[[0, -1]].round(6).tolist()
    [0.1, 1.0]
    """
    root = np.sqrt(np.cumprod(1 - np.asarray(betas, np.float64)))
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    square = root**2
    return 1 - np.concatenate([square[:1], square[1:] / square[:-1]])


def cosine_betas(steps: int = 1000, offset: float = 0.008) -> np.ndarray:
    """Return the variances (T,) of which `prod (1 - beta)` is a squared cosine, each at most 0.999.

    Source: Nichol, Dhariwal (2021), Improved denoising diffusion probabilistic models.

    >>> cosine_betas(4).round(3).tolist()
    [0.153, 0.417, 0.708, 0.999]
    """
    square = np.cos((np.arange(steps + 1) / steps + offset) / (1 + offset) * np.pi / 2) ** 2
    return np.minimum(1 - square[1:] / square[:-1], 0.999)


def _vp_log_alpha(t: Numbers) -> Any:
    """`-1/2` of the integral of beta, which goes from 0.1 to 20."""
    return -0.25 * t**2 * (20 - 0.1) - 0.5 * t * 0.1


def _exp(log: Callable[[Numbers], Any], t: Numbers) -> Any:
    return _numpy(t).exp(log(t))


def _vp_sigma(t: Numbers) -> Any:
    return _numpy(t).sqrt(-_numpy(t).expm1(2 * _vp_log_alpha(t)))


def _subvp_sigma(t: Numbers) -> Any:
    return -_numpy(t).expm1(2 * _vp_log_alpha(t))


def _one(t: Numbers) -> Any:
    return _numpy(t).ones_like(t)


def _same(t: Numbers) -> Any:
    return t * _one(t)


_DDPM = "Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models"
_SDE = "Song et al. (2021), Score-based generative modeling through stochastic differential equations"

SCHEDULES: dict[str, Schedule] = {
    "ddpm": discrete(np.linspace(1e-4, 0.02, 1000), _DDPM),
    "erasing": discrete(
        1 / np.arange(1000.0, 0.0, -1.0),
        "Sohl-Dickstein et al. (2015), Deep unsupervised learning using nonequilibrium thermodynamics",
    ),
    "cosine": discrete(cosine_betas(), "Nichol, Dhariwal (2021), Improved denoising diffusion probabilistic models"),
    "stable_diffusion": discrete(
        np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2,
        "Rombach et al. (2022), High-resolution image synthesis with latent diffusion models",
    ),
    "vp": Schedule(partial(_exp, _vp_log_alpha), _vp_sigma, 1e-3, 1.0, _SDE),
    "subvp": Schedule(partial(_exp, _vp_log_alpha), _subvp_sigma, 1e-3, 1.0, _SDE),
    "ve": Schedule(_one, lambda t: 0.01 * 5000 ** _same(t), 0.0, 1.0, _SDE),
    "edm": Schedule(
        _one,
        _same,
        0.002,
        80.0,
        "Karras et al. (2022), Elucidating the design space of diffusion-based generative models",
    ),
    "flow": Schedule(
        lambda t: 1 - _same(t), _same, 1e-3, 1.0, "Lipman et al. (2023), Flow matching for generative modeling"
    ),
}
