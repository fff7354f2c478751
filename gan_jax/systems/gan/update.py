"""The state that a GAN begins with, and the alternating update."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.systems.ema import ema_decay
from gan_jax.systems.gan.augmenting import Draws
from gan_jax.systems.gan.checks import check_params
from gan_jax.systems.gan.game import CriticState, Game, State, is_conditional, labels_of
from gan_jax.systems.gan.steps import CriticInputs, critic_step, generator_step
from gan_jax.systems.gan.styles import draw_latents, path_length_step, synthesize
from gan_jax.types import Array, Batch, Key, Params, Spec

__all__ = ["begin", "init", "update"]


def init(game: Game, key: Key, spec: Spec) -> State:
    """Draw the networks' first parameters for samples of a spec."""
    generator_key, critic_key = jax.random.split(key)
    example = jax.tree.map(lambda entry: jnp.zeros((1, *entry.shape), entry.dtype), dict(spec))
    labels = (example.get("label"),)
    params = game.generator.init(
        generator_key, jnp.zeros((1, game.latent), jnp.float32), *labels * is_conditional(game.generator)
    )
    check_params(game.generator, params)
    critic_params = game.critic.init(critic_key, example["sample"], *labels * is_conditional(game.critic))
    check_params(game.critic, critic_params)
    return begin(game, jax.random.fold_in(key, 2), {"generator": params, "critic": critic_params})


def begin(game: Game, key: Key, weights: Mapping[str, Params]) -> State:
    """Return the state before the first iteration, of the networks' parameters."""
    generator_key, critic_key = jax.random.split(key)
    params = game.generator_constraint.project(weights["generator"])
    critic_params = game.constraint.project(weights["critic"])
    critic = CriticState(
        critic_params,
        game.critic_optimizer.init(critic_params),
        game.constraint.init(jax.random.fold_in(critic_key, 1), critic_params),
        score_means=jnp.zeros(2, jnp.float32),
        augment=game.augment.start(),
    )
    return State(
        step=jnp.zeros((), jnp.int32),
        generator=params,
        generator_ema=jax.tree.map(jnp.copy, params),  # its own buffers, so that the state can be donated
        generator_optimizer=game.generator_optimizer.init(params),
        critic=critic,
        path_length=jnp.zeros((), jnp.float32) if game.path_length.weight else (),
        generator_constraint=game.generator_constraint.init(jax.random.fold_in(generator_key, 1), params),
    )


def update(game: Game, state: State, key: Key, batch: Batch) -> tuple[State, dict[str, Array]]:
    """Take one iteration: `critic_steps` critic steps, each with a part of the batch, and a generator step."""
    fake_key, points_key, noise_key, slope_key = jax.random.split(key, 4)
    steps = game.critic_steps

    # Each critic step has samples of its own, of which this device takes its shard, labels included.
    whole = _split(game, batch)
    reals = game.sharding.shard(whole, axis=1)
    labels = labels_of(game, reals), _fake_labels(game, jax.random.fold_in(key, 4), whole, reals)
    draws = _draws(game, jax.random.fold_in(key, 1), steps, game.batch_size)
    latents = draw_latents(game, fake_key, steps, game.batch_size)

    # The generator does not move meanwhile: one pass makes the fakes of all critic steps.
    params, _ = game.generator_constraint.normalize(state.generator, state.generator_constraint)
    fakes = game.concat_generate(lambda inputs: synthesize(game, params, *inputs), (latents, labels[1]))

    inputs = CriticInputs(
        steps_done=state.step * steps + jnp.arange(steps, dtype=jnp.int32),
        points_key=jax.random.split(points_key, steps),
        slope_key=jax.random.split(slope_key, steps),
        real=reals["sample"],
        fake=fakes,
        labels=labels,
        draws=draws,
    )
    critic, metrics = lax.scan(partial(critic_step, game), state.critic, inputs)

    # The generator plays against the critic so obtained, beside the last real samples.
    last, last_labels = jax.tree.map(lambda leaf: leaf[-1], (reals["sample"], labels))
    state, generator_metrics = generator_step(
        game,
        state,
        critic,
        latent=draw_latents(game, noise_key, game.batch_size),
        real=last,
        labels=last_labels,
        draws=_draws(game, jax.random.fold_in(key, 2), game.batch_size),
        steps_done=(state.step + 1) * steps,
        keys=game.sharding.shard(jax.random.split(jax.random.fold_in(key, 5), game.batch_size)),
    )
    if game.path_length.weight:
        state, path_metrics = path_length_step(game, state, key=jax.random.fold_in(key, 3), label=last_labels[1])
        generator_metrics |= path_metrics

    decay = ema_decay(game.ema_decay, state.step, steps * game.batch_size)
    ema = optax.incremental_update(state.generator, state.generator_ema, 1 - decay)
    state = state._replace(step=state.step + 1, generator_ema=ema, critic=critic)
    return state, jax.tree.map(jnp.mean, metrics) | generator_metrics


def _fake_labels(game: Game, key: Key, whole: Batch, reals: Batch) -> Array | None:
    """This device's labels of generated samples: of the real samples they go with, or the batch's in another order."""
    if not game.shuffles_labels:
        return labels_of(game, reals)
    shuffled = jax.random.permutation(key, jnp.asarray(whole["label"]), axis=1, independent=True)
    return game.sharding.shard(shuffled, axis=1)


def _draws(game: Game, key: Key, *shape: int) -> tuple[Draws | None, Draws | None]:
    """Of the augmentations of real and of generated samples, this device's shard of each batch."""
    real, fake = (
        game.sharding.shard(game.augment.draw(key, *shape), axis=len(shape) - 1) for key in jax.random.split(key)
    )
    return real, fake


def _split(game: Game, batch: Batch) -> dict[str, Array]:
    """The batch in as many parts as there are critic steps: (steps, N, ...)."""
    size = (game.critic_steps, game.batch_size)
    for name, leaf in batch.items():
        if len(leaf) != size[0] * size[1]:
            raise ValueError(f"an update takes {size[0]} x {size[1]} samples, got {name} {leaf.shape}")
    return {name: jnp.asarray(leaf).reshape(*size, *leaf.shape[1:]) for name, leaf in batch.items()}
