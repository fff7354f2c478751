"""The game of generator and critic: the alternating update as pure functions."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.losses import Loss
from gan_jax.penalties import Points, at_both, at_fake, at_real, gradient_norm, score_and_gradient_norm
from gan_jax.systems import WHOLE, Parts, System
from gan_jax.types import Array, Key, Params, Samples, Scores


class State(NamedTuple):
    """Everything that a GAN carries from one iteration to the next.

    Attributes:
      step: iterations done, int32.
      generator, critic: the parameters.
      average: the generator's parameters, averaged over the iterations; samples are drawn with these.
      generator_optimizer, critic_optimizer: the optimizers' states.
    """

    step: Array
    generator: Params
    critic: Params
    average: Params
    generator_optimizer: optax.OptState
    critic_optimizer: optax.OptState


def gan(
    *,
    generator: nn.Module,
    critic: nn.Module,
    loss: Loss,
    points: Points | None,
    shape: Callable[[Scores], Scores],
    penalty_weight: float,
    generator_optimizer: optax.GradientTransformation,
    critic_optimizer: optax.GradientTransformation,
    latent: int,
    batch_size: int,
    critic_steps: int,
    average_decay: float,
    parts: Parts = WHOLE,
) -> System:
    """Build the system that trains a generator against a critic under a gradient penalty.

    One update takes `critic_steps * batch_size` real samples and makes `critic_steps` steps of the critic on

        mean(loss.critic(real, fake)) + penalty_weight * mean(shape(||gradient of the critic at points(real, fake)||))

    and then one of the generator on `mean(loss.generator(real, fake))`. The fakes of all critic steps come from one
    pass of the generator, whose parameters do not move meanwhile. Real and fake pass the critic as one batch, unless
    the gradient is taken at the one or the other, which then shares that one's pass. Metrics are float32 means: the
    Wasserstein estimate `mean(real) - mean(fake)`, the critic's loss, the penalty before its weight and the total
    apart, the generator's loss, the critic's gradient norm at the points, and the norm of each network's parameter
    gradient.

    Args:
      generator, critic: modules `(N, latent) -> (N, ...)` and `(N, ...) -> (N,)`, without state.
      loss: the pair of losses, from `gan_jax.losses.LOSSES`.
      points: where the gradient is taken, from `gan_jax.penalties.POINTS`; None for no penalty at all.
      shape: what is asked of its norm, from `gan_jax.penalties.SHAPES`, the bound filled in if it is not 1.
      penalty_weight: the penalty's weight, lambda.
      generator_optimizer, critic_optimizer: any optax optimizers.
      latent: length of a noise vector.
      batch_size: samples of one step.
      critic_steps: steps of the critic for each of the generator.
      average_decay: decay of the generator's moving average, approached as `(1 + t) / (10 + t)` from the start.
      parts: how each batch is spread over devices, from `gan_jax.training.parallel`; by default it is not.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, algorithm 1.

    >>> from gan_jax import losses, penalties
    >>> from gan_jax.networks import mlp
    >>> system = gan(
    ...     generator=mlp.Generator(shape=(2,), width=8), critic=mlp.Critic(width=8), loss=losses.wasserstein,
    ...     points=penalties.interpolate, shape=penalties.two_sided, penalty_weight=10.0,
    ...     generator_optimizer=optax.adam(1e-3), critic_optimizer=optax.adam(1e-3),
    ...     latent=4, batch_size=16, critic_steps=2, average_decay=0.99,
    ... )
    >>> state = system.init(jax.random.key(0), jnp.zeros((1, 2)))
    >>> state, metrics = jax.jit(system.update)(state, jax.random.key(1), jnp.zeros((32, 2)))
    >>> int(state.step), system.sample(state, jax.random.key(2), 5).shape
    (1, (5, 2))
    """

    def init(key: Key, example: Samples) -> State:
        generator_key, critic_key = jax.random.split(key)
        generator_params = generator.init(generator_key, jnp.zeros((1, latent)))
        critic_params = critic.init(critic_key, example)
        return State(
            step=jnp.zeros((), jnp.int32),
            generator=generator_params,
            critic=critic_params,
            average=jax.tree.map(jnp.copy, generator_params),  # its own buffers, so that the state can be donated
            generator_optimizer=generator_optimizer.init(generator_params),
            critic_optimizer=critic_optimizer.init(critic_params),
        )

    def critic_loss(params: Params, key: Key, real: Samples, fake: Samples) -> tuple[Array, dict[str, Array]]:
        def score(samples: Samples) -> Scores:
            return critic.apply(params, samples)

        if points in (at_real, at_fake, at_both):  # the loss has a pass there, which the gradient shares
            slope = 1 / len(real)
            (real_score, at_real_norm), (fake_score, at_fake_norm) = (
                score_and_gradient_norm(score, real, slope=-slope),
                score_and_gradient_norm(score, fake, slope=slope),
            )
            norms = {at_real: [at_real_norm], at_fake: [at_fake_norm], at_both: [at_real_norm, at_fake_norm]}
            norm = jnp.concatenate(norms[points])
        else:
            real_score, fake_score = parts.together(score, jnp.stack([real, fake]))
            if points is not None:
                chosen = points(key, real=parts.gather(real), fake=parts.gather(fake))
                norm = gradient_norm(score, parts.take(chosen))
        wanted = loss.critic(real=real_score, fake=fake_score).mean()
        metrics = {"wasserstein": _mean(real_score) - _mean(fake_score), "critic_loss": wanted}
        if points is None:
            return wanted, metrics
        penalty = shape(norm).mean()
        total = wanted + penalty_weight * penalty
        return total, metrics | {"penalty": penalty, "critic_total": total, "gradient_norm": norm.mean()}

    def generator_loss(params: Params, critic_params: Params, noise: Samples, real: Samples) -> Array:
        fake_score = critic.apply(critic_params, generator.apply(params, noise))
        return loss.generator(real=critic.apply(critic_params, real), fake=fake_score).mean()

    def update(state: State, key: Key, batch: Samples) -> tuple[State, dict[str, Array]]:
        if len(batch) != critic_steps * batch_size:
            raise ValueError(f"an update takes {critic_steps} x {batch_size} samples, got {batch.shape}")
        fake_key, points_key, noise_key = jax.random.split(key, 3)
        reals = parts.take(batch.reshape(critic_steps, batch_size, *batch.shape[1:]), axis=1)
        noise = parts.take(jax.random.normal(fake_key, (critic_steps, batch_size, latent)), axis=1)
        fakes = parts.together(partial(generator.apply, state.generator), noise)

        def critic_step(carry, inputs):
            params, optimizer = carry
            gradient, metrics = parts.mean(jax.grad(critic_loss, has_aux=True)(params, *inputs))
            params, optimizer = _apply(critic_optimizer, gradient, optimizer, params)
            return (params, optimizer), metrics | {"critic_gradient": optax.tree.norm(gradient)}

        inputs = (jax.random.split(points_key, critic_steps), reals, fakes)
        (critic_params, critic_state), metrics = lax.scan(critic_step, (state.critic, state.critic_optimizer), inputs)

        noise = parts.take(jax.random.normal(noise_key, (batch_size, latent)))
        value, gradient = parts.mean(
            jax.value_and_grad(generator_loss)(state.generator, critic_params, noise, reals[-1])
        )
        generator_params, generator_state = _apply(
            generator_optimizer, gradient, state.generator_optimizer, state.generator
        )
        decay = jnp.minimum(average_decay, (1 + state.step) / (10 + state.step))
        metrics = jax.tree.map(jnp.mean, metrics)
        metrics |= {"generator_loss": value, "generator_gradient": optax.tree.norm(gradient)}
        return State(
            step=state.step + 1,
            generator=generator_params,
            critic=critic_params,
            average=optax.incremental_update(generator_params, state.average, 1 - decay),
            generator_optimizer=generator_state,
            critic_optimizer=critic_state,
        ), metrics

    def sample(state: State, key: Key, count: int) -> Samples:
        return generator.apply(state.average, jax.random.normal(key, (count, latent)))

    def evaluate(state: State, key: Key, batch: Samples) -> dict[str, Scores]:
        sample_key, points_key = jax.random.split(key)
        fake = sample(state, sample_key, len(batch))

        def score(samples: Samples) -> Scores:
            return critic.apply(state.critic, samples)

        at = {"real": batch, "fake": fake}
        if points is not None:
            at["points"] = points(points_key, real=batch, fake=fake)
        norms = {f"norm_at_{place}": gradient_norm(score, where) for place, where in at.items()}
        return {"wasserstein": score(batch) - score(fake)} | norms

    counts = {"critic_steps": critic_steps, "generator_steps": 1, "images": critic_steps * batch_size}
    return System(init, update, sample, evaluate, counts)


def _mean(scores: Scores) -> Array:
    return scores.mean(dtype=jnp.float32)


def _apply(optimizer: optax.GradientTransformation, gradient: Params, state: optax.OptState, params: Params):
    with jax.numpy_dtype_promotion("standard"):  # optax mixes its counters with floats, which strict users forbid
        updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state
