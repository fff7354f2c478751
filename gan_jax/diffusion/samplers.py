"""Samplers: from noise to data, level by level, by a denoiser `(x, alpha, sigma) -> E[x0 | x]`.

They know neither schedule nor parameterization nor time: `x = alpha x0 + sigma eps` is all. One step is DDPM's, DDIM's,
Euler-ancestral, EDM's and flow matching's Euler by its arguments; `SAMPLERS` holds it with and without fresh noise,
beside Heun's, a second-order multistep, stochastic churn, and a predictor with correctors.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.diffusion.levels import Levels
from gan_jax.types import Array, Float, Key, Samples

__all__ = ["SAMPLERS", "Denoiser", "Sampler", "draw", "encode", "evaluations", "slope", "step"]

Scalar = Float[Array, ""]


Denoiser = Callable[[Samples, Scalar, Scalar], Samples]
"""`(x, alpha, sigma) -> E[x0 | x]`: the expected data (N, ...) of `x = alpha x0 + sigma eps`, one level for all."""


def step(
    denoised: Samples, x: Samples, start: tuple[Scalar, Scalar], end: tuple[Scalar, Scalar], noise: Samples, *, eta: Any
) -> Samples:
    """Go from one level of noise to a lower one, given what the denoiser says at the first.

    `x' = alpha' x0 + sqrt(sigma'^2 - s^2) eps + s z` with `eps = (x - alpha x0) / sigma` and `s = eta sigma'
    sqrt(1 - (alpha sigma' / (alpha' sigma))^2)`. With eta 1 it is DDPM's step with the smaller of its variances and,
    where alpha is 1, Euler-ancestral; with eta 0 DDIM's, EDM's Euler step, flow matching's Euler step, and DPM-Solver++
    of first order.

    Takes samples (N, ...), the pairs (alpha, sigma) of both levels, sigma > 0 at the first, and normal noise (N, ...).

    Source: Song, Meng, Ermon (2021), Denoising diffusion implicit models, equations 12 and 16.

    >>> one, x = jnp.float32(1), jnp.array([3.0])
    >>> step(jnp.array([1.0]), x, (one, one), (one, one / 2), jnp.zeros(1), eta=0.0).tolist()
    [2.0]
    """
    (alpha, sigma), (to_alpha, to_sigma) = start, end
    share = jnp.clip(1 - (alpha * to_sigma / (to_alpha * sigma)) ** 2, 0, 1)
    fresh = eta * to_sigma * jnp.sqrt(share)
    kept = jnp.sqrt(jnp.maximum(to_sigma**2 - fresh**2, 0))
    return to_alpha * denoised + kept * ((x - alpha * denoised) / sigma) + fresh * noise


def slope(denoised: Samples, y: Samples, rho: Scalar) -> Samples:
    """Slope of the probability flow in `y = x / alpha` and `rho = sigma / alpha`: `dy / d rho = (y - D) / rho`.

    It is the same for every path of noise.

    Source: Karras et al. (2022), Elucidating the design space of diffusion-based generative models, equation 4.

    >>> slope(jnp.array([1.0]), jnp.array([3.0]), jnp.float32(4)).tolist()
    [0.5]
    """
    return (y - denoised) / rho


def _euler(denoiser: Denoiser, key: Key, x: Samples, start: Any, end: Any, memory: Any, *, eta: float) -> Any:
    noise = jax.random.normal(key, x.shape, x.dtype)
    return step(denoiser(x, *start), x, start, end, noise, eta=eta), memory


def _heun(denoiser: Denoiser, key: Key, x: Samples, start: Any, end: Any, memory: Any) -> Any:
    """A trapezium in rho, after an Euler step; to the data, where the slope has no end, the Euler step alone."""
    (alpha, sigma), (to_alpha, to_sigma) = start, end
    first = denoiser(x, alpha, sigma)

    def corrected(guess: Samples) -> Samples:
        y, rho, to_rho = x / alpha, sigma / alpha, to_sigma / to_alpha
        second = slope(denoiser(guess, to_alpha, to_sigma), guess / to_alpha, to_rho)
        return to_alpha * (y + (to_rho - rho) * (slope(first, y, rho) + second) / 2)

    guess = step(first, x, start, end, jnp.zeros_like(x), eta=0.0)
    usable = (to_sigma > 0) & (alpha > 0)
    return lax.cond(usable, corrected, lambda guess: guess, guess), memory


def _dpm_2m(denoiser: Denoiser, key: Key, x: Samples, start: Any, end: Any, memory: Any) -> Any:
    """DPM-Solver++(2M): a step of the denoised, drawn on from the one before; the first and the last of first order."""
    (alpha, sigma), (to_alpha, to_sigma) = start, end
    denoised = denoiser(x, alpha, sigma)
    before, last_width = memory
    width = jnp.log(to_alpha / jnp.maximum(to_sigma, 1e-30)) - jnp.log(jnp.maximum(alpha, 1e-30) / sigma)
    usable = (last_width > 0) & (to_sigma > 0)
    ratio = jnp.where(usable, width / jnp.where(usable, 2 * last_width, 1), 0)
    drawn_on = denoised + ratio * (denoised - before)
    return to_alpha * drawn_on + to_sigma / sigma * (x - alpha * drawn_on), (denoised, width)


def _churn(
    denoiser: Denoiser, key: Key, x: Samples, start: Any, end: Any, memory: Any, *, churn: float, spread: float
) -> Any:
    """EDM's stochastic sampler: a little more noise, by a share of rho, before each of Heun's steps."""
    alpha, sigma = start
    more = (1 + churn) * sigma
    noise = spread * jax.random.normal(key, x.shape, x.dtype)
    return _heun(denoiser, key, x + jnp.sqrt(more**2 - sigma**2) * noise, (alpha, more), end, memory)


def _corrector(denoiser: Denoiser, key: Key, x: Samples, start: Any, end: Any, memory: Any, *, ratio: float) -> Any:
    """The ancestral step, and one of Langevin at the level that it reaches, where there is noise."""
    step_key, noise_key = jax.random.split(key)
    x, memory = _euler(denoiser, step_key, x, start, end, memory, eta=1.0)
    alpha, sigma = end

    def corrected(x: Samples) -> Samples:
        noise = jax.random.normal(noise_key, x.shape, x.dtype)
        score = (alpha * denoiser(x, alpha, sigma) - x) / sigma**2
        lengths = (jnp.sqrt((each.reshape(len(x), -1) ** 2).sum(axis=1)).mean() for each in (noise, score))
        size = 2 * (ratio * next(lengths) / next(lengths)) ** 2
        return x + size * score + jnp.sqrt(2 * size) * noise

    return lax.cond(sigma > 0, corrected, lambda x: x, x), memory


Sampler = Callable[..., Any]

SAMPLERS: dict[str, Sampler] = {
    "ddpm": partial(_euler, eta=1.0),
    "ddim": partial(_euler, eta=0.0),
    "heun": _heun,
    "dpm_2m": _dpm_2m,
    "churn": partial(_churn, churn=0.2, spread=1.007),
    "predictor_corrector": partial(_corrector, ratio=0.16),
}
"""A step each, `(denoiser, key, x, start, end, memory) -> (x, memory)`; keywords of the partial ones may be changed.

