"""What is done to a generator's styles while it trains, if it has some: mixing, and path-length regularization."""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.networks.styles import mix
from gan_jax.penalties.path_length import path_lengths
from gan_jax.systems.gan.game import Game, State, generate, hide_nonfinite, move_generator, normal
from gan_jax.types import Array, Int, Key, Labels, Latents, Params, Samples

__all__ = ["Latent", "draw_latents", "path_length_step", "synthesize"]


class Latent(NamedTuple):
    """What samples are made of.

    Attributes:
      noise: (N, z).
      other: noise of the styles that they are mixed with, where styles are mixed.
      crossover: (N,) int32, the layer from which a sample has the other style.
    """

    noise: Latents
    other: Latents | None = None
    crossover: Int[Array, " n"] | None = None


def draw_latents(game: Game, key: Key, *shape: int) -> Latent:
    """Draw latents (..., N), this device's shard of each batch."""
    latent = Latent(normal(key, (*shape, game.latent)))
    if game.style_mixing:
        other_key, whether_key, where_key = jax.random.split(jax.random.fold_in(key, 1), 3)
        layers = cast(Any, game.generator).layers
        mixed = jax.random.bernoulli(whether_key, game.style_mixing, shape)
        crossover = jax.random.randint(where_key, shape, 1, layers, jnp.int32)
        latent = Latent(latent.noise, normal(other_key, latent.noise.shape), jnp.where(mixed, crossover, layers))
    return game.sharding.shard(latent, axis=len(shape) - 1)


def synthesize(game: Game, params: Params, latent: Latent, label: Labels | None) -> Samples:
    """Map latents to samples by the generator."""

    def synthesize_part(part: tuple[Latent, Labels | None]) -> Samples:
        latent, label = part
        if latent.other is None:
            return generate(game, params, latent.noise, label)
        return generate(game, params, latent.noise, label, styles=_styles(game, params, latent, label))

    return game.sharding.in_micro_batches(synthesize_part, (latent, label))


def path_length_step(game: Game, state: State, *, key: Key, label: Labels | None) -> tuple[State, dict[str, Array]]:
    """Where it is due, take a step of the generator on `k weight mean((length - running mean)^2)`.

    The running mean moves before, and the gradient goes through its move. Unlike the authors' code, which takes half of
    a batch, this takes a whole one. Returns the state, with the running mean, and metrics.

    Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN, section 3.2.
    """
    settings = game.path_length
    latent_key, direction_key = jax.random.split(key)

    def due(state: State) -> tuple[State, dict[str, Array]]:
        latent = draw_latents(game, latent_key, game.batch_size)
        image = jax.eval_shape(lambda: synthesize(game, state.generator, latent, label)).shape[1:]
        directions = game.sharding.shard(normal(direction_key, (game.batch_size, *image)))
        mean = cast(Array, state.path_length)

        def loss(params: Params):
            params, _ = game.generator_constraint.normalize(params, state.generator_constraint)

            def synthesize_part(part: tuple[Latents, Labels | None, Array]) -> Samples:
                noise, label, styles = part
                return generate(game, params, noise, label, styles=styles)

            lengths = path_lengths(
                lambda styles: game.sharding.in_micro_batches(synthesize_part, (latent.noise, label, styles)),
                _styles(game, params, latent, label),
                directions,
            )
            moved = mean + (1 - settings.decay) * (game.sharding.mean(lengths.mean()) - mean)
            penalty = settings.every * ((lengths - moved) ** 2).mean()
            return settings.weight * penalty, (lax.stop_gradient(moved), penalty)

        gradient, (moved, penalty) = game.sharding.mean(jax.grad(loss, has_aux=True)(state.generator))
        gradient, hidden = hide_nonfinite(game, gradient, "path")
        new = move_generator(game, state, gradient, settings.weight * penalty)
        return new._replace(path_length=moved), {"path_penalty": penalty} | hidden

    def not_due(state: State) -> tuple[State, dict[str, Array]]:
        _, metrics = jax.eval_shape(due, state)
        return state, jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), metrics)

    state, metrics = lax.cond(state.step % settings.every == 0, due, not_due, state)
    return state, {"path_length": cast(Array, state.path_length)} | metrics


def _styles(game: Game, params: Params, latent: Latent, label: Labels | None) -> Array:
    """Of every layer, (N, L, w)."""
    generator = cast(Any, game.generator)
    styles = generator.styles(params, latent.noise, label)
    if latent.other is None:
        return generator.in_every_layer(styles)
    others = generator.styles(params, latent.other, label)
    return mix(styles, others, cast(Array, latent.crossover), generator.layers)
