"""What a critic makes of a batch, and of the points where it is held: all that a penalty may look at."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.penalties.gradients import score_and_gradient
from gan_jax.penalties.points import Points, at_both, at_fake, at_real
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.types import Array, Critic, Float, Key, Samples, Scores


class CriticPass(NamedTuple):
    """A critic's scores of N real and N generated samples, and its scores and gradients at M points.

    Attributes:
      critic: any callable `(N, ...) -> (N,)`.
      real, fake: the samples (N, ...).
      real_score, fake_score: their scores (N,).
      points: where the critic is held, (M, ...); M is a multiple of N, and point i belongs to pair i modulo N.
      scores: their scores (M,).
      gradient: the critic's gradient at each, (M, ...), float32 or wider. Compiled, it costs nothing unless it is used.
      averages: running means of the real and of the generated samples' scores, (2,).
      sharding: how the batch is spread over devices.
    """

    critic: Critic
    real: Samples
    fake: Samples
    real_score: Scores
    fake_score: Scores
    points: Samples
    scores: Scores
    gradient: Samples
    averages: Float[Array, "2"]
    sharding: BatchSharding = UNSHARDED

    def draw(self, sampler: Callable[[Key, tuple[int, ...]], Array], key: Key, shape: tuple[int, ...]) -> Array:
        """Draw `sampler(key, (N, *shape))` for each N of the points, the same on any number of devices; (M, *shape)."""
        whole = jax.eval_shape(self.sharding.all_gather, self.real)
        keys = jax.random.split(key, len(self.points) // len(self.real))
        return jnp.concatenate([self.sharding.shard(sampler(key, (whole.shape[0], *shape))) for key in keys])


def score_batch(
    critic: Critic,
    points: Points,
    key: Key,
    *,
    real: Samples,
    fake: Samples,
    averages: Float[Array, "2"] | None = None,
    sharding: BatchSharding = UNSHARDED,
) -> CriticPass:
    """Score a batch and hold the critic at points, in as few passes as it takes.

    At the samples themselves the loss has a pass already, forward and back: it is shared. Otherwise real and generated
    samples pass the critic as one batch, and the points as another. Without `averages` they are this batch's.

    Raises:
      ValueError: real and fake differ in shape or dtype, the points are not like them, or scores are not (N,).

    >>> real, fake = jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
    >>> scored = score_batch(lambda x: (x**2).sum(axis=1) / 2, at_both, jax.random.key(0), real=real, fake=fake)
    >>> scored.real_score.tolist(), scored.scores.tolist(), scored.gradient.tolist()
    ([12.5], [12.5, 0.0], [[3.0, 4.0], [0.0, 0.0]])
    """
    if points in (at_real, at_fake, at_both):
        chosen = points(key, real=real, fake=fake)
        of_real = score_and_gradient(critic, real, cotangent=-1 / len(real))
        of_fake = score_and_gradient(critic, fake, cotangent=1 / len(fake))
        (real_score, _), (fake_score, _) = of_real, of_fake
        both = {at_real: [of_real], at_fake: [of_fake], at_both: [of_real, of_fake]}[points]
        scores, gradient = (jnp.concatenate(each) for each in zip(*both, strict=True))
    else:
        whole = sharding.all_gather(real)
        chosen = points(key, real=whole, fake=sharding.all_gather(fake))
        if chosen.shape[0] % len(whole) or chosen.shape[1:] != real.shape[1:]:
            raise ValueError(f"points must be N or 2N like the samples {whole.shape}, got {chosen.shape}")
        chosen = jnp.concatenate([sharding.shard(each) for each in jnp.split(chosen, len(chosen) // len(whole))])
        scores, gradient = score_and_gradient(critic, chosen)
        real_score, fake_score = sharding.concat_apply(critic, jnp.stack([real, fake]))
    if averages is None:
        averages = jax.lax.stop_gradient(sharding.mean(jnp.stack([real_score.mean(), fake_score.mean()])))
    return CriticPass(critic, real, fake, real_score, fake_score, chosen, scores, gradient, averages, sharding)
