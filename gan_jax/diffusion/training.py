"""What a denoiser is trained on: times at which data are mixed with noise, and the weighted error of what it says."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion.levels import time_of
from gan_jax.diffusion.parameterizations import Parameterization
from gan_jax.diffusion.schedules import Schedule
from gan_jax.types import Array, Float, Key, PerSample, Samples

__all__ = ["TIMES", "WEIGHTINGS", "denoising_error", "mixed"]

_QUANTILES = 4096


def _uniform(schedule: Schedule, uniform: Array) -> Array:
    return schedule.low + (schedule.high - schedule.low) * uniform


def _steps(schedule: Schedule, uniform: Array) -> Array:
    """Whole steps, all alike."""
    count = schedule.high - schedule.low + 1
    return schedule.low + jnp.floor(jnp.minimum(uniform * count, count - 1))


def _log_normal(schedule: Schedule, uniform: Array, mean: float = -1.2, spread: float = 1.2) -> Array:
    """`log(sigma / alpha)` normal, as EDM's, and within the schedule."""
    share = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    ratios = np.exp([NormalDist(mean, spread).inv_cdf(each) for each in share])
    return _at_quantile(time_of(schedule, ratios), uniform)


def _logit_normal(schedule: Schedule, uniform: Array) -> Array:
    """Most in the middle of the path: `log(t / (1 - t))` standard normal, t from 0 to 1 (Esser et al., 2024)."""
    return _uniform(schedule, jax.nn.sigmoid(jax.scipy.special.ndtri(jnp.clip(uniform, 1e-6, 1 - 1e-6))))


def _at_quantile(times: np.ndarray, uniform: Array) -> Array:
    return jnp.interp(uniform * (len(times) - 1), np.arange(len(times), dtype=np.float32), times.astype(np.float32))


TIMES: dict[str, Callable[[Schedule, Array], Array]] = {
    "uniform": _uniform,
    "steps": _steps,
    "log_normal": _log_normal,
    "logit_normal": _logit_normal,
}
"""`(schedule, uniform numbers (N,)) -> times (N,)`, by which a training sample is mixed with noise."""


def _of_output(schedule: Schedule, parameterization: Parameterization, t: Array) -> Callable[..., Array]:
    """The squared error of what the network says."""

    def error(output: Array, x: Array, x0: Array, eps: Array, alpha: Array, sigma: Array) -> Array:
        return (output - parameterization.target(x0, eps, alpha, sigma)) ** 2

    return error


def _bound(schedule: Schedule, parameterization: Parameterization, t: Array) -> Callable[..., Array]:
    """What a sample costs by the variational bound of infinitely many steps, in nats, where times are uniform.

    `1/2 |d log SNR / dt| (high - low) (SNR) (x0_hat - x0)^2`, SNR = alpha^2 / sigma^2.
    """

    def log_snr(t: Array) -> Array:
        return 2 * (jnp.log(schedule.alpha(t)) - jnp.log(schedule.sigma(t)))

    _, change = jax.jvp(log_snr, (t,), (jnp.ones_like(t),))
    weight = 0.5 * (schedule.high - schedule.low) * jnp.abs(change) * jnp.exp(log_snr(t))

    def error(output: Array, x: Array, x0: Array, eps: Array, alpha: Array, sigma: Array) -> Array:
        denoised = parameterization.denoised(output, x, alpha, sigma)
        return weight.reshape(alpha.shape) * (denoised - x0) ** 2

    return error


WEIGHTINGS: dict[str, Callable[..., Any]] = {"output": _of_output, "bound": _bound}
"""`(schedule, parameterization, times (N,)) -> error`, an error `(output, x, x0, eps, alpha, sigma)` as the samples."""


def mixed(schedule: Schedule, t: Float[Array, " n"], x0: Samples, eps: Samples) -> tuple[Samples, Array, Array]:
    """Return `alpha(t) x0 + sigma(t) eps`, and alpha and sigma (N, 1, ...).

    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> mixed(SCHEDULES["flow"], jnp.array([0.25]), jnp.array([[4.0]]), jnp.array([[8.0]]))[0].tolist()
    [[5.0]]
    """
    axes = (len(x0), *[1] * (x0.ndim - 1))
    alpha, sigma = (function(t).astype(x0.dtype).reshape(axes) for function in (schedule.alpha, schedule.sigma))
    return alpha * x0 + sigma * eps, alpha, sigma


def denoising_error(
    network: Callable[[Samples, Array, Array], Samples],
    key: Key,
    x0: Samples,
    *,
    schedule: Schedule,
    parameterization: Parameterization,
    times: str | Callable[[Schedule, Array], Array] = "uniform",
    weighting: str | Callable[..., Any] = "output",
    uniform: Float[Array, " n"] | None = None,
    eps: Samples | None = None,
) -> PerSample:
    """Return the mean squared error of what a network says of each sample, mixed with noise at a time of its own.

    Args:
      network: `(x (N, ...), alpha (N, 1, ...), sigma (N, 1, ...)) -> output (N, ...)`; x has been scaled already.
      key: of the times and the noise, where these are not given.
      x0: (N, ...).
      schedule, parameterization: from their registries, or one's own.
      times: from `TIMES`.
      weighting: from `WEIGHTINGS`.
      uniform: (N,) in [0, 1), by which times are drawn.
      eps: (N, ...), standard normal.

    Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models, algorithm 1.

    >>> from gan_jax.diffusion.parameterizations import PARAMETERIZATIONS
    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> mute = lambda x, alpha, sigma: jnp.zeros_like(x)
    >>> chosen = {"schedule": SCHEDULES["ddpm"], "parameterization": PARAMETERIZATIONS["noise"]}
    >>> denoising_error(mute, jax.random.key(0), jnp.ones((1, 2)), eps=jnp.array([[1.0, 3.0]]), **chosen).tolist()
    [5.0]
    """
    time_key, noise_key = jax.random.split(key)
    uniform = jax.random.uniform(time_key, (len(x0),), jnp.float32) if uniform is None else uniform
    eps = jax.random.normal(noise_key, x0.shape, x0.dtype) if eps is None else eps
    t = (TIMES[times] if isinstance(times, str) else times)(schedule, uniform)
    x, alpha, sigma = mixed(schedule, t, x0, eps)
    output = network(parameterization.scale(alpha, sigma) * x, alpha, sigma)
    weigh = WEIGHTINGS[weighting] if isinstance(weighting, str) else weighting
    error = weigh(schedule, parameterization, t)(output, x, x0, eps, alpha, sigma)
    return error.reshape(len(x0), -1).mean(axis=1, dtype=jnp.float32)
