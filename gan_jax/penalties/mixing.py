"""Whether a critic scores each sample by itself, as a gradient per sample requires."""

import jax.numpy as jnp

from gan_jax.numerics import at_least_float32
from gan_jax.types import Critic, Samples

__all__ = ["mixes_samples"]


def mixes_samples(critic: Critic, samples: Samples) -> bool:
    """Whether a sample's score depends on the others of its batch, as through batch normalization.

    Scores samples (N, ...), N at least 2, replaces all but the first by others, and compares the first one's two
    scores. The gradient of the summed scores of a critic that mixes samples is not the gradient of each score.

    Raises:
      ValueError: there is no second sample, or the critic's scores are not (N,).
      FloatingPointError: the scores are not finite.

    >>> samples = jnp.arange(8.0).reshape(4, 2)
    >>> mixes_samples(lambda x: x.sum(axis=1), samples)
    False
    >>> mixes_samples(lambda x: (x - x.mean(axis=0, keepdims=True)).sum(axis=1), samples)
    True
    """
    if len(samples) < 2:
        raise ValueError(f"at least two samples are needed, got {samples.shape}")
    others = jnp.asarray(samples).at[1:].multiply(-0.5).at[1:].add(0.1)
    before, after = (at_least_float32(critic(x)) for x in (samples, others))
    if before.shape != (len(samples),):
        raise ValueError(f"a critic must give one score per sample, ({len(samples)},), got {before.shape}")
    if not jnp.isfinite(before).all() or not jnp.isfinite(after).all():
        raise FloatingPointError("the scores are not finite")
    return bool(jnp.abs(before[0] - after[0]) > 1e-4 * jnp.abs(before).max())
