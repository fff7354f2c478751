"""The Inception score: whether each sample is recognizable, and samples are of many classes."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float

__all__ = ["InceptionScore", "inception_score"]


class InceptionScore(NamedTuple):
    """Mean and standard deviation over splits."""

    mean: Float[Array, ""]
    sd: Float[Array, ""]


@partial(jax.jit, static_argnames="splits")
def inception_score(logits: Float[Array | np.ndarray, "n k"], *, splits: int = 10) -> InceptionScore:
    """Inception score, 1 to K: `exp(mean_i KL(p(y | x_i) || p(y)))` with `p(y) = mean_i p(y | x_i)`.

    Takes a classifier's logits (N, K) of samples in random order, which are cut into `splits` runs of N // splits
    samples; the last N % splits are left out. Returns mean and standard deviation (of N, not N - 1) over the splits'
    scores. A score grows with the size of a split: state it.

    Raises:
      ValueError: logits are not (N, K), or there are fewer samples than splits.

    Source: Salimans et al. (2016), Improved techniques for training GANs.

    >>> score = inception_score(100 * jnp.eye(3)[jnp.arange(12) % 3], splits=2)
    >>> round(float(score.mean), 4), round(float(score.sd), 4)
    (3.0, 0.0)
    """
    if jnp.ndim(logits) != 2 or not 1 <= splits <= len(logits):
        raise ValueError(f"logits must be (N, K), N at least the {splits} splits (1 or more); got {jnp.shape(logits)}")
    size = len(logits) // splits
    log_p = jax.nn.log_softmax(at_least_float32(logits)[: splits * size]).reshape(splits, size, -1)
    log_marginal = logsumexp(log_p, axis=1, keepdims=True) - jnp.log(size)
    p = jnp.exp(log_p)
    kl = jnp.sum(jnp.where(p > 0, p * (log_p - log_marginal), 0), axis=-1)  # 0 log 0 is 0, a logit of -inf allowed
    scores = jnp.exp(kl.mean(axis=1))
    return InceptionScore(scores.mean(), scores.std())
