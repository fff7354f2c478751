"""What variational autoencoders are trained on: how likely a decoder makes a sample, and bounds of likelihoods.

A decoder's distribution is a `Likelihood` of numbers that a network gives for each number of a sample. Densities are in
nats and per sample, (N,).
"""

from collections.abc import Callable
from math import log
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float, Key, PerSample, Samples

__all__ = [
    "LIKELIHOODS",
    "Likelihood",
    "bernoulli",
    "discretized_logistic_mixture",
    "free_bits",
    "importance_weighted",
    "normal",
    "normal_kl",
    "normal_log_density",
]

_LEVELS = 256
_MIXTURES = 5


class Likelihood(NamedTuple):
    """A distribution of samples (N, ...) by numbers (N, ..., P) for each of theirs.

    Attributes:
      numbers: P.
      log_prob: `(numbers, samples) -> (N,)`, in nats.
      mean: `numbers -> samples`.
      draw: `(key, numbers) -> samples`.
      prepare: `(key, samples) -> samples`, what of them it is a distribution of.
    """

    numbers: int
    log_prob: Callable[[Array, Samples], PerSample]
    mean: Callable[[Array], Samples]
    draw: Callable[[Key, Array], Samples]
    prepare: Callable[[Key, Samples], Samples] = lambda key, samples: samples


def _sum(values: Array) -> PerSample:
    return values.reshape(values.shape[0], -1).sum(axis=1, dtype=jnp.float32)


def normal_log_density(x: Array, mean: Array, log_sd: Array) -> PerSample:
    """Log density of independent normal numbers, summed over each sample (N, ...).

    >>> round(float(normal_log_density(*jnp.zeros((3, 1, 2)))[0]), 4)
    -1.8379
    """
    return _sum(-((x - mean) ** 2) * jnp.exp(-2 * log_sd) / 2 - log_sd - 0.5 * log(2 * jnp.pi))


def normal_kl(mean: Array, log_sd: Array, prior_mean: Array, prior_log_sd: Array) -> PerSample:
    """`KL(N(m, s^2) || N(p, r^2)) = log(r / s) + (s^2 + (m - p)^2) / (2 r^2) - 1/2`, summed over each sample.

    >>> zero = jnp.zeros((1, 2))
    >>> normal_kl(zero + 1, zero, zero, zero).tolist()
    [1.0]
    """
    moved = jnp.exp(2 * (log_sd - prior_log_sd)) + (mean - prior_mean) ** 2 * jnp.exp(-2 * prior_log_sd)
    return _sum(prior_log_sd - log_sd + moved / 2 - 0.5)


def free_bits(kl: PerSample, floor: float) -> Float[Array, ""]:
    """Return the batch's mean divergence of a group of latents, or a floor in nats below which it costs no less.

    Source: Kingma et al. (2016), Improving variational inference with inverse autoregressive flow.

    >>> float(free_bits(jnp.array([0.5, 0.1]), floor=1.0))
    1.0
    """
    return jnp.maximum(kl.mean(), floor)


def importance_weighted(log_weights: Float[Array, "k n"]) -> PerSample:
    """Return the bound `log 1/K sum_k p(x, z_k) / q(z_k | x)` of the log-likelihood, of K log weights (K, N).

    With one it is the evidence lower bound; the mean over draws grows with K up to the log-likelihood.

    Source: Burda, Grosse, Salakhutdinov (2016), Importance weighted autoencoders.

    >>> round(float(importance_weighted(jnp.log(jnp.array([[1.0], [3.0]])))[0]), 4)
    0.6931
    """
    return jax.scipy.special.logsumexp(log_weights, axis=0) - log(len(log_weights))


def bernoulli() -> Likelihood:
    """Return the distribution of binary images, -1 or 1, by their logits.

    Gray levels are no probabilities to be scored by it: an image is made binary, each number 1 as often as it is
    bright, anew each time.

    Source: Kingma, Welling (2014), Auto-encoding variational Bayes; Salakhutdinov, Murray (2008), On the quantitative
    analysis of deep belief networks (the binary images).

    >>> round(float(bernoulli().log_prob(jnp.zeros((1, 3, 1)), jnp.ones((1, 3)))[0]), 4)
    -2.0794
    """

    def log_prob(numbers: Array, samples: Samples) -> PerSample:
        return _sum(jax.nn.log_sigmoid(samples * numbers[..., 0]))

    def draw(key: Key, numbers: Array) -> Samples:
        return _binary(key, jax.nn.sigmoid(numbers[..., 0]))

    return Likelihood(
        1, log_prob, lambda numbers: jnp.tanh(numbers[..., 0] / 2), draw, lambda key, x: _binary(key, (x + 1) / 2)
    )


