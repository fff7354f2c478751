"""Samples of a trained generator, always by the average of its parameters: drawn, along paths, and of given latents."""

from typing import Any, cast

import jax
import jax.numpy as jnp

from gan_jax.inversion import invert
from gan_jax.networks.batch_norm import standing_moments
from gan_jax.systems.gan.checks import declares_mixing
from gan_jax.systems.gan.game import Game, State, generate, is_conditional, normal, random_labels
from gan_jax.systems.paths import circular_paths
from gan_jax.types import Batch, Key, Latents, Params, Samples

__all__ = ["decode", "encode", "interpolate", "sample"]

_CENTER_OF = 10_000  # noise vectors
_STANDING_OF = 16  # batches


def sample(
    game: Game, state: State, key: Key, n: int, condition: Batch | None = None, truncation: float = 1.0
) -> Samples:
    """Draw n samples by the generator's EMA; of `condition["label"]` (n,), or of uniform labels, if it takes any.

    Truncated, they are drawn of styles nearer to the average one, the same for every key.
    """
    noise, params = normal(key, (n, game.latent)), _variables(game, state)
    given = condition or {"label": random_labels(game, jax.random.fold_in(key, 1), n)}
    label = jnp.asarray(given["label"]) if is_conditional(game.generator) else None
    if truncation == 1:
        return generate(game, params, noise, label)
    many = normal(jax.random.key(0), (_CENTER_OF, game.latent))
    generator = cast(Any, game.generator)
    center, styles = generator.center(params, many, label), generator.styles(params, noise, label)
    center = jnp.broadcast_to(center, styles.shape)
    styles = center + truncation * (styles - center)
    return generate(game, params, noise, label, styles=generator.in_every_layer(styles))


def interpolate(game: Game, state: State, key: Key, paths: int, steps: int) -> Samples:
    """Draw samples along paths between noise vectors."""
    noise = circular_paths(key, paths, steps, (game.latent,))
    labels = random_labels(game, jax.random.fold_in(key, 1), paths)
    return generate(game, _variables(game, state), noise, jax.tree.map(lambda leaf: leaf.repeat(steps), labels))


def encode(game: Game, state: State, key: Key, batch: Batch) -> Latents:
    """Search for noise that the generator's EMA maps to given samples, as `gan_jax.inversion.invert`."""
    variables = _variables(game, state)  # once, not in each step of the search
    return invert(
        lambda latents: generate(game, variables, latents), key, jnp.asarray(batch["sample"]), latent=game.latent
    ).latents


def decode(game: Game, state: State, latents: Latents) -> Samples:
    """Map noise to samples by the generator's EMA."""
    return generate(game, _variables(game, state), latents)


def _variables(game: Game, state: State) -> Params:
    """What samples are drawn with: the EMA within the generator's constraint, and standing moments if it takes some."""
    params, _ = game.generator_constraint.normalize(state.generator_ema, state.generator_constraint)
    if not declares_mixing(game.generator):
        return params
    count = _STANDING_OF * game.batch_size
    noise, label = normal(jax.random.key(1), (count, game.latent)), random_labels(game, jax.random.key(2), count)
    given = (noise,) if label is None else (noise, label)
    batches = (leaf.reshape(_STANDING_OF, game.batch_size, *leaf.shape[1:]) for leaf in given)
    return standing_moments(game.generator, params, *batches)
