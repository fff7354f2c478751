"""A critic's scores of a batch, and its scores and gradients at points: all that a penalty is computed from."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.penalties.gradients import score_and_gradient
from gan_jax.penalties.points import as_points, checked_samples
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.types import Array, Critic, Float, Key, PyTree, Samples, Scores

__all__ = ["CriticPass", "score_batch"]

_Scored = TypeVar("_Scored")


class CriticPass(NamedTuple):
    """A critic's scores of N real and N generated samples, and its scores and gradients at M points.

    Attributes:
      score: the critic, `(samples (n, ...)) -> (n,)`, or `(samples, condition) -> (n,)` if there is a condition; n is N
        or a multiple.
      real, fake: the samples (N, ...).
      real_score, fake_score: their scores (N,).
      points: where the penalty is taken, (M, ...); M is a multiple of N, and point i belongs to pair i modulo N, unless
        devices share the batch: then as `of_pairs` repeats.
      scores: their scores (M,).
      gradient: the critic's gradient at each, (M, ...), float32 or wider. Compiled, it costs nothing unless it is used.
      averages: running means of the real and of the generated samples' scores, (2,).
      condition: what the points are scored under, leaves (M, ...), as their labels; None if the critic takes none.
      sharding: how the batch is spread over devices.
    """

    score: Callable[..., Scores]
    real: Samples
    fake: Samples
    real_score: Scores
    fake_score: Scores
    points: Samples
    scores: Scores
    gradient: Samples
    averages: Float[Array, "2"]
    condition: PyTree[Array] | None = None
    sharding: BatchSharding = UNSHARDED

    def critic(self, points: Samples) -> Scores:
        """Score points (M, ...), each under the condition of the point in its place."""
        score = partial(_bind(self.score, self.condition), points)
        return _of_several(score, self.score, points[: len(self.real)], self.condition)

    def score_together(self, *batches: Samples) -> Float[Array, "k m"]:
        """Score K batches of M points in one pass, (K, M): each point under the condition of the point in its place."""
        return _score_stacked(self.score, batches, [self.condition] * len(batches), self.sharding)

    def noise(self, sampler: Callable[[Key, tuple[int, ...]], Array], key: Key, shape: tuple[int, ...]) -> Array:
        """Draw noise (M, *shape) by `sampler(key, (N, *shape))`, once for each N points, whatever the device count."""
        whole = jax.eval_shape(self.sharding.all_gather, self.real)
        keys = jax.random.split(key, len(self.points) // len(self.real))
        return self.sharding.concat(*(self.sharding.shard(sampler(key, (whole.shape[0], *shape))) for key in keys))

    def of_pairs(self, values: PyTree[Array]) -> PyTree[Array]:
        """Repeat what pairs have, leaves (N, ...), for their points, (M, ...): entry i is of the pair of point i.

        >>> real, fake = jnp.array([[1.0], [2.0]]), jnp.zeros((2, 1))
        >>> from gan_jax.penalties.points import at_both
        >>> scored = score_batch(lambda x: x[:, 0], at_both, jax.random.key(0), real=real, fake=fake)
        >>> scored.of_pairs(real).ravel().tolist()
        [1.0, 2.0, 1.0, 2.0]
        """
        return self.sharding.concat(*[values] * (len(self.points) // len(self.real)))


def score_batch(
    critic: Callable[..., Scores],
    points: Callable[..., Samples],
    key: Key,
    *,
    real: Samples,
    fake: Samples,
    condition: PyTree[Array] | None = None,
    fake_condition: PyTree[Array] | None = None,
    averages: Float[Array, "2"] | None = None,
    sharding: BatchSharding = UNSHARDED,
) -> CriticPass:
    """Score a batch, and score and differentiate the critic at points, in as few passes as possible.

    Where the points are samples of the batch, real and generated samples pass the critic apart, and the gradient is
    that of the loss's own backward pass. Otherwise real and generated samples pass the critic as one batch, and the
    points as another.

    Args:
      critic: `(N, ...) -> (N,)`, for 2N samples too; called as `critic(x, condition)` if there is a condition. One that
        has its labels closed over scores N only: give them as the condition, which is split with the samples.
      points: one of `POINTS`, or any function `(key, *, real, fake) -> points`.
      key: for the points.
      real, fake: samples (N, ...) of one shape and dtype, this device's shard where the batch is sharded.
      condition: a tree of arrays (N, ...) that a real and a generated sample of a pair share, as a label; None for a
        critic without.
      fake_condition: what the generated samples are scored under where it is something else; points that are no samples
        of the batch are scored under `condition`.
      averages: running means of the real and of the generated scores, (2,); by default this batch's means.
      sharding: how the batch is spread over devices.

    Raises:
      ValueError: real and fake differ in shape or dtype, points or condition do not fit them, or scores are not (N,).
      InputError: there is a condition, and the points do not belong to pairs; or there is none, and the critic scores N
        samples but no more at once.

    >>> from gan_jax.penalties.points import at_both
    >>> real, fake = jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
    >>> scored = score_batch(lambda x: (x**2).sum(axis=1) / 2, at_both, jax.random.key(0), real=real, fake=fake)
    >>> scored.real_score.tolist(), scored.scores.tolist(), scored.gradient.tolist()
    ([12.5], [12.5, 0.0], [[3.0, 4.0], [0.0, 0.0]])

    >>> critic, label = (lambda x, label: label * x.sum(axis=1)), jnp.array([5.0])
    >>> score_batch(critic, at_both, jax.random.key(0), real=real, fake=fake, condition=label).scores.tolist()
    [35.0, 0.0]
    """
    points, (real, fake) = as_points(points), checked_samples(real, fake)
    if condition is not None and not points.pairs:
        reason = (
            "they may join samples of unlike labels, and have no label then; choose points of pairs, as interpolated"
        )
        raise InputError(reason, field="points")
    if any(leaf.shape[:1] != real.shape[:1] for leaf in jax.tree.leaves(condition)):
        raise ValueError(
            f"a condition must have one entry per pair, {len(real)}, got {jax.tree.map(jnp.shape, condition)}"
        )

    if points.shares is None:
        # Every device chooses the same points, from the whole batch. Each N of them are then sharded as the batch is.
        whole = sharding.all_gather(real)
        chosen = points(key, real=whole, fake=sharding.all_gather(fake))
        if chosen.shape[0] % len(whole) or chosen.shape[1:] != real.shape[1:]:
            raise ValueError(f"points must be N or 2N like the samples {whole.shape}, got {chosen.shape}")
        blocks = [sharding.shard(block) for block in jnp.split(chosen, len(chosen) // len(whole))]
    else:
        blocks = {"real": [real], "fake": [fake], "both": [real, fake]}[points.shares]
    chosen = sharding.concat(*blocks)
    of_fake_samples = condition if fake_condition is None else fake_condition
    conditions = {"fake": [of_fake_samples], "both": [condition, of_fake_samples]}
    each = conditions.get(points.shares or "", [condition] * len(blocks))
    chosen_condition = sharding.concat(*each)

    def differentiate(samples: Samples, condition: PyTree[Array] | None, cotangent: float = 1.0):
        def of_part(part: tuple[Samples, PyTree[Array] | None]) -> tuple[Scores, Samples]:
            samples, condition = part
            return score_and_gradient(_bind(critic, condition), samples, cotangent=cotangent)

        return sharding.in_micro_batches(of_part, (samples, condition))

    if points.shares is None:
        scores, gradient = _of_several(partial(differentiate, chosen, chosen_condition), critic, real, condition)
        real_score, fake_score = _score_stacked(critic, (real, fake), [condition, of_fake_samples], sharding)
    else:
        # Real and generated samples pass apart, with the derivative that Wasserstein's loss has in their scores: a
        # compiler then finds the loss's backward pass in the gradient's.
        of_real = differentiate(real, condition, -1 / len(real))
        of_fake = differentiate(fake, of_fake_samples, 1 / len(fake))
        (real_score, _), (fake_score, _) = of_real, of_fake
        shared = {"real": [of_real], "fake": [of_fake], "both": [of_real, of_fake]}[points.shares]
        scores, gradient = sharding.concat(*shared)

    means = averages
    if means is None:
        means = jax.lax.stop_gradient(sharding.mean(jnp.stack([real_score.mean(), fake_score.mean()])))
    return CriticPass(
        critic,
        real=real,
        fake=fake,
        real_score=real_score,
        fake_score=fake_score,
        points=chosen,
        scores=scores,
        gradient=gradient,
        averages=means,
        condition=chosen_condition,
        sharding=sharding,
    )


def _bind(critic: Callable[..., Scores], condition: PyTree[Array] | None) -> Critic:
    return critic if condition is None else lambda samples: critic(samples, condition)


def _score_stacked(
    critic: Callable[..., Scores], batches: Sequence[Samples], conditions: Sequence[Any], sharding: BatchSharding
) -> Float[Array, "k n"]:
    """Score batches of one shape in one pass, sample i of each under entry i of the batch's condition."""
    arguments = (batches,) if conditions[0] is None else (batches, conditions)
    # One tree, so that samples and conditions are reordered alike.
    stacked = tuple(jax.tree.map(lambda *leaves: jnp.stack(leaves), *each) for each in arguments)
    score = partial(sharding.concat_apply, lambda batch: critic(*batch), stacked)
    return _of_several(score, critic, batches[0], conditions[0])


def _of_several(
    score: Callable[[], _Scored], critic: Callable[..., Scores], one: Samples, condition: PyTree[Array] | None
) -> _Scored:
    """Scores of several batches at once, or an error that says why a critic takes but one."""
    try:
        return score()
    except Exception as error:
        if condition is not None or not _takes(critic, one):
            raise
        reason = f"the critic scores {len(one)} samples but no more at once; if it has labels closed over, let it"
        raise InputError(f"{reason} take them, critic(x, condition), and give condition=", field="critic") from error


def _takes(critic: Callable[..., Scores], batch: Samples) -> bool:
    try:
        return jax.eval_shape(critic, batch).shape == (len(batch),)
    except Exception:
        return False