`ddpm` and `ddim`: Ho, Jain, Abbeel (2020); Song, Meng, Ermon (2021). `heun`, `churn`: Karras et al. (2022), algorithms
1 and 2. `dpm_2m`: Lu et al. (2022), DPM-Solver++. `predictor_corrector`: Song et al. (2021), algorithm 5.
"""


def draw(
    denoiser: Denoiser,
    key: Key,
    x: Samples,
    levels: Levels,
    sampler: str | Sampler = "ddim",
    *,
    denoise_last: bool = True,
) -> Samples:
    """Draw samples from noise, or go on from where x is: one `lax.scan` over the levels.

    Args:
      denoiser: `(x, alpha, sigma) -> E[x0 | x]`.
      key: of fresh noise, for samplers that draw some.
      x: (N, ...) at the first level, of spread `levels.sigma[0]` where that is noise alone.
      levels: from `gan_jax.diffusion.levels.levels`.
      sampler: from `SAMPLERS`, or a step of one's own.
      denoise_last: whether the denoiser has the last word where the last level has some noise left.

    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> from gan_jax.diffusion.levels import levels
    >>> always = lambda x, alpha, sigma: jnp.ones_like(x)
    >>> draw(always, jax.random.key(0), jnp.array([[80.0]]), levels("karras", SCHEDULES["edm"], steps=5)).tolist()
    [[1.0]]
    """
    x = _along(denoiser, key, x, levels, SAMPLERS[sampler] if isinstance(sampler, str) else sampler)
    if levels.sigma[-1] == 0 or not denoise_last:
        return x
    return denoiser(x, jnp.asarray(levels.alpha[-1]), jnp.asarray(levels.sigma[-1]))


def encode(denoiser: Denoiser, x: Samples, levels: Levels) -> Samples:
    """Return the noise (N, ...), of spread 1 if the denoiser is right, that `draw` by "heun" takes to given samples.

    It goes the same levels back by the same steps. The last has some noise left, as of the spacing "log_snr".

    Source: Song, Meng, Ermon (2021), Denoising diffusion implicit models, section 5.4.

    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> from gan_jax.diffusion.levels import levels
    >>> normal = lambda x, alpha, sigma: x * alpha / (alpha**2 + sigma**2)
    >>> encode(normal, jnp.array([[1.0]]), levels("log_snr", SCHEDULES["edm"], steps=50)).round(1).tolist()
    [[1.0]]
    """
    back = Levels(levels.alpha[::-1], levels.sigma[::-1])
    return _along(denoiser, jax.random.key(0), levels.alpha[-1] * x, back, _heun) / levels.sigma[0]


def _along(denoiser: Denoiser, key: Key, x: Samples, levels: Levels, advance: Sampler) -> Samples:
    """From the first level to the last, step by step."""

    def body(carry: Any, given: Any) -> Any:
        x, memory = carry
        key, *ends = given
        return advance(denoiser, key, x, tuple(ends[:2]), tuple(ends[2:]), memory), None

    ends = levels.alpha[:-1], levels.sigma[:-1], levels.alpha[1:], levels.sigma[1:]
    keys = jax.random.split(key, len(levels.alpha) - 1)
    memory = jnp.zeros_like(x), jnp.zeros((), jnp.float32)
    (x, _), _ = lax.scan(body, (x, memory), (keys, *ends))
    return x


def evaluations(levels: Levels, sampler: str) -> int:
    """Return how often a sampler evaluates the denoiser for each sample.

    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> from gan_jax.diffusion.levels import levels
    >>> evaluations(levels("karras", SCHEDULES["edm"], steps=18), "heun")
    35
    """
    steps, clean = len(levels.alpha) - 1, float(levels.sigma[-1]) == 0
    twice = sampler in ("heun", "churn", "predictor_corrector")
    return steps * (1 + twice) + (-twice if clean else 1)
