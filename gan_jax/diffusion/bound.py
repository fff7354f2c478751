"""The variational bound of a likelihood: what a chain of denoising steps guarantees, without solving for a flow."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.diffusion.levels import Levels
from gan_jax.diffusion.samplers import Denoiser
from gan_jax.types import Key, PerSample, Samples

__all__ = ["variational_bound"]


def variational_bound(denoiser: Denoiser, key: Key, x: Samples, levels: Levels) -> PerSample:
    """Return an estimate of a lower bound of `log p(x)`, in nats, of the chain that takes `levels` by DDPM's steps.

    With `SNR = alpha^2 / sigma^2`, from the noisiest level (0) to the last (K),

        -1/2 SNR_0 ||x||^2 - sum_k 1/2 (SNR_{k+1} - SNR_k) ||x - D(x_k)||^2 + log N(x; x_K / alpha_K, 1 / SNR_K)

    each x_k drawn anew: how far the noisiest level is from noise alone, what each step costs whose variance is the
    smaller of DDPM's, and what the last level says of x. The more levels the higher.

    Args:
      denoiser: `(x, alpha, sigma) -> E[x0 | x]`.
      key: of the noise.
      x: (N, ...), dequantized where it was stored in 8 bits.
      levels: the noisiest first, all with noise.

    Raises:
      ValueError: a level has no noise.

    Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models, equation 5; Kingma et al. (2021),
    Variational diffusion models (the steps' costs by SNR).

    >>> from gan_jax.diffusion.levels import levels
    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> normal = lambda x, alpha, sigma: x * alpha / (alpha**2 + sigma**2)
    >>> many = levels("log_snr", SCHEDULES["edm"], steps=500)
    >>> bound = variational_bound(normal, jax.random.key(0), jnp.zeros((1000, 1)), many).mean()
    >>> bool(-0.99 < bound < -0.919)  # log p is -0.9189
    True
    """
    if not (levels.sigma > 0).all():
        raise ValueError("a bound needs noise at every level; choose the spacing log_snr")
    n, size = len(x), x[0].size
    snr = (levels.alpha.astype(float) / levels.sigma) ** 2

    def square(values: Samples) -> PerSample:
        return (values.reshape(n, -1) ** 2).sum(axis=1)

    def body(total: PerSample, given: Any) -> tuple[PerSample, None]:
        key, alpha, sigma, gained = given
        noise = jax.random.normal(key, x.shape, x.dtype)
        denoised = denoiser(alpha * x + sigma * noise, alpha, sigma)
        return total - gained / 2 * square(x - denoised), None

    keys = jax.random.split(key, len(snr))
    gains = jnp.asarray(snr[1:] - snr[:-1], jnp.float32)
    start = -jnp.float32(snr[0]) / 2 * square(x)
    given = keys[1:], levels.alpha[:-1], levels.sigma[:-1], gains
    total, _ = lax.scan(body, start, given)
    noise = jax.random.normal(keys[0], x.shape, x.dtype)
    return total - square(noise) / 2 + size / 2 * jnp.float32(jnp.log(snr[-1] / (2 * jnp.pi)))
