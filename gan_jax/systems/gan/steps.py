"""The steps of the game: of the critic on its loss, of the critic on a lazy penalty, of the generator."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.numerics import at_least_float32
from gan_jax.penalties import CriticPass, Penalty, PlainPenalty, score_batch
from gan_jax.systems.gan.augmenting import Draws
from gan_jax.systems.gan.game import (
    Condition,
    CriticState,
    Game,
    State,
    bind_critic,
    hide_nonfinite,
    is_conditional,
    mean_score,
    move_generator,
)
from gan_jax.systems.gan.styles import Latent, synthesize
from gan_jax.systems.optimizers import apply_gradient
from gan_jax.types import Array, ArrayLike, Critic, Key, Keys, Labels, Params, Samples

__all__ = ["AnyPenalty", "CriticInputs", "Metrics", "critic_step", "generator_step"]

_SCORE_DECAY = 0.99  # of the scores' moving averages, as in Tseng et al. (2021)

Metrics = dict[str, Array]
AnyPenalty = Penalty | PlainPenalty

# Of the real and of the generated samples.
LabelPair = tuple[Labels | None, Labels | None]
DrawPair = tuple[Draws | None, Draws | None]


class CriticInputs(NamedTuple):
    """What one critic step takes: this device's shard of a batch, and keys that all devices share.

    Attributes:
      steps_done: critic steps before this one, int32.
      points_key, slope_key: of the penalty's points, and of what is random in its slopes.
      real, fake: samples (N, ...).
      labels: of the real and of the generated samples; None where neither network takes labels.
      draws: of the augmentations of the real and of the generated samples; None where there are none.
    """

    steps_done: Array
    points_key: Key
    slope_key: Key
    real: Samples
    fake: Samples
    labels: LabelPair
    draws: DrawPair

    @property
    def conditions(self) -> tuple[Condition, Condition]:
        """What the real and the generated samples are scored under."""
        return _conditions(self.labels, self.draws)


def critic_step(game: Game, critic: CriticState, inputs: CriticInputs) -> tuple[CriticState, Metrics]:
    """Take one step of the critic on its loss, with the penalty in it unless that is lazy and follows."""
    gradient, (constraint, means, metrics) = jax.grad(_critic_loss, has_aux=True)(critic.params, game, critic, inputs)
    gradient, means, metrics = game.sharding.mean((gradient, means, metrics))
    gradient, hidden = hide_nonfinite(game, gradient, "critic")

    # The averages of the scores: the first of them is the first step's mean.
    decay = jnp.minimum(_SCORE_DECAY, inputs.steps_done / (1 + inputs.steps_done))
    score_means = decay * critic.score_means + (1 - decay) * means
    penalty = game.penalty
    total = metrics["critic_loss"]
    if penalty is not None and penalty.every == 1:
        total += _weight(game, penalty, inputs) * metrics["penalty"]
    critic = _move(game, critic._replace(constraint=constraint, score_means=score_means), gradient, total)
    if game.augment.policies:
        metrics["augment_strength"] = jnp.asarray(_strength(game, critic, inputs.steps_done), jnp.float32)
        critic = critic._replace(augment=game.augment.after(critic.augment, metrics["real_sign"], game.batch_size))

    if penalty is not None:
        if penalty.every > 1:
            critic, penalty_metrics = _lazy_penalty_step(game, penalty, critic, inputs)
            metrics |= penalty_metrics
        metrics["critic_total"] = metrics["critic_loss"] + _weight(game, penalty, inputs) * metrics["penalty"]
    return critic, metrics | hidden | {"critic_param_grad_norm": optax.tree.norm(gradient)}


def generator_step(
    game: Game,
    state: State,
    critic: CriticState,
    *,
    latent: Latent,
    real: Samples,
    labels: LabelPair,
    draws: DrawPair,
    steps_done: Array,
    keys: Keys,
) -> tuple[State, Metrics]:
    """Take one step of the generator against a critic that stays as it is."""
    score, _ = bind_critic(game, critic.params, critic, _strength(game, critic, steps_done))
    of_real, of_fake = _conditions(labels, draws)

    def loss(params: Params) -> tuple[Array, Any]:
        params, constraint = game.generator_constraint.normalize(params, state.generator_constraint)
        fake = synthesize(game, params, latent, of_fake.label)
        value = game.loss.generator(real=score(real, of_real), fake=score(fake, of_fake)).mean()
        taught = {}
        if (teacher := game.teacher) is not None:
            each = game.sharding.in_micro_batches(lambda part: teacher(*part), (keys, fake, of_fake.label))
            taught["teaching"] = each.mean()
        return value + sum(taught.values()), (constraint, {"generator_loss": value, **taught})

    (value, (constraint, metrics)), gradient = jax.value_and_grad(loss, has_aux=True)(state.generator)
    value, metrics, gradient = game.sharding.mean((value, metrics, gradient))
    gradient, hidden = hide_nonfinite(game, gradient, "generator")
    state = move_generator(game, state, gradient, value)._replace(generator_constraint=constraint)
    return state, metrics | {"generator_param_grad_norm": optax.tree.norm(gradient)} | hidden


def _conditions(labels: LabelPair, draws: DrawPair) -> tuple[Condition, Condition]:
    real, fake = map(Condition, labels, draws)
    return real, fake


def _critic_loss(
    params: Params, game: Game, critic: CriticState, inputs: CriticInputs
) -> tuple[Array, tuple[Any, Array, Metrics]]:
    """Loss and penalty, unless that is lazy; beside the total the constraint's state, the mean scores and metrics."""
    score, constraint = bind_critic(game, params, critic, _strength(game, critic, inputs.steps_done))
    penalty = game.penalty
    if penalty is None or penalty.every > 1:
        # Real and generated samples share one pass of the critic.
        real_score, fake_score = _score_together(game, score, inputs)
        terms, weighted = {}, 0.0
    else:
        scored = _score_with_points(game, penalty, score, critic, inputs)
        real_score, fake_score = scored.real_score, scored.fake_score
        terms = {name: values.mean() for name, values in penalty.terms(scored, inputs.slope_key).items()}
        weighted = _weight(game, penalty, inputs) * terms["penalty"]

    # Estimate, loss and penalty are reported apart.
    loss = game.loss.critic(real=real_score, fake=fake_score).mean()
    means = jnp.stack([mean_score(real_score), mean_score(fake_score)])
    metrics = {"wasserstein": means[0] - means[1], "critic_loss": loss} | terms
    if game.augment.policies:
        metrics["real_sign"] = jnp.sign(at_least_float32(real_score)).mean()
    return loss + weighted, (constraint, means, metrics)


