"""The student, a denoiser applied once; and what its teacher says of its samples."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion import Parameterization
from gan_jax.diffusion.levels import time_of
from gan_jax.diffusion.training import TIMES
from gan_jax.systems.diffusion.model import (
    Model,
    bind_denoiser,
    parameterization_of,
    schedule_of,
    time_of_level,
)
from gan_jax.systems.gan.game import Teacher
from gan_jax.types import Array, Keys, Labels, Latents, Params, PerSample, Samples

__all__ = ["Student", "student_of", "teacher_of"]


class Student(nn.Module):
    """Noise (N, d) to samples (N, *shape): a denoiser applied once, at one level of noise.

    The parameters are those of the network under "network", so that it can begin as its teacher.
    """

    network: nn.Module
    shape: tuple[int, ...]
    parameterization: Parameterization
    alpha: float
    sigma: float
    time: float
    classes: int = 0

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one sample per row of noise."""
        x = self.sigma * noise.reshape(-1, *self.shape)
        alpha, sigma = (
            jnp.full((x.shape[0], *[1] * len(self.shape)), level, x.dtype) for level in (self.alpha, self.sigma)
        )
        given = (label,) if self.classes else ()
        time = jnp.full(x.shape[0], self.time, x.dtype)
        said = self.network(self.parameterization.scale(alpha, sigma) * x, time, *given)
        return self.parameterization.denoised(said, x, alpha, sigma)


def student_of(model: Model, noise: float) -> Student:
    """Return the student of a model that is told that there is so much noise, `sigma / alpha`."""
    t = float(time_of(schedule_of(model), np.array([noise]))[0])
    alpha, sigma = (float(function(np.float64(t))) for function in schedule_of(model)[:2])
    return Student(
        network=model.network,
        shape=model.shape,
        parameterization=parameterization_of(model),
        alpha=alpha,
        sigma=sigma,
        time=float(time_of_level(model, np.log(sigma / alpha))),
        classes=getattr(model.network, "classes", 0),
    )


def teacher_of(model: Model, params: Params, weight: float) -> Teacher | None:
    """Return what a teacher adds to the loss for each sample: how far its own word of it is, once it is noisy again.

    `weight mean((G - D(alpha G + sigma eps))^2)`, at levels as the teacher was trained at, no gradient through D. None
    where the weight is 0.

    Source: Sauer et al. (2023), Adversarial diffusion distillation, equation 4, with weights alike at every level.
    """
    if not weight:
        return None
    schedule = schedule_of(model)
    times: Any = TIMES[model.preset.times] if isinstance(model.preset.times, str) else model.preset.times

    def teach(keys: Keys, samples: Samples, label: Labels | None) -> PerSample:
        def draw(key: Any) -> tuple[Array, Array]:
            time_key, noise_key = jax.random.split(key)
            return jax.random.uniform(time_key, (), samples.dtype), jax.random.normal(
                noise_key, model.shape, samples.dtype
            )

        uniform, eps = jax.vmap(draw)(keys)
        t = times(schedule, uniform)
        axes = (samples.shape[0], *[1] * len(model.shape))
        alpha, sigma = (function(t).astype(samples.dtype).reshape(axes) for function in schedule[:2])
        noisy = jax.lax.stop_gradient(alpha * samples + sigma * eps)
        denoised = jax.lax.stop_gradient(bind_denoiser(model, params, label)(noisy, alpha, sigma))
        return weight * ((samples - denoised) ** 2).reshape(samples.shape[0], -1).mean(axis=1)

    return teach