def _binary(key: Key, rate: Array) -> Array:
    return 2 * jax.random.bernoulli(key, rate).astype(rate.dtype) - 1


def normal() -> Likelihood:
    """Return the distribution of points by a mean and a log standard deviation for each number.

    >>> round(float(normal().log_prob(jnp.zeros((1, 2, 2)), jnp.zeros((1, 2)))[0]), 4)
    -1.8379
    """

    def log_prob(numbers: Array, samples: Samples) -> PerSample:
        return normal_log_density(samples, numbers[..., 0], numbers[..., 1])

    def draw(key: Key, numbers: Array) -> Samples:
        noise = jax.random.normal(key, numbers.shape[:-1], numbers.dtype)
        return numbers[..., 0] + jnp.exp(numbers[..., 1]) * noise

    return Likelihood(2, log_prob, lambda numbers: numbers[..., 0], draw)


def discretized_logistic_mixture(mixtures: int = _MIXTURES) -> Likelihood:
    """Return the distribution of images of 256 levels on [-1, 1]: of each number a mixture of logistics, cut into bins.

    A level's probability is the mass between its neighbours' middles; the first and the last have the tails. Channels
    are independent of each other given the latents, where PixelCNN++ lets green and blue depend on red.

    Source: Salimans et al. (2017), PixelCNN++: improving the PixelCNN with discretized logistic mixture likelihood.

    >>> numbers = jnp.broadcast_to(jnp.array([0.0, 0.3, -2.0]), (256, 1, 3))
    >>> levels = jnp.linspace(-1, 1, 256).reshape(256, 1)
    >>> round(float(jnp.exp(discretized_logistic_mixture(1).log_prob(numbers, levels)).sum()), 4)
    1.0
    """

    def split(numbers: Array) -> tuple[Array, Array, Array]:
        logits, means, log_scales = jnp.split(numbers, 3, axis=-1)
        return jax.nn.log_softmax(logits, axis=-1), means, jnp.maximum(log_scales, -7.0)

    def log_prob(numbers: Array, samples: Samples) -> PerSample:
        log_shares, means, log_scales = split(numbers)
        x, half = samples[..., None], 1 / (_LEVELS - 1)
        inverse = jnp.exp(-log_scales)
        above, below = (x + half - means) * inverse, (x - half - means) * inverse
        # The mass between two points, `s(a) - s(b) = s(a) s(-b) (1 - e^(b - a))`: exact where both tails are thin.
        between = jax.nn.log_sigmoid(above) + jax.nn.log_sigmoid(-below) + jnp.log(-jnp.expm1(below - above))
        low, high = jax.nn.log_sigmoid(above), jax.nn.log_sigmoid(-below)
        mass = jnp.where(x < -1 + half, low, jnp.where(x > 1 - half, high, between))
        return _sum(jax.scipy.special.logsumexp(log_shares + mass, axis=-1))

    def mean(numbers: Array) -> Samples:
        log_shares, means, _ = split(numbers)
        return jnp.clip((jnp.exp(log_shares) * jnp.clip(means, -1, 1)).sum(axis=-1), -1, 1)

    def draw(key: Key, numbers: Array) -> Samples:
        choose_key, noise_key = jax.random.split(key)
        log_shares, means, log_scales = split(numbers)
        chosen = jax.random.categorical(choose_key, log_shares)[..., None]
        mean, log_scale = (jnp.take_along_axis(each, chosen, axis=-1)[..., 0] for each in (means, log_scales))
        return jnp.clip(mean + jnp.exp(log_scale) * jax.random.logistic(noise_key, mean.shape, mean.dtype), -1, 1)

    return Likelihood(3 * mixtures, log_prob, mean, draw)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": bernoulli(),
    "normal": normal(),
    "logistic_mixture": discretized_logistic_mixture(),
}
"""Distributions that a decoder may give: of binary images, of points, of images of 256 levels."""
