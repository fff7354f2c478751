"""Samples of a trained generator, always by the average of its parameters: drawn, and of given latents."""

from typing import Any, cast

import jax
import jax.numpy as jnp

from gan_jax.inversion import invert
from gan_jax.networks.batch_norm import standing_moments
from gan_jax.systems.gan.checks import declares_mixing
from gan_jax.systems.gan.game import Game, State, generate, is_conditional, normal, random_labels
from gan_jax.types import Batch, Key, Latents, Params, Samples

__all__ = ["decode", "drawn_with", "encode", "sample"]

_CENTER_OF = 10_000  # noise vectors
_STANDING_OF = 16  # batches


def sample(
    game: Game, state: State, key: Key, n: int, condition: Batch | None = None, truncation: float = 1.0
) -> Samples:
    """Draw n samples by the generator's EMA; of `condition["label"]` (n,), or of uniform labels, if it takes any."""
    if condition is None and is_conditional(game.generator):
        condition = {"label": cast(Any, random_labels(game, jax.random.fold_in(key, 1), n))}
    return decode(game, state, normal(key, (n, game.latent)), condition, truncation)


def decode(
    game: Game, state: State, latents: Latents, condition: Batch | None = None, truncation: float = 1.0
) -> Samples:
    """Map latents to samples by the generator's EMA, told `condition["label"]` if it takes any.

    Truncated, they are made of styles nearer to the average one, the same for all latents.
    """
    params = drawn_with(game, state)
    label = jnp.asarray((condition or {})["label"]) if is_conditional(game.generator) else None
    if truncation == 1:
        return generate(game, params, latents, label)
    many = normal(jax.random.key(0), (_CENTER_OF, game.latent))
    generator = cast(Any, game.generator)
    center, styles = generator.center(params, many, label), generator.styles(params, latents, label)
    center = jnp.broadcast_to(center, styles.shape)
    styles = center + truncation * (styles - center)
    return generate(game, params, latents, label, styles=generator.in_every_layer(styles))


def encode(game: Game, state: State, key: Key, batch: Batch) -> Latents:
    """Search for noise that the generator's EMA maps to given samples, as `gan_jax.inversion.invert`."""
    variables = drawn_with(game, state)  # once, not in each step of the search
    labels = jnp.asarray(batch["label"]) if is_conditional(game.generator) else None
    return invert(
        lambda latents, *label: generate(game, variables, latents, *label or (None,)),
        key,
        jnp.asarray(batch["sample"]),
        labels,
        latent=game.latent,
    ).latents


def drawn_with(game: Game, state: State) -> Params:
    """What samples are drawn with: the EMA within the generator's constraint, and standing moments if it takes some."""
    params, _ = game.generator_constraint.normalize(state.generator_ema, state.generator_constraint)
    if not declares_mixing(game.generator):
        return params
    count = _STANDING_OF * game.batch_size
    noise, label = normal(jax.random.key(1), (count, game.latent)), random_labels(game, jax.random.key(2), count)
    given = (noise,) if label is None else (noise, label)
    batches = (leaf.reshape(_STANDING_OF, game.batch_size, *leaf.shape[1:]) for leaf in given)
    return standing_moments(game.generator, params, *batches)
