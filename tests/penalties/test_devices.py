"""Eight devices ask of a critic what one does, noise and largest slopes included."""

from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import losses
from gan_jax.networks import mlp
from gan_jax.penalties import PENALTIES, POINTS, SLOPES, Penalty, at_both, maximum, score_batch, two_sided
from gan_jax.systems.gan import gan
from gan_jax.training import devices

KEY = jax.random.key(0)
BATCH = 16
STRATEGIES = ["jit", "shard_map"]
DATA = np.random.default_rng(0).normal(size=(2 * BATCH, 3)).astype(np.float32)
QUICK = {"wgan_gp", "max_gradient", "adversarial_lipschitz", "lecam"}  # one of each kind


def system(sharding, penalty):
    return gan(
        generator=mlp.Generator(shape=(3,), width=4, depth=1),
        # Smooth: rounding decides on which side of a kink a sample is.
        critic=mlp.Critic(width=4, depth=1, activation=jnp.tanh),
        loss=losses.wasserstein,
        penalty=penalty,
        generator_optimizer=optax.sgd(1e-2),
        critic_optimizer=optax.sgd(1e-2),
        latent=2,
        batch_size=BATCH,
        critic_steps=2,
        ema_decay=0.9,
        sharding=sharding,
    )


def three_iterations(plan, penalty):
    game = system(plan.sharding, penalty)
    state = plan.replicate(game.init(KEY, DATA[:1]))
    data = plan.replicate(DATA)
    update, scored = plan.compile(game.update, state, KEY, data), []
    for step in range(3):
        state, metrics = update(state, jax.random.fold_in(KEY, step), data)
        scored.append(jax.device_get(metrics))
    return jax.device_get(state), scored


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PENALTIES]
)
def test_eight_devices_compute_what_one_does(name):
    state_of_one, metrics_of_one = three_iterations(devices.SINGLE_DEVICE, PENALTIES[name])
    for mode in STRATEGIES:
        state, metrics = three_iterations(devices.data_parallel(8, mode), PENALTIES[name])
        chex.assert_trees_all_close(state, state_of_one, rtol=1e-4, atol=1e-5)
        chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("mode", STRATEGIES)
def test_eight_devices_take_a_lazy_penalty_where_one_does(mode):
    penalty = PENALTIES["max_gradient"]._replace(every=4)
    state_of_one, metrics_of_one = three_iterations(devices.SINGLE_DEVICE, penalty)
    assert [float(metrics["penalty"]) > 0 for metrics in metrics_of_one] == [True, False, True]
    state, metrics = three_iterations(devices.data_parallel(8, mode), penalty)
    chex.assert_trees_all_close(state, state_of_one, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-3, atol=1e-6)


def both_unshared(key, *, real, fake):
    """The points of `at_both`, which the loss's pass is not known to be of."""
    return at_both(key, real=real, fake=fake)


UNLIKE = ("gradient", "pair", "noisy", "consistent", "adversarial", "from_average")  # in what they look at


@cache
def every_combination(mode):
    """Sums of slopes, largest slopes and the derivative of their sum, of all points with every kind of slope."""
    plan = devices.SINGLE_DEVICE if mode is None else devices.data_parallel(8, mode)
    real, fake = np.random.default_rng(1).normal(size=(2, BATCH, 2, 2, 1)).astype(np.float32)

    def everything(state, real, fake):
        real, fake = plan.sharding.shard(real), plan.sharding.shard(fake)

        def of(weight, points, slope):
            def critic(x):
                return jnp.tanh(x.reshape(len(x), 4) @ weight).sum(axis=1)

            penalty = Penalty(points, two_sided, slope=slope)
            scored = score_batch(critic, points, KEY, real=real, fake=fake, sharding=plan.sharding)
            slopes, asked = penalty.of(scored, KEY)
            return asked.mean() + maximum(slopes)[0], (slopes.mean(), (slopes**2).mean(), slopes.max())

        found = {}
        for points_name, points in (POINTS | {"both, unshared": both_unshared}).items():
            for slope_name in UNLIKE:
                slope = SLOPES[slope_name]
                gradient, numbers = jax.grad(of, has_aux=True)(state, points, slope)
                found[points_name, slope_name] = (plan.sharding.mean(gradient), numbers)
        return state, found

    weight = np.random.default_rng(2).normal(size=(4, 2)).astype(np.float32)
    samples = plan.replicate((real, fake))
    state = plan.replicate(weight)
    return jax.device_get(plan.compile(everything, state, *samples)(state, *samples)[1])


@pytest.mark.slow
@pytest.mark.parametrize("mode", STRATEGIES)
def test_eight_devices_find_the_slopes_that_one_does(mode):
    of_one = every_combination(None)
    for combination, found in every_combination(mode).items():
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(of_one[combination]), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3, err_msg=str(combination))
