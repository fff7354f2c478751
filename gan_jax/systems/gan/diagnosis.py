"""What a GAN measures of each sample, without learning from it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.penalties import gradient_norm
from gan_jax.systems.gan.checks import declares_mixing
from gan_jax.systems.gan.game import (
    Condition,
    Game,
    State,
    bind_critic,
    generate,
    labels_of,
    normal,
)
from gan_jax.types import Array, Batch, Float, Key, PerSample, Samples

__all__ = ["diagnose"]


def diagnose(game: Game, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    """Measure the critic at a batch, at as many generated samples, and at the penalty's points.

    The numbers are those of training: the samples come from the generator that the critic plays against, not from its
    EMA, and the batch is dequantized by whoever passes it in as it is in training. A network that treats
    samples by their batch has batches of the size that it is trained on.
    """
    sample_key, points_key = jax.random.split(key)
    real, labels = jnp.asarray(batch["sample"]), labels_of(game, batch)
    noise = normal(sample_key, (len(real), game.latent))
    params, _ = game.generator_constraint.normalize(state.generator, state.generator_constraint)
    fake = _by_batches(game, game.generator, lambda noise, labels: generate(game, params, noise, labels), noise, labels)
    score, _ = bind_critic(game, state.critic.params, state.critic)
    condition = Condition(labels)

    def norm(points: Samples, condition: Condition) -> PerSample:
        return gradient_norm(partial(score, condition=condition), points)

    places = {"real": real, "fake": fake}
    if game.penalty is not None:
        places["points"] = game.penalty.points(points_key, real=real, fake=fake)
    norms = {
        f"gradient_norm_at_{place}": _by_batches(game, game.critic, norm, points, _repeat(condition, points, real))
        for place, points in places.items()
    }
    real_score, fake_score = (_by_batches(game, game.critic, score, samples, condition) for samples in (real, fake))
    loss = game.loss.critic(real=real_score, fake=fake_score)
    return {"wasserstein": real_score - fake_score, "critic_loss": loss} | norms


def _by_batches(
    game: Game, network: nn.Module, function: Callable[..., Array], samples: Array, condition: Any
) -> Float[Array, "n ..."]:
    """Apply a function of a network to samples as training does: the last batch is filled up with the first samples."""
    if not declares_mixing(network):
        return function(samples, condition)
    n, size = len(samples), game.batch_size
    rows = jnp.arange(-(-n // size) * size) % n
    batches = jax.tree.map(lambda leaf: leaf[rows].reshape(-1, size, *leaf.shape[1:]), (samples, condition))
    made = jax.vmap(function)(*batches)
    return made.reshape(-1, *made.shape[2:])[:n]


def _repeat(condition: Condition, points: Float[jax.Array, "m ..."], real: Samples) -> Condition:
    """The condition of each point, of which each pair of samples may have several."""
    return jax.tree.map(lambda leaf: jnp.concatenate([leaf] * (len(points) // len(real))), condition)
