"""The game of generator and critic: the alternating update as pure functions."""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.constraints import Constraint
from gan_jax.errors import InputError
from gan_jax.losses import LOSSES, Loss
from gan_jax.penalties import Penalty, gradient_norm, score_batch
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems import System
from gan_jax.systems.mixing import refuse_mixing
from gan_jax.types import Array, Critic, Key, Params, Samples, Scores

UNCONSTRAINED = Constraint()
_AVERAGE_DECAY = 0.99  # of the scores' averages, as Tseng et al. (2021) have it


class State(NamedTuple):
    """Everything that a GAN carries from one iteration to the next.

    Attributes:
      step: iterations done, int32.
      generator, critic: the parameters.
      ema: the generator's parameters, averaged over the iterations; samples are drawn with these.
      generator_optimizer, critic_optimizer: the optimizers' states.
      constraint: what the critic's constraint iterates on.
      scores: running means of the critic's real and generated scores, (2,) float32.
    """

    step: Array
    generator: Params
    critic: Params
    ema: Params
    generator_optimizer: optax.OptState
    critic_optimizer: optax.OptState
    constraint: Any
    scores: Array


def gan(
    *,
    generator: nn.Module,
    critic: nn.Module,
    loss: Loss,
    penalty: Penalty | None,
    generator_optimizer: optax.GradientTransformation,
    critic_optimizer: optax.GradientTransformation,
    latent: int,
    batch_size: int,
    critic_steps: int,
    ema_decay: float,
    constraint: Constraint = UNCONSTRAINED,
    sharding: BatchSharding = UNSHARDED,
) -> System:
    """Build the system that trains a generator against a critic under a penalty, a constraint, both or neither.

    One update takes `critic_steps * batch_size` real samples and makes `critic_steps` steps of the critic on

        mean(loss.critic(real, fake)) + weight * mean(shape(slope of the critic at points(real, fake)))

    and then one of the generator on `mean(loss.generator(real, fake))`. The fakes of all critic steps come from one
    pass of the generator, whose parameters do not move meanwhile. Real and fake pass the critic as one batch, unless
    the penalty is taken at the one or the other, which then shares that one's pass. A penalty that is due every k-th
    step only has a step of its own there, on `k weight mean(...)`: give the optimizer what `penalties.lazy_adam` says.

    Metrics are float32 means: the Wasserstein estimate `mean(real) - mean(fake)`, the critic's loss, the penalty before
    its weight and the total apart, the generator's loss, the critic's slope at the points, and the norm of each
    network's parameter gradient. Between two lazy penalties theirs are zero, and k times themselves where they are due.

    Args:
      generator, critic: modules `(N, latent) -> (N, ...)` and `(N, ...) -> (N,)`, without state. A critic whose class
        has `mixes_samples = True` is known to score a sample by its batch; from any other a penalty demands that not.
      loss: the pair of losses, from `gan_jax.losses.LOSSES`.
      penalty: from `gan_jax.penalties.PENALTIES`, or one's own; None for none at all.
      generator_optimizer, critic_optimizer: any optax optimizers.
      latent: length of a noise vector.
      batch_size: samples of one step.
      critic_steps: steps of the critic for each of the generator.
      ema_decay: decay of the generator's moving average, approached as `(1 + t) / (10 + t)` from the start.
      constraint: of the critic, from `gan_jax.constraints.CONSTRAINTS`; by default it has none.
      sharding: how each batch is spread over devices, from `gan_jax.training.devices`; by default it is not.

    Raises:
      InputError: the penalty does not fit the loss; or, from `init`, the critic mixes samples.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, algorithm 1.

    >>> from gan_jax.losses import wasserstein
    >>> from gan_jax.networks import mlp
    >>> from gan_jax.penalties import PENALTIES
    >>> system = gan(
    ...     generator=mlp.Generator(shape=(2,), width=8), critic=mlp.Critic(width=8), loss=wasserstein,
    ...     penalty=PENALTIES["wgan_gp"], generator_optimizer=optax.adam(1e-3), critic_optimizer=optax.adam(1e-3),
    ...     latent=4, batch_size=16, critic_steps=2, ema_decay=0.99,
    ... )
    >>> state = system.init(jax.random.key(0), jnp.zeros((1, 2)))
    >>> state, metrics = jax.jit(system.update)(state, jax.random.key(1), jnp.zeros((32, 2)))
    >>> int(state.step), system.sample(state, jax.random.key(2), 5).shape
    (1, (5, 2))
    """
    if penalty is not None and penalty.losses and loss not in [LOSSES[name] for name in penalty.losses]:
        raise InputError(f"gan.penalty: it fits the losses {', '.join(penalty.losses)} only; choose another of the two")
    lazy = penalty is not None and penalty.every > 1

    def init(key: Key, example: Samples) -> State:
        if batch_size > 1 and penalty is not None and not getattr(critic, "mixes_samples", False):
            refuse_mixing(critic, example.shape[1:], min(batch_size, 8))
        generator_key, critic_key = jax.random.split(key)
        generator_params = generator.init(generator_key, jnp.zeros((1, latent)))
        critic_params = constraint.project(critic.init(critic_key, example))
        return State(
            step=jnp.zeros((), jnp.int32),
            generator=generator_params,
            critic=critic_params,
            ema=jax.tree.map(jnp.copy, generator_params),  # its own buffers, so that the state can be donated
            generator_optimizer=generator_optimizer.init(generator_params),
            critic_optimizer=critic_optimizer.init(critic_params),
            constraint=constraint.init(jax.random.fold_in(critic_key, 1), critic_params),
            scores=jnp.zeros(2),
        )

    def constrained(params: Params, state: Any) -> tuple[Critic, Any]:
        params, state = constraint.normalize(params, state)
        return constraint.wrap(partial(critic.apply, params)), state

    def critic_loss(params: Params, carried: Any, scores: Array, keys: Array, real: Samples, fake: Samples):
        """Loss and penalty, unless it is lazy; beside the total what is carried on, and metrics."""
        score, carried = constrained(params, carried)
        if penalty is None or lazy:
            real_score, fake_score = sharding.concat_apply(score, jnp.stack([real, fake]))
        else:
            scored = score_batch(
                score, penalty.points, keys[0], real=real, fake=fake, averages=scores, sharding=sharding
            )
            real_score, fake_score = scored.real_score, scored.fake_score
        wanted = loss.critic(real=real_score, fake=fake_score).mean()
        means = jnp.stack([_mean(real_score), _mean(fake_score)])
        metrics = {"wasserstein": means[0] - means[1], "critic_loss": wanted}
        total = wanted
        if penalty is not None and not lazy:
            slope, asked = penalty.of(scored, keys[1])
            total = wanted + penalty.weight * asked.mean()
            metrics |= {"penalty": asked.mean(), "slope": slope.mean()}
        return total, (carried, means, metrics)

    def lazy_penalty(params: Params, carried: Any, scores: Array, keys: Array, real: Samples, fake: Samples):
        """The penalty alone, as heavy as all that were left out."""
        score, _ = constrained(params, carried)
        scored = score_batch(score, penalty.points, keys[0], real=real, fake=fake, averages=scores, sharding=sharding)
        slope, asked = (penalty.every * values.mean() for values in penalty.of(scored, keys[1]))
        return penalty.weight * asked, {"penalty": asked, "slope": slope}

    def generator_loss(params: Params, score: Critic, noise: Samples, real: Samples) -> Array:
        fake_score = score(generator.apply(params, noise))
        return loss.generator(real=score(real), fake=fake_score).mean()

    def update(state: State, key: Key, batch: Samples) -> tuple[State, dict[str, Array]]:
        if len(batch) != critic_steps * batch_size:
            raise ValueError(f"an update takes {critic_steps} x {batch_size} samples, got {batch.shape}")
        fake_key, points_key, noise_key, slope_key = jax.random.split(key, 4)
        reals = sharding.shard(batch.reshape(critic_steps, batch_size, *batch.shape[1:]), axis=1)
        noise = sharding.shard(jax.random.normal(fake_key, (critic_steps, batch_size, latent)), axis=1)
        fakes = sharding.concat_apply(partial(generator.apply, state.generator), noise)

        def move(params: Params, optimizer: optax.OptState, gradient: Params):
            params, optimizer = _apply(critic_optimizer, gradient, optimizer, params)
            return constraint.project(params), optimizer

        def critic_step(carry, inputs):
            params, optimizer, carried, scores = carry
            count, *samples = inputs
            gradient, (carried, means, metrics) = jax.grad(critic_loss, has_aux=True)(params, carried, scores, *samples)
            gradient, means, metrics = sharding.mean((gradient, means, metrics))
            decay = jnp.minimum(_AVERAGE_DECAY, count / (1 + count))  # the first is the first scores' mean
            scores = decay * scores + (1 - decay) * means
            params, optimizer = move(params, optimizer, gradient)

            def due(params: Params, optimizer: optax.OptState):
                gradient, found = sharding.mean(jax.grad(lazy_penalty, has_aux=True)(params, carried, scores, *samples))
                return *move(params, optimizer, gradient), found

            def not_due(params: Params, optimizer: optax.OptState):
                return params, optimizer, {"penalty": jnp.zeros(()), "slope": jnp.zeros(())}

            if lazy:
                is_due = count % penalty.every == 0
                params, optimizer, found = lax.cond(is_due, due, not_due, params, optimizer)
                metrics |= found
            if penalty is not None:
                metrics["critic_total"] = metrics["critic_loss"] + penalty.weight * metrics["penalty"]
            return (params, optimizer, carried, scores), metrics | {"critic_param_grad_norm": optax.tree.norm(gradient)}

        keys = jnp.stack([jax.random.split(key, critic_steps) for key in (points_key, slope_key)], axis=1)
        counts = state.step * critic_steps + jnp.arange(critic_steps)
        carry = (state.critic, state.critic_optimizer, state.constraint, state.scores)
        carry, metrics = lax.scan(critic_step, carry, (counts, keys, reals, fakes))
        critic_params, critic_state, carried, scores = carry

        score, _ = constrained(critic_params, carried)
        noise = sharding.shard(jax.random.normal(noise_key, (batch_size, latent)))
        value, gradient = sharding.mean(jax.value_and_grad(generator_loss)(state.generator, score, noise, reals[-1]))
        generator_params, generator_state = _apply(
            generator_optimizer, gradient, state.generator_optimizer, state.generator
        )
        decay = jnp.minimum(ema_decay, (1 + state.step) / (10 + state.step))
        metrics = jax.tree.map(jnp.mean, metrics)
        metrics |= {"generator_loss": value, "generator_param_grad_norm": optax.tree.norm(gradient)}
        return State(
            step=state.step + 1,
            generator=generator_params,
            critic=critic_params,
            ema=optax.incremental_update(generator_params, state.ema, 1 - decay),
            generator_optimizer=generator_state,
            critic_optimizer=critic_state,
            constraint=carried,
            scores=scores,
        ), metrics

    def sample(state: State, key: Key, count: int) -> Samples:
        return generator.apply(state.ema, jax.random.normal(key, (count, latent)))

    def evaluate_batch(state: State, key: Key, batch: Samples) -> dict[str, Scores]:
        sample_key, points_key = jax.random.split(key)
        fake = sample(state, sample_key, len(batch))
        score, _ = constrained(state.critic, state.constraint)
        at = {"real": batch, "fake": fake}
        if penalty is not None:
            at["points"] = penalty.points(points_key, real=batch, fake=fake)
        norms = {f"gradient_norm_at_{place}": gradient_norm(score, where) for place, where in at.items()}
        real_score, fake_score = score(batch), score(fake)
        wanted = loss.critic(real=real_score, fake=fake_score)
        return {"wasserstein": real_score - fake_score, "critic_loss": wanted} | norms

    def interpolate(state: State, key: Key, paths: int, steps: int) -> Samples:
        # A quarter of a circle: noise stays normal all the way, which it does not on a straight line.
        start, end = jax.random.normal(key, (2, paths, 1, latent))
        angle = jnp.linspace(0, jnp.pi / 2, steps).reshape(1, steps, 1)
        return generator.apply(state.ema, (jnp.cos(angle) * start + jnp.sin(angle) * end).reshape(-1, latent))

    counts = {"critic_steps": critic_steps, "generator_steps": 1, "images": critic_steps * batch_size}
    return System(init, update, sample, evaluate_batch, counts, interpolate)


def _mean(scores: Scores) -> Array:
    return scores.mean(dtype=jnp.float32)


def _apply(optimizer: optax.GradientTransformation, gradient: Params, state: optax.OptState, params: Params):
    with jax.numpy_dtype_promotion("standard"):  # optax mixes its counters with floats, which strict users forbid
        updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state
