"""Likelihoods by the probability flow, an invertible map between data and noise, and what is made of them."""

from math import log

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.diffusion.levels import Levels
from gan_jax.diffusion.samplers import Denoiser
from gan_jax.types import Array, Key, PerSample, Samples

__all__ = ["bits_per_dimension", "dequantize", "log_likelihood"]


def log_likelihood(
    denoiser: Denoiser, key: Key, x: Samples, levels: Levels, probes: int | None = None, *, spread: float = 0.5
) -> tuple[PerSample, Samples]:
    """Return `log p(x)`, in nats, and the latents that the probability flow takes the data to.

    In `y = x / alpha` and `rho = sigma / alpha` the flow is `dy = (y - D) d log rho`, and the log density of what moves
    falls by its divergence, `(d - tr dD/dy) d log rho`, from the level next to the data to the noisiest, where y is
    taken for normal with spread rho. The data are taken to be at the first level already: give levels whose least noise
    does not matter, from the spacing "log_snr".

    Args:
      denoiser: `(x, alpha, sigma) -> E[x0 | x]`, differentiable.
      key: of the probes.
      x: (N, ...).
      levels: the noisiest first, all with noise.
      probes: random signs by which the trace is estimated (Hutchinson), the same along a trajectory; None takes it
        exactly, by as many products as a sample has numbers.
      spread: of the data, about; y moves evenly in `sqrt(rho^2 + spread^2)` if it is right.

    Returns:
      `log p(x)` (N,), and latents (N, ...), normal with spread `levels.sigma[0]` if the denoiser is right.

    Raises:
      ValueError: a level has no noise.

    Source: Song et al. (2021), Score-based generative modeling through stochastic differential equations, section 4.3;
    Karras et al. (2022), Elucidating the design space of diffusion-based generative models (y and rho).

    >>> from gan_jax.diffusion.levels import levels
    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> normal = lambda x, alpha, sigma: x * alpha / (alpha**2 + sigma**2)
    >>> steps = levels("log_snr", SCHEDULES["edm"], steps=60)
    >>> found, _ = log_likelihood(normal, jax.random.key(0), jnp.zeros((1, 2)), steps)
    >>> round(float(found[0]), 2)
    -1.84
    """
    if not (levels.sigma > 0).all():
        raise ValueError("a likelihood needs noise at every level; choose the spacing log_snr")
    n, size = len(x), x[0].size
    if probes is None:
        units = jnp.eye(size, dtype=x.dtype).reshape(size, 1, *x.shape[1:])
        ways = jnp.broadcast_to(units, (size, *x.shape))
    else:
        ways = jax.random.rademacher(key, (probes, *x.shape), x.dtype)

    def divergence(y: Samples, alpha: Array, sigma: Array) -> tuple[Samples, PerSample]:
        """What moves at a level, `y - D`, and the sum of its derivatives, each by its own number of y."""
        moves, push = jax.linearize(lambda y: y - denoiser(alpha * y, alpha, sigma), y)
        traces = lax.map(lambda way: (push(way) * way).reshape(n, -1).sum(axis=1), ways)
        return moves, traces.sum(axis=0) if probes is None else traces.mean(axis=0)

    def body(y: Samples, ends: tuple[Array, ...]):
        """Heun's step in `u = sqrt(rho^2 + spread^2)`: exact for normal data of that spread."""
        (alpha, sigma), (to_alpha, to_sigma) = ends[:2], ends[2:]
        rho, to_rho = sigma / alpha, to_sigma / to_alpha
        u, to_u = (jnp.sqrt(ratio**2 + spread**2) for ratio in (rho, to_rho))
        moves, lost = divergence(y, alpha, sigma)
        first = u / rho**2 * moves
        guess = y + (to_u - u) * first
        second = to_u / to_rho**2 * (guess - denoiser(to_alpha * guess, to_alpha, to_sigma))
        return y + (to_u - u) * (first + second) / 2, lost

    alpha, sigma = jnp.asarray(levels.alpha[::-1]), jnp.asarray(levels.sigma[::-1])
    y, lost = lax.scan(body, x / alpha[0], (alpha[:-1], sigma[:-1], alpha[1:], sigma[1:]))
    _, last = divergence(y, alpha[-1], sigma[-1])
    # A trapezium in the logarithm of rho: what is lost is flat there, at both ends.
    widths = jnp.diff(jnp.log(sigma / alpha))
    gained = jnp.einsum("k,kn->n", widths, (lost + jnp.concatenate([lost[1:], last[None]])) / 2, precision="highest")
    rho = sigma[-1] / alpha[-1]
    square = (y.reshape(n, -1) ** 2).sum(axis=1)
    log_normal = -square / (2 * rho**2) - size / 2 * jnp.log(2 * jnp.pi * rho**2)
    return log_normal + gained - size * jnp.log(alpha[0]), alpha[-1] * y


def dequantize(key: Key, images: Samples) -> Samples:
    """Spread each of 256 levels on [-1, 1] evenly over the gap to the next: noise in [-1/256, 1/256).

    A density of images that were stored in 8 bits is none without it.

    Source: Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models.

    >>> dequantize(jax.random.key(0), jnp.zeros((1, 2))).shape
    (1, 2)
    """
    return images * (255 / 256) + jax.random.uniform(key, images.shape, images.dtype, -1 / 256, 1 / 256)


def bits_per_dimension(log_density: PerSample, dimensions: int) -> PerSample:
    """Return the bits that each of a sample's 8-bit numbers takes: `-(log p / d - log 128) / log 2`.

    The density is of dequantized data on [-1, 1], in nats: 256 levels lie on a length of 2.

    >>> bits_per_dimension(jnp.array([-2 * 0.6931472]), 2).tolist()
    [8.0]
    """
    return -(log_density / dimensions - log(128)) / log(2)
