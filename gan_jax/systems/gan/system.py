"""The game of generator and critic as a system: what it is made of, checked, and its pure functions."""

from functools import partial

import flax.linen as nn
import optax

from gan_jax.constraints import UNCONSTRAINED, Constraint
from gan_jax.errors import InputError
from gan_jax.losses import Loss
from gan_jax.penalties import Penalty, PlainPenalty, as_points, check_loss
from gan_jax.sharding import UNSHARDED, BatchSharding, apply_each
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.gan.augmenting import UNAUGMENTED, AugmentConfig
from gan_jax.systems.gan.checks import (
    check_batch_size,
    check_optimizers,
    declares_mixing,
    generator_mixes,
    refuse_mixing,
    sample_shape,
)
from gan_jax.systems.gan.diagnosis import diagnose
from gan_jax.systems.gan.game import Game, Teacher, is_conditional
from gan_jax.systems.gan.metrics import metrics_of
from gan_jax.systems.gan.path_length import NO_PATH_LENGTH, PathLengthConfig
from gan_jax.systems.gan.sampling import decode, drawn_with, encode, sample
from gan_jax.systems.gan.update import begin, init, update
from gan_jax.systems.system import System

__all__ = ["gan"]


def gan(
    *,
    generator: nn.Module,
    critic: nn.Module,
    loss: Loss,
    penalty: Penalty | PlainPenalty | None,
    generator_optimizer: optax.GradientTransformation,
    critic_optimizer: optax.GradientTransformation,
    latent: int,
    batch_size: int,
    critic_steps: int,
    ema_decay: float | HalfLife,
    constraint: Constraint = UNCONSTRAINED,
    augment: AugmentConfig = UNAUGMENTED,
    style_mixing: float = 0.0,
    path_length: PathLengthConfig = NO_PATH_LENGTH,
    generator_constraint: Constraint = UNCONSTRAINED,
    shuffles_labels: bool = False,
    nan_to_num: bool = False,
    teacher: Teacher | None = None,
    micro_batch: int | None = None,
    sharding: BatchSharding = UNSHARDED,
    trains: bool = True,
) -> System:
    """Build the system that trains a generator against a critic under a penalty, a constraint, both or neither.

    One update takes a batch of `critic_steps * batch_size` real samples and makes `critic_steps` critic steps on

        mean(loss.critic(real, fake)) + weight * mean(shape(slope of the critic at points(real, fake)))

    and then one generator step on `mean(loss.generator(real, fake))`. The fakes of all critic steps come from one pass
    of the generator, whose parameters do not move meanwhile. Real and fake pass the critic as one batch, unless the
    penalty's points are the one or the other, which then share that pass. A penalty that is due every k-th step has a
    step of its own there, on `k weight mean(...)`: give the optimizer what `penalties.lazy_adam` says.

    Metrics are float32 means: the Wasserstein estimate `mean(real) - mean(fake)`, the critic's loss, the penalty before
    its weight and the total apart, the generator's loss, the critic's slope at the points, and the norm of each
    network's parameter gradient. Between two lazy penalties theirs are zero, and k times themselves where they are due.

    Args:
      generator: a module `(N, latent) -> (N, ...)` without state. If its class has `conditional = True` it also takes
        int32 labels (N,), and has a field `classes`; generated samples take the labels of the real batch.
      critic: a module `(N, ...) -> (N,)` without state; `conditional` is as for the generator. Raises if it scores a
        sample by its batch and there is a penalty, unless its class has `mixes_samples = True`.
      loss: the pair of losses, from `gan_jax.losses.LOSSES` or one's own.
      penalty: from `gan_jax.penalties.PENALTIES`, or one's own; None for none at all.
      generator_optimizer, critic_optimizer: any optax optimizers that need gradients, parameters and the loss's value,
        so no line search; schedules count the optimizer's own steps.
      latent: length of a noise vector.
      batch_size: samples of one step.
      critic_steps: critic steps for each generator step.
      ema_decay: decay of the exponential moving average of the generator's parameters, approached as
        `(1 + t) / (10 + t)` from the start, or its half-life in images.
      constraint: of the critic, from `gan_jax.constraints.CONSTRAINTS`; by default it has none.
      augment: what the critic sees all images through, in every pass; by default it sees them as they are.
      style_mixing: the probability that a sample in training has two styles, one for its first layers.
      path_length: the generator's regularization; by default it has none.
      generator_constraint: as `constraint`, of the generator, by its parameters; samples are drawn within it too.
      shuffles_labels: whether generated samples take the labels of the real batch in another order, not those of the
        real samples that they are paired with.
      nan_to_num: whether gradients that are not finite are made so, and counted in the metrics.
      teacher: `(keys, samples, labels) -> (N,)`, what is added to the generator's loss for each of its samples.
      micro_batch: how many samples pass a network at a time, as `gan_jax.sharding.in_micro_batches`; by default all.
      sharding: how each batch is sharded over devices, from `gan_jax.training.devices`; by default it is not.
      trains: whether the system is to be trained: only then is the critic tried for mixing samples, which compiles it.

    Raises:
      InputError: the penalty does not fit the loss or the labels, or the critic mixes samples.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, algorithm 1.

    >>> import jax, jax.numpy as jnp
    >>> from gan_jax.losses import wasserstein
    >>> from gan_jax.networks import mlp
    >>> from gan_jax.penalties import PENALTIES
    >>> system = gan(
    ...     generator=mlp.Generator(shape=(2,), width=8), critic=mlp.Critic(width=8), loss=wasserstein,
    ...     penalty=PENALTIES["wgan_gp"], generator_optimizer=optax.adam(1e-3), critic_optimizer=optax.adam(1e-3),
    ...     latent=4, batch_size=16, critic_steps=2, ema_decay=0.99,
    ... )
    >>> state = system.init(jax.random.key(0), {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)})
    >>> state, metrics = jax.jit(system.update)(state, jax.random.key(1), {"sample": jnp.zeros((32, 2))})
    >>> int(state.step), system.sample(state, jax.random.key(2), 5).shape
    (1, (5, 2))
    """
    if penalty is not None:
        check_loss(penalty, loss)
        if (is_conditional(critic) or augment.policies) and not as_points(penalty.points).pairs:
            reason = "these join samples of unlike labels or augmentations, and have none; choose points of pairs"
            raise InputError(reason, field="penalty.points")
        if shuffles_labels and as_points(penalty.points).shares is None:
            reason = "of both a real and a generated sample have one label only if these share it; choose points of one"
            raise InputError(reason, field="penalty.points")
    if generator_constraint.wrap is not UNCONSTRAINED.wrap:
        raise InputError("is of a critic's scores; choose one of parameters", field="generator_constraint")
    if (style_mixing or path_length.weight) and not hasattr(generator, "styles"):
        field = "style_mixing" if style_mixing else "path_length.weight"
        raise InputError(f"{type(generator).__module__.split('.')[-1]} has no styles; leave it out", field=field)
    if constraint.one_by_one and declares_mixing(critic):
        reason = "is of a critic that scores samples one by one, which this one does not; choose another"
        raise InputError(reason, field="constraint")
    check_batch_size(batch_size, critic, sharding)
    if micro_batch is not None and declares_mixing(critic) and not hasattr(critic, "set_size"):
        raise InputError("the critic treats samples by their whole batch; leave it out", field="micro_batch")
    sharding = sharding.with_micro_batch(micro_batch, batch_size, getattr(critic, "set_size", 1))
    game = Game(
        generator,
        critic,
        loss,
        penalty,
        constraint,
        generator_optimizer,
        critic_optimizer,
        latent,
        batch_size,
        critic_steps,
        ema_decay,
        augment,
        sharding,
        style_mixing,
        path_length,
        generator_constraint,
        shuffles_labels,
        nan_to_num,
        teacher=teacher,
        concat_generate=sharding.concat_apply,
    )
    trained = game
    if trains:
        check_optimizers(game)
        refuse_mixing(critic, sample_shape(game), batch_size)
        # A network that mixes samples is one function only if it always has a batch of one kind, and of one size.
        if declares_mixing(critic):
            trained = trained._replace(sharding=sharding._replace(concat_apply=apply_each))
        if generator_mixes(game):
            if micro_batch is not None:
                raise InputError("the generator treats samples by their whole batch; leave it out", field="micro_batch")
            trained = trained._replace(concat_generate=apply_each)
        if hasattr(generator, "axis_name"):
            trained = trained._replace(generator=generator.clone(axis_name=sharding.axis_name))
    return System(
        init=partial(init, game),
        update=partial(update, trained),
        sample=partial(sample, game),
        metrics=metrics_of(game),
        counts={"critic_steps": critic_steps, "generator_steps": 1, "images": critic_steps * batch_size},
        conditional=is_conditional(generator),
        options=dict.fromkeys(("sample", "decode"), ("truncation",)) if hasattr(generator, "center") else {},
        drawn_with=partial(drawn_with, game),
        weights=lambda state: {"generator": state.generator_ema, "critic": state.critic.params},
        begin=partial(begin, game),
        diagnose=partial(diagnose, game),
        latent=latent,
        decode=partial(decode, game),
        encode=partial(encode, game),
    )
