"""The target of the families' steps: two Gaussians on the line, whose density, denoiser and map are known."""

import jax
import jax.numpy as jnp

from gan_jax import AdamConfig, DenoiserConfig, Diffusion
from gan_jax.diffusion.oracles import gaussian_mixture, mixture_log_density
from gan_jax.systems import System
from gan_jax.types import Array, Key, Samples

__all__ = ["GRID", "MIXTURE", "denoiser", "diffusion", "draw", "log_density", "pdf"]

MIXTURE = (jnp.array([[-1.0], [1.0]]), jnp.array([0.09, 0.25]), jnp.array([0.4, 0.6]))
GRID = jnp.linspace(-3.5, 3.5, 1401)

denoiser = gaussian_mixture(*MIXTURE)


def draw(key: Key, count: int) -> Samples:
    """Draw points (count, 1)."""
    which, noise = jax.random.split(key)
    chosen = jax.random.bernoulli(which, 0.6, (count,)).astype(int)
    return MIXTURE[0][chosen] + jnp.sqrt(MIXTURE[1])[chosen][:, None] * jax.random.normal(noise, (count, 1))


def log_density(x: Array) -> Array:
    """Log density at points (N,)."""
    return mixture_log_density(x[:, None], *MIXTURE)


def pdf(x: Array) -> Array:
    """Density at points (N,)."""
    return jnp.exp(log_density(x))


def diffusion(steps: int, batch_size: int = 256, **changes) -> System:
    """A small diffusion model of points on the line, to be trained for so many steps."""
    adam = AdamConfig(learning_rate=3e-3, b1=0.9, b2=0.99)
    config = Diffusion(network=DenoiserConfig("mlp", width=64, depth=2), optimizer=adam, **changes)
    return config.build({"sample": jax.ShapeDtypeStruct((1,), jnp.float32)}, batch_size=batch_size)
