"""What generator and critic are, before and while they train: what stays the same, and what moves."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gan_jax.constraints import UNCONSTRAINED, Constraint
from gan_jax.losses import Loss
from gan_jax.penalties import Penalty, PlainPenalty
from gan_jax.sharding import BatchSharding, concat_apply
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.gan.augmenting import Adapted, AugmentConfig, Draws
from gan_jax.systems.gan.path_length import NO_PATH_LENGTH, PathLengthConfig
from gan_jax.systems.optimizers import apply_gradient
from gan_jax.types import Array, ArrayLike, Float, Int, Key, Keys, Labels, Latents, Params, PerSample, Samples

__all__ = [
    "Condition",
    "CriticState",
    "Game",
    "State",
    "Teacher",
    "bind_critic",
    "generate",
    "hide_nonfinite",
    "is_conditional",
    "labels_of",
    "mean_score",
    "move_generator",
    "normal",
    "random_labels",
]


class Condition(NamedTuple):
    """What belongs to each sample that a critic scores.

    Attributes:
      label: (N,) int32, of a critic that takes labels.
      draws: keys (N, 2) of its augmentation, where there is one.
    """

    label: Labels | None = None
    draws: Draws | None = None


_NOTHING = Condition()


Teacher = Callable[[Keys, Samples, Labels | None], PerSample]
"""`(keys (N,), samples, labels) -> (N,)`: what is added to the generator's loss for each of its samples."""


class Game(NamedTuple):
    """What does not change while a GAN trains; `gan` says what each of it is.

    Attributes:
      concat_generate: how the generator is applied to the batches of several steps, as `BatchSharding.concat_apply`.
    """

    generator: nn.Module
    critic: nn.Module
    loss: Loss
    penalty: Penalty | PlainPenalty | None
    constraint: Constraint
    generator_optimizer: optax.GradientTransformation
    critic_optimizer: optax.GradientTransformation
    latent: int
    batch_size: int
    critic_steps: int
    ema_decay: float | HalfLife
    augment: AugmentConfig
    sharding: BatchSharding
    style_mixing: float = 0.0
    path_length: PathLengthConfig = NO_PATH_LENGTH
    generator_constraint: Constraint = UNCONSTRAINED
    shuffles_labels: bool = False
    nan_to_num: bool = False
    teacher: Teacher | None = None
    concat_generate: Callable[..., Any] = concat_apply


class CriticState(NamedTuple):
    """What a critic step moves.

    Attributes:
      params: the critic's parameters.
      optimizer: its optimizer's state.
      constraint: what its constraint iterates on.
      score_means: exponential moving averages of its real and its generated scores, (2,) float32.
      augment: the strength of the augmentations, where it is adapted.
    """

    params: Params
    optimizer: optax.OptState
    constraint: Any
    score_means: Float[Array, "2"]
    augment: Adapted = ()


class State(NamedTuple):
    """Everything that a GAN carries from one iteration to the next.

    Attributes:
      step: iterations done, int32.
      generator: the generator's parameters.
      generator_ema: their exponential moving average over the iterations; samples are drawn with these.
      generator_optimizer: its optimizer's state.
      critic: the critic's parameters, and what moves with them.
      path_length: the running mean of path lengths, where they are regularized.
      generator_constraint: what the generator's constraint iterates on.
    """

    step: Array
    generator: Params
    generator_ema: Params
    generator_optimizer: optax.OptState
    critic: CriticState
    path_length: Float[Array, ""] | tuple[()] = ()
    generator_constraint: Any = ()


def generate(game: Game, params: Params, noise: Latents, label: Labels | None = None, **styles: Any) -> Samples:
    """Map noise (N, z) to samples (N, ...) by the generator, which is told the labels if it takes any."""
    given = (label,) if is_conditional(game.generator) else ()
    return cast(Array, game.generator.apply(params, noise, *given, **styles))


def bind_critic(game: Game, params: Params, critic: CriticState, strength: ArrayLike = 0.0):
    """Return the constrained critic `score(samples, condition) -> (N,)`, and its constraint's next state.

    It sees the samples through the augmentations whose draws are in the condition, as strong as given.
    """
    params, constraint_state = game.constraint.normalize(params, critic.constraint)

    def score_part(part: tuple[Samples, Condition]) -> PerSample:
        samples, condition = part
        seen = game.augment.apply(condition.draws, samples, strength)
        given = (condition.label,) if is_conditional(game.critic) else ()
        return game.constraint.wrap(lambda x: cast(Array, game.critic.apply(params, x, *given)))(seen)

    def score(samples: Samples, condition: Condition = _NOTHING) -> PerSample:
        return game.sharding.in_micro_batches(score_part, (samples, condition))

    return score, constraint_state


def is_conditional(module: nn.Module) -> bool:
    """Whether a network takes labels (N,): it has some `classes`, or its class says so by `conditional = True`."""
    return getattr(module, "conditional", False) or getattr(module, "classes", 0) > 0


def labels_of(game: Game, batch: Mapping[str, Any]) -> Int[Array, "..."] | None:
    """Return the labels of a batch, or of several, or None where neither network takes any."""
    if is_conditional(game.generator) or is_conditional(game.critic):
        return jnp.asarray(batch["label"])
    return None


def normal(key: Key, shape: tuple[int, ...]) -> Array:
    """Draw noise of a shape, float32 even where jax's default is wider."""
    return jax.random.normal(key, shape, jnp.float32)


def random_labels(game: Game, key: Key, n: int) -> Labels | None:
    """Return uniform labels (n,) for a generator that takes labels."""
    if is_conditional(game.generator):
        return jax.random.randint(key, (n,), 0, game.generator.classes, jnp.int32)
    return None


def hide_nonfinite(game: Game, gradient: Params, name: str) -> tuple[Params, dict[str, Array]]:
    """Return a gradient without what is not finite, and, as a metric, how many numbers were not; if the game says so.

    NaN becomes 0 and an infinity 1e5 of its sign.
    """
    if not game.nan_to_num:
        return gradient, {}
    count = sum(jnp.sum(~jnp.isfinite(leaf), dtype=jnp.float32) for leaf in jax.tree.leaves(gradient))
    finite = jax.tree.map(lambda leaf: jnp.nan_to_num(leaf, nan=0.0, posinf=1e5, neginf=-1e5), gradient)
    return finite, {f"{name}_nonfinite": jnp.asarray(count)}


def move_generator(game: Game, state: State, gradient: Params, value: Array) -> State:
    """Return the state after one step of the generator's optimizer, within its constraint."""
    optimizer = game.generator_optimizer
    params, optimizer = apply_gradient(optimizer, gradient, state.generator_optimizer, state.generator, value)
    return state._replace(generator=game.generator_constraint.project(params), generator_optimizer=optimizer)


def mean_score(scores: PerSample) -> Array:
    """Mean of a critic's scores, float32."""
    return scores.mean(dtype=jnp.float32)
