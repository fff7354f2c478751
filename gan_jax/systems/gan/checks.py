"""What a GAN's networks must be, found out before training: pure functions of parameters, of samples one by one."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.errors import FlaxError

from gan_jax.errors import InputError, one_line
from gan_jax.penalties import mixes_samples
from gan_jax.sharding import BatchSharding
from gan_jax.systems.gan.game import Game, generate, is_conditional, random_labels
from gan_jax.systems.optimizers import apply_gradient
from gan_jax.types import Array, Scores, Spec

__all__ = [
    "check_batch_size",
    "check_network",
    "check_optimizers",
    "check_params",
    "declares_mixing",
    "generator_mixes",
    "refuse_mixing",
    "sample_shape",
]

_QUICKLY: Any = {"xla_backend_optimization_level": 0}  # to compile, for two small batches


def check_network(module: nn.Module, example: jax.ShapeDtypeStruct, spec: Spec, *, shape: tuple[int, ...]) -> None:
    """Raise if a network cannot map an example (1, ...) to (1, *shape), by parameters alone; nothing is computed.

    Raises:
      InputError: it takes labels, which the data do not have; it has a state, or draws random numbers; or its result is
        of another shape.
    """
    name = type(module).__name__
    if is_conditional(module) and "label" not in spec:
        raise InputError(f"{name} takes labels, which the data do not have; choose another network")
    labels = (jax.ShapeDtypeStruct((1,), jnp.int32),) * is_conditional(module)
    variables = jax.eval_shape(module.init, jax.random.key(0), example, *labels)
    check_params(module, variables)
    try:
        result = jax.eval_shape(module.apply, variables, example, *labels)
    except FlaxError as error:
        raise InputError(
            f"{name} cannot be applied with parameters alone, as if it had dropout ({one_line(error)}); "
            "choose a network that draws nothing and keeps nothing"
        ) from None
    found = jax.tree.map(jnp.shape, result)
    if found != (1, *shape):
        raise InputError(f"{name} makes {found} of {example.shape}, must make {(1, *shape)}")


def check_params(module: nn.Module, variables: Mapping[str, Any]) -> None:
    """Raise if a network has more than parameters.

    Raises:
      InputError: it has, as the running means of batch normalization.
    """
    others = sorted(variables.keys() - {"params"})
    if others:
        raise InputError(
            f"{type(module).__name__} has {', '.join(others)} beside its parameters, a state that a GAN does not carry "
            "(as the running means of batch normalization); choose a network without, normalizing each sample or batch"
        )


def check_batch_size(batch_size: int, critic: nn.Module, sharding: BatchSharding) -> None:
    """Raise if a batch cannot be sharded over devices, or not cut into the sets that a critic scores.

    Raises:
      InputError: it cannot.
    """
    sharding.check(batch_size)
    set_size = getattr(critic, "set_size", 1)
    if batch_size % (set_size * sharding.device_count):
        product = f"gan.critic.set_size times devices, {set_size} x {sharding.device_count}"
        raise InputError(f"{batch_size} is no multiple of {product}", field="batch_size")


def declares_mixing(network: nn.Module) -> bool:
    """Whether a network treats samples by their batch on purpose: its class says so by `mixes_samples = True`."""
    return getattr(network, "mixes_samples", False)


def refuse_mixing(critic: nn.Module, shape: tuple[int, ...], batch_size: int) -> None:
    """Raise if a critic's score of a sample of a shape depends on the others though its class does not say so.

    Raises:
      InputError: it does, or its scores are not finite, not even with its first parameters.
    """
    if declares_mixing(critic):
        return
    try:
        mixes = _mixes(critic, shape, batch_size)
    except (ValueError, FloatingPointError) as error:
        raise InputError(f"{error} on a trial", field="critic") from None
    if mixes:
        raise InputError(
            "its score of a sample depends on the rest of the batch (batch normalization, minibatch statistics), so "
            "that it is another function for another batch, and no penalty per sample is what its formula says; "
            "normalize per sample, or, if it is meant, say `mixes_samples = True` in the critic's class: real and "
            "generated samples are then scored apart, a batch of each at a time",
            field="critic",
        )


def check_optimizers(game: Game) -> None:
    """Raise if an optimizer needs more than gradients, parameters and the loss's value; nothing is computed.

    Raises:
      InputError: one does, as a line search, which would have to score other parameters.
    """
    generator, sample = _of_generator(game)
    labels = (jax.ShapeDtypeStruct((1,), jnp.int32),) * is_conditional(game.critic)
    critic = jax.eval_shape(game.critic.init, jax.random.key(0), sample, *labels)
    for name, optimizer, params in (
        ("generator_optimizer", game.generator_optimizer, generator),
        ("critic_optimizer", game.critic_optimizer, critic),
    ):

        def step(params, optimizer=optimizer):
            return apply_gradient(optimizer, params, optimizer.init(params), params, jnp.zeros((), jnp.float32))

        try:
            jax.eval_shape(step, params)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            reason = f"needs more than gradients, parameters and the loss's value ({one_line(error)}); choose another"
            raise InputError(reason, field=name) from None


def sample_shape(game: Game) -> tuple[int, ...]:
    """Return the shape of one generated sample."""
    return _of_generator(game)[1].shape[1:]


def _of_generator(game: Game) -> tuple[Any, jax.ShapeDtypeStruct]:
    """Shapes of the generator's parameters, and of one sample."""

    def draw(key, noise):
        labels = random_labels(game, key, 1)
        params = game.generator.init(key, noise, *(labels,) * is_conditional(game.generator))
        return params, generate(game, params, noise, labels)

    return jax.eval_shape(draw, jax.random.key(0), jax.ShapeDtypeStruct((1, game.latent), np.float32))


