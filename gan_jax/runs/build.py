"""From the description of a run to its system."""

from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.runs import experiment as described
from gan_jax.constraints import CONSTRAINTS, Constraint
from gan_jax.errors import InputError
from gan_jax.runs.experiment import Experiment
from gan_jax.losses import LOSSES
from gan_jax.networks import CRITICS, GENERATORS
from gan_jax.networks.activations import ACTIVATIONS
from gan_jax.networks.geometry import conv_windows
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.penalties import PENALTIES, POINTS, SHAPES, SLOPES, Penalty, has_bound, lazy_adam
from gan_jax.systems import System
from gan_jax.systems.gan import UNCONSTRAINED, gan


def build(experiment: Experiment, shape: tuple[int, ...], sharding: BatchSharding = UNSHARDED) -> System:
    """Return the system that an experiment describes, for samples of a shape, (H, W, C) or (D,), and batches in parts.

    Raises:
      InputError: a network cannot take the shape, or has no such setting, or the batch cannot be parted.

    >>> build(Experiment(), (8, 8, 1)).counts
    {'critic_steps': 5, 'generator_steps': 1, 'images': 320}
    """
    config = experiment.gan
    generator = module_of("gan.generator", GENERATORS, config.generator, shape=shape, dtype=config.precision)
    critic = module_of("gan.critic", CRITICS, config.critic, dtype=config.precision)
    set_size = getattr(critic, "set_size", 1)
    if experiment.batch_size % sharding.device_count:
        raise InputError(f"batch_size: {experiment.batch_size} is no multiple of --devices, {sharding.device_count}")
    if experiment.batch_size % (set_size * sharding.device_count):
        product = f"gan.critic.set_size times --devices, {set_size} x {sharding.device_count}"
        raise InputError(f"batch_size: {experiment.batch_size} is no multiple of {product}")
    for name, network, given in (
        ("gan.generator", generator, (1, config.generator.latent)),
        ("gan.critic", critic, (1, *shape)),
    ):
        try:
            jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct(given, jnp.float32))
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    penalty = penalty_of(config.penalty)
    if penalty and penalty.slope is SLOPES["gradient_sobolev"] and len(shape) != 3:
        raise InputError(f"gan.penalty.slope: gradient_sobolev is of images, these data are {shape}; choose another")
    return gan(
        generator=generator,
        critic=critic,
        loss=LOSSES[config.loss],
        penalty=penalty,
        constraint=_constraint(config.constraint, critic, shape),
        generator_optimizer=_adam(config.generator_optimizer, steps_each=1),
        critic_optimizer=_adam(config.critic_optimizer, config.critic_steps, every=penalty.every if penalty else 1),
        latent=config.generator.latent,
        batch_size=experiment.batch_size,
        critic_steps=config.critic_steps,
        ema_decay=config.ema_decay,
        sharding=sharding,
    )


def module_of(name: str, registry: dict[str, Any], config: described.Generator | described.Critic, **given):
    """Return the module of a registry that a description asks for, with the fields that are given.

    Raises:
      InputError: it has no such field; the message begins with `name`, the setting's.

    >>> module_of("gan.critic", CRITICS, described.Critic(width=8)).width
    8
    """
    kind = registry[config.name]
    fields = {field: value for field, value in asdict(config).items() if field not in ("name", "latent")}
    chosen = {field: value for field, value in fields.items() if value is not None}
    for field in chosen:
        if field not in kind.__dataclass_fields__:
            raise InputError(f"{name}.{field}: {config.name} has no {field} to choose; leave it out")
    if "activation" in chosen:
        chosen["activation"] = ACTIVATIONS[chosen["activation"]]
    return kind(**chosen, **given)


def penalty_of(config: described.Penalty) -> Penalty | None:
    """Return the penalty of a name with what the settings change of it; None for "none".

    Raises:
      InputError: a bound is chosen for a shape that knows none.

    >>> penalty_of(described.Penalty("r1", weight=4.0)).weight
    4.0
    """
    if config.name == "none":
        return None
    chosen = {field: value for field, value in asdict(config).items() if field != "name" and value is not None}
    registries = {"points": POINTS, "slope": SLOPES, "shape": SHAPES}
    chosen |= {field: registries[field][chosen[field]] for field in registries.keys() & chosen.keys()}
    penalty = PENALTIES[config.name]._replace(**chosen)
    if not has_bound(penalty.shape):
        if config.bound is not None:
            raise InputError(f"gan.penalty.bound: {penalty.shape.__name__} has no bound to keep to; leave it out")
        penalty = penalty._replace(bound=None)
    return penalty


def _constraint(config: described.Constraint, critic: Any, shape: tuple[int, ...]) -> Constraint:
    if config.name == "none":
        return UNCONSTRAINED
    bound = {} if config.bound is None else {"bound": config.bound}
    geometry = conv_windows(critic, jax.ShapeDtypeStruct((1, *shape), jnp.float32))
    return CONSTRAINTS[config.name](windows=geometry, **bound)


def _adam(config: described.Adam, steps_each: int, every: int = 1) -> optax.GradientTransformation:
    """Adam whose schedule counts iterations; the optimizer itself counts its own steps, `steps_each` an iteration.

    A penalty that is due every so many steps has a step of its own there.
    """
    rate, b1, b2 = lazy_adam(every, config.learning_rate, config.b1, config.b2)
    if config.decay_steps is not None:
        steps = config.decay_steps * steps_each
        rate = optax.cosine_decay_schedule(rate, steps + (steps // every if every > 1 else 0), alpha=0.01)
    return optax.adam(rate, b1, b2)
