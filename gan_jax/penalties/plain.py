"""Penalties that are not functions of a slope: costs of scores, one per point.

Every function is `(scored, key) -> (M,)`, in units of the squared score, in float32 or wider.

>>> from gan_jax.penalties.critic_pass import score_batch
>>> from gan_jax.penalties.points import at_both
>>> key, real, fake = jax.random.key(0), jnp.array([[3.0]]), jnp.array([[1.0]])
>>> scored = score_batch(lambda x: x[:, 0], at_both, key, real=real, fake=fake, averages=jnp.array([2.0, 1.0]))
>>> lecam(scored, key).tolist(), consistency(scored, key).shape
([2.0, 0.5], (2,))
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.numerics import at_least_float32
from gan_jax.penalties.critic_pass import CriticPass
from gan_jax.penalties.needs import needs
from gan_jax.types import Key, PerSample

__all__ = ["Value", "consistency", "lecam"]


@runtime_checkable
class Value(Protocol):
    """The type of a plain penalty's values."""

    def __call__(self, scored: CriticPass, key: Key) -> PerSample:
        """Return one cost per point."""
        ...


def consistency(scored: CriticPass, key: Key, sd: float = 0.1) -> PerSample:
    """Squared difference of two noisy passes: `(D(x + sd e) - D(x + sd e'))^2 / 2`, e and e' standard normal.

    The source's noise is dropout inside the critic. A critic here is a function of samples that gives nothing but a
    score, so the noise is in the points, and the source's second term is left out: a tenth of the mean squared
    difference of the last hidden layer's outputs. Its threshold M is 0, as in the authors' code.

    Source: Wei et al. (2018), Improving the improved training of Wasserstein GANs: a consistency term and its dual
    effect.
    """
    one, other = (
        scored.noise(jax.random.normal, key, scored.points.shape[1:]).astype(scored.points.dtype)
        for key in jax.random.split(key)
    )
    scale = jnp.asarray(sd, one.dtype)
    first, second = at_least_float32(scored.score_together(scored.points + scale * one, scored.points + scale * other))
    return (first - second) ** 2 / 2


@needs("anchored")
def lecam(scored: CriticPass, key: Key) -> PerSample:
    """Squared distance of each score to the running mean of the other side's scores, 2N values whatever the points.

    `(D(real_i) - a_fake)^2 / 2` of the N real samples, then `(D(fake_i) - a_real)^2 / 2` of the N generated ones, with
    the running means a_real and a_fake, `scored.averages`, which are constants. That is the paper's formula; the
    authors' code takes the square where a real sample scores above a_fake, or a generated one below a_real, and zero
    elsewhere.

    Source: Tseng et al. (2021), Regularizing generative adversarial networks under limited data.
    """
    real_average, fake_average = lax.stop_gradient(at_least_float32(scored.averages))
    real_score, fake_score = at_least_float32(scored.real_score), at_least_float32(scored.fake_score)
    return scored.sharding.concat(real_score - fake_average, fake_score - real_average) ** 2 / 2