def generator_mixes(game: Game) -> bool:
    """Whether what the generator makes of a noise vector depends on the others of its batch."""
    return declares_mixing(game.generator) or _mixes(game.generator, (game.latent,), game.batch_size)


def _mixes(module: nn.Module, shape: tuple[int, ...], batch_size: int) -> bool:
    count = max(2, min(batch_size, 8))
    try:
        hash(module)
    except TypeError:  # a field of it is a list, a dictionary or an array
        return _try(module, shape, count)
    return _try_once(module, shape, count)


def _try(module: nn.Module, shape: tuple[int, ...], count: int) -> bool:
    """Whether a network mixes samples, tried on numbers."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(count, *shape)).astype(np.float32)

    def labels() -> tuple[Array, ...]:
        return (jnp.zeros(count, jnp.int32),) * is_conditional(module)

    def init(samples: Array) -> Any:
        return module.init(jax.random.key(0), samples, *labels())

    shapes = jax.eval_shape(init, samples)

    def size(params: Any, samples: Array) -> Scores:
        made = module.apply(params, samples, *labels())
        assert isinstance(made, jax.Array)
        return made if made.ndim == 1 else jnp.abs(made.reshape(count, -1)).sum(axis=1)

    compiled = jax.jit(size).lower(shapes, samples).compile(_QUICKLY)

    def mixes(params: Any) -> bool:
        with jax.ensure_compile_time_eval():  # whoever traces the function that builds the system
            return mixes_samples(lambda x: compiled(params, x), jnp.asarray(samples))

    # Not as training begins: a last layer of zeros would hide what comes before it.
    scrambled = jax.tree.map(
        lambda leaf: np.asarray(random.normal(size=leaf.shape) * prod(leaf.shape[:-1]) ** -0.5, leaf.dtype), shapes
    )
    try:
        return mixes(scrambled)
    except FloatingPointError:  # as of the root of a parameter that is positive as training begins
        with jax.ensure_compile_time_eval():
            return mixes(init(jnp.asarray(samples)))


_try_once: Callable[..., bool] = lru_cache(_try)
