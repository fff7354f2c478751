"""Denoisers in closed form: of a mixture of Gaussians, and of a finite data set.

They need no training, so that what a sampler does wrong and what a model does wrong can be told apart. A model that is
the second one has learned its data by heart.
"""

import jax
import jax.numpy as jnp

from gan_jax.diffusion.samplers import Denoiser
from gan_jax.types import Array, Float, PerSample, Samples

__all__ = ["empirical", "gaussian_mixture", "mixture_log_density"]


def mixture_log_density(
    x: Float[Array, "n d"],
    means: Float[Array, "k d"],
    variances: Float[Array, " k"],
    weights: Float[Array, " k"],
) -> PerSample:
    """Log density, in nats, of a mixture of isotropic Gaussians: `log sum_k w_k N(x; m_k, v_k)`.

    >>> round(float(mixture_log_density(jnp.zeros((1, 2)), jnp.zeros((1, 2)), jnp.ones(1), jnp.ones(1))[0]), 4)
    -1.8379
    """
    return jax.scipy.special.logsumexp(_log_joint(x, means, variances, weights), axis=1)


def gaussian_mixture(
    means: Float[Array, "k d"], variances: Float[Array, " k"], weights: Float[Array, " k"]
) -> Denoiser:
    """Return the denoiser of points (N, d) of a mixture: the posterior mean.

    Component k of `x = alpha x0 + sigma eps` has mean `alpha m_k` and variance `s_k = alpha^2 v_k + sigma^2`; given it,
    `E[x0] = m_k + alpha v_k (x - alpha m_k) / s_k`.

    >>> denoiser = gaussian_mixture(jnp.zeros((1, 1)), jnp.ones(1), jnp.ones(1))
    >>> denoiser(jnp.array([[2.0]]), jnp.float32(1), jnp.float32(1)).tolist()
    [[1.0]]
    """

    def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
        spread = alpha**2 * variances + sigma**2
        share = jax.nn.softmax(_log_joint(x, alpha * means, spread, weights), axis=1)
        pull = alpha * variances / spread
        of_each = means[None] + pull[None, :, None] * (x[:, None] - alpha * means[None])
        return jnp.einsum("nk,nkd->nd", share, of_each, precision="highest")

    return denoise


def empirical(data: Samples) -> Denoiser:
    """Return the best denoiser of a finite data set (M, ...): a mean of its samples, nearer ones weighing more.

    `sum_i softmax_i(-||x - alpha x_i||^2 / (2 sigma^2)) x_i`. Memory is N x M.

    >>> denoiser = empirical(jnp.array([[0.0], [1.0]]))
    >>> denoiser(jnp.array([[0.9]]), jnp.float32(1), jnp.float32(0.01)).tolist()
    [[1.0]]
    """
    rows = data.reshape(len(data), -1)

    def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
        points = x.reshape(len(x), -1)
        # The squared norm of x is the same for all.
        near = 2 * alpha * jnp.matmul(points, rows.T, precision="highest") - alpha**2 * (rows**2).sum(axis=1)[None]
        share = jax.nn.softmax(near / (2 * sigma**2), axis=1)
        return jnp.matmul(share, rows, precision="highest").reshape(x.shape)

    return denoise


def _log_joint(x: Array, means: Array, variances: Array, weights: Array) -> Array:
    d = x.shape[1]
    square = ((x[:, None] - means[None]) ** 2).sum(axis=2)
    log_norm = jnp.log(weights) - d / 2 * jnp.log(2 * jnp.pi * variances)
    return log_norm[None] - square / (2 * variances[None])