def _lazy_penalty_step(
    game: Game, penalty: AnyPenalty, critic: CriticState, inputs: CriticInputs
) -> tuple[CriticState, Metrics]:
    """Take a step on the penalty alone, as heavy as all that were left out, where it is due; elsewhere none."""

    def due(critic: CriticState) -> tuple[CriticState, Metrics]:
        gradient, metrics = jax.grad(_lazy_penalty, has_aux=True)(critic.params, game, penalty, critic, inputs)
        gradient, metrics = game.sharding.mean((gradient, metrics))
        gradient, hidden = hide_nonfinite(game, gradient, "penalty")
        metrics |= hidden
        return _move(game, critic, gradient, _weight(game, penalty, inputs) * metrics["penalty"]), metrics

    def not_due(critic: CriticState) -> tuple[CriticState, Metrics]:
        _, metrics = jax.eval_shape(due, critic)
        return critic, jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), metrics)

    return lax.cond(inputs.steps_done % penalty.every == 0, due, not_due, critic)


def _lazy_penalty(
    params: Params, game: Game, penalty: AnyPenalty, critic: CriticState, inputs: CriticInputs
) -> tuple[Array, Metrics]:
    score, _ = bind_critic(game, params, critic, _strength(game, critic, inputs.steps_done))
    scored = _score_with_points(game, penalty, score, critic, inputs)
    terms = penalty.terms(scored, inputs.slope_key)
    metrics = {name: penalty.every * values.mean() for name, values in terms.items()}
    return _weight(game, penalty, inputs) * metrics["penalty"], metrics


def _strength(game: Game, critic: CriticState, steps_done: Array) -> ArrayLike:
    """How strong augmentations are now; a schedule is of the images that the critic has seen."""
    return game.augment.strength_at(critic.augment, steps_done * game.batch_size)


def _weight(game: Game, penalty: AnyPenalty, inputs: CriticInputs) -> Any:
    """The penalty's weight now; a schedule is of the images that the critic has seen."""
    weight = penalty.weight
    return weight(inputs.steps_done * game.batch_size) if callable(weight) else weight


def _score_together(game: Game, score: Critic, inputs: CriticInputs) -> Array:
    """Scores (2, N) of real and generated samples, each beside its condition."""
    conditions = jax.tree.map(lambda *leaves: jnp.stack(leaves), *inputs.conditions)
    batches = (jnp.stack([inputs.real, inputs.fake]), conditions)
    return game.sharding.concat_apply(lambda batch: score(*batch), batches)


def _score_with_points(
    game: Game, penalty: AnyPenalty, score: Critic, critic: CriticState, inputs: CriticInputs
) -> CriticPass:
    told = is_conditional(game.critic) or game.augment.policies
    real, fake = inputs.conditions
    return score_batch(
        score,
        penalty.points,
        inputs.points_key,
        real=inputs.real,
        fake=inputs.fake,
        condition=real if told else None,
        fake_condition=fake if told else None,
        averages=critic.score_means,
        sharding=game.sharding,
    )


def _move(game: Game, critic: CriticState, gradient: Params, value: Array) -> CriticState:
    params, optimizer = apply_gradient(game.critic_optimizer, gradient, critic.optimizer, critic.params, value)
    return critic._replace(params=game.constraint.project(params), optimizer=optimizer)
