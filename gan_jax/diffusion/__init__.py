"""Diffusion: data and noise mixed in every proportion, and the way back, as pure functions.

Everything is `x = alpha x0 + sigma eps`. A *denoiser* `(x, alpha, sigma) -> E[x0 | x]` is all that samplers, guidance
and likelihoods know of a model: not its schedule, nor how it was parameterized, nor what it takes for time.

>>> import jax, jax.numpy as jnp
>>> means, one = jnp.array([[-2.0], [2.0]]), jnp.ones(2)
>>> denoiser = oracles.gaussian_mixture(means, 0.01 * one, one / 2)
>>> steps = levels("karras", SCHEDULES["edm"], steps=20)
>>> noise = steps.sigma[0] * jax.random.normal(jax.random.key(0), (500, 1))
>>> samples = draw(denoiser, jax.random.key(1), noise, steps, sampler="heun")
>>> bool((jnp.abs(jnp.abs(samples) - 2) < 0.4).all())
True
"""

from gan_jax.diffusion import oracles
from gan_jax.diffusion.bound import variational_bound
from gan_jax.diffusion.guidance import guided
from gan_jax.diffusion.levels import SPACINGS, Levels, levels
from gan_jax.diffusion.likelihood import bits_per_dimension, dequantize, log_likelihood
from gan_jax.diffusion.parameterizations import PARAMETERIZATIONS, Parameterization
from gan_jax.diffusion.presets import PRESETS, Preset
from gan_jax.diffusion.samplers import SAMPLERS, Denoiser, Sampler, draw, encode, evaluations, step
from gan_jax.diffusion.schedules import SCHEDULES, Schedule
from gan_jax.diffusion.training import TIMES, WEIGHTINGS, denoising_error

__all__ = [
    "PARAMETERIZATIONS",
    "PRESETS",
    "SAMPLERS",
    "SCHEDULES",
    "SPACINGS",
    "TIMES",
    "WEIGHTINGS",
    "Denoiser",
    "Levels",
    "Parameterization",
    "Preset",
    "Sampler",
    "Schedule",
    "bits_per_dimension",
    "denoising_error",
    "dequantize",
    "draw",
    "encode",
    "evaluations",
    "guided",
    "levels",
    "log_likelihood",
    "oracles",
    "step",
    "variational_bound",
]
