"""The variational bound of a likelihood: what a chain of denoising steps guarantees, without solving for a flow."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.diffusion.levels import Levels
from gan_jax.diffusion.samplers import Denoiser
from gan_jax.types import Float, Key, PerSample, Samples

__all__ = ["variational_bound"]


def variational_bound(
    denoiser: Denoiser, key: Key, x: Samples, levels: Levels, values: Float[np.ndarray, " v"] | None = None
) -> PerSample:
    """Return an estimate of a lower bound of `log p(x)`, in nats, of a chain of very many of DDPM's steps.

    With `SNR = alpha^2 / sigma^2` at the noisiest level (0), the last (1) and between,

        -1/2 SNR_0 ||x||^2 - 1/2 int SNR ||x - D(x_t)||^2 d log SNR + log p(x | x_1)

    how far the noisiest level is from noise alone, what the steps cost, whatever their variance, and what the last
    level says of x: as a density `N(x; x_1 / alpha_1, 1 / SNR_1)`, or, where numbers have certain values alone, each
    value's share of that. The integral is a trapezium over the levels, x_t drawn anew at each. A chain of K steps has
    their left sum for it, and so a lower bound, by about a share 1 / K.

    Args:
      denoiser: `(x, alpha, sigma) -> E[x0 | x]`.
      key: of the noise.
      x: (N, ...).
      levels: the noisiest first, all with noise.
      values: that numbers of x can have, as the 256 of an image; by default any, and the bound is of a density.

    Raises:
      ValueError: a level has no noise.

    Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models, equation 5; Kingma et al. (2021),
    Variational diffusion models (very many steps, that only SNR matters, and the values' shares, where Ho et al. cut
    the last step's normal into bins).

    >>> from gan_jax.diffusion.levels import levels
    >>> from gan_jax.diffusion.schedules import SCHEDULES
    >>> normal = lambda x, alpha, sigma: x * alpha / (alpha**2 + sigma**2)
    >>> x = jax.random.normal(jax.random.key(1), (5000, 1))
    >>> bound = variational_bound(normal, jax.random.key(0), x, levels("log_snr", SCHEDULES["edm"], steps=100))
    >>> round(float(bound.mean()), 1)  # the density's is -1.42
    -1.4
    """
    if not (levels.sigma > 0).all():
        raise ValueError("a bound needs noise at every level; choose the spacing log_snr")
    n, size = len(x), x[0].size
    log_snr = 2 * np.log(levels.alpha.astype(np.float64) / levels.sigma)
    widths = np.diff(log_snr)
    shares = (np.append(widths, 0) + np.append(0, widths)) / 2

    def square(x: Samples) -> PerSample:
        return (x.reshape(n, -1) ** 2).sum(axis=1)

    def body(total: PerSample, given: Any) -> tuple[PerSample, None]:
        key, alpha, sigma, weight = given
        noise = jax.random.normal(key, x.shape, x.dtype)
        denoised = denoiser(alpha * x + sigma * noise, alpha, sigma)
        return total - weight / 2 * square(x - denoised), None

    last_key, *_ = keys = jax.random.split(key, len(log_snr) + 1)
    weights = jnp.asarray(shares * np.exp(log_snr), jnp.float32)
    start = -jnp.float32(np.exp(log_snr[0])) / 2 * square(x)
    total, _ = lax.scan(body, start, (keys[1:], levels.alpha, levels.sigma, weights))
    noise = jax.random.normal(last_key, x.shape, x.dtype)
    if values is None:
        return total - square(noise) / 2 + jnp.float32(size / 2 * (log_snr[-1] - np.log(2 * np.pi)))
    # The distances from x + noise / root of SNR to every value, in that unit; x is among the values.
    unit = jnp.float32(np.exp(-log_snr[-1] / 2))
    all_values = jnp.asarray(values, jnp.float32).reshape(-1, *[1] * x.ndim)
    shares = jax.scipy.special.logsumexp(-(((x + unit * noise)[None] - all_values) ** 2) / (2 * unit**2), axis=0)
    return total - (noise**2 / 2 + shares).reshape(n, -1).sum(axis=1)
