"""A critic that scores a sample by its batch is refused under a penalty per sample, before training."""

from functools import lru_cache, partial
from math import prod
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import InputError
from gan_jax.penalties import mixes_samples
from gan_jax.systems.gan.game import Game, generate, is_conditional, random_condition

__all__ = ["refuse_mixing"]

_QUICKLY: Any = {"xla_backend_optimization_level": 0}  # to compile, for two small batches


def refuse_mixing(game: Game) -> None:
    """Raise if the critic's score of one sample depends on the others, tried on numbers.

    Raises:
      InputError: it does.
    """

    def fake(key, noise):
        labels = random_condition(game, key, 1)
        given = (labels,) if is_conditional(game.generator) else ()
        return generate(game, game.generator.init(key, noise, *given), noise, labels)

    noise = jax.ShapeDtypeStruct((1, game.latent), np.float32)
    shape = jax.eval_shape(fake, jax.random.key(0), noise).shape[1:]
    if _mixes(game.critic, shape, min(game.batch_size, 8)):
        raise InputError(
            "its score of a sample depends on the rest of the batch (batch normalization, minibatch statistics), so "
            "that a penalty per sample is not what its formula says; normalize per sample, leave the penalty out, or "
            "say `mixes_samples = True` in the critic's class if the summed scores' gradient is meant",
            field="critic",
        )


@lru_cache
def _mixes(critic: nn.Module, shape: tuple[int, ...], count: int) -> bool:
    random = np.random.default_rng(0)
    samples = random.normal(size=(count, *shape)).astype(np.float32)
    labels = (np.zeros(count, np.int32),) if is_conditional(critic) else ()
    # Not as training begins: a last layer of zeros would hide what comes before it.
    shapes = jax.eval_shape(critic.init, jax.random.key(0), samples, *labels)
    params = jax.tree.map(
        lambda x: np.asarray(random.normal(size=x.shape) * prod(x.shape[:-1]) ** -0.5, x.dtype), shapes
    )
    apply = jax.jit(critic.apply).lower(params, samples, *labels).compile(_QUICKLY)
    with jax.ensure_compile_time_eval():  # whoever traces the function that builds the system
        return mixes_samples(lambda x: partial(apply, params)(x, *labels), jnp.asarray(samples))
