"""The alternating update: who moves when, against a plain version written out, and the averages and counts."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import losses, penalties
from gan_jax.networks import mlp
from gan_jax.systems.gan import gan

KEY = jax.random.key(0)
GENERATOR, CRITIC = mlp.Generator(shape=(3,), width=5, depth=1), mlp.Critic(width=5, depth=1)
STEPS, BATCH, LATENT = 3, 4, 2
REAL = jax.random.normal(jax.random.key(9), (STEPS * BATCH, 3))

plus_one = optax.stateless(lambda updates, _: jax.tree.map(jnp.ones_like, updates))
gradient_itself = optax.identity()


def system(**changes):
    settings = {
        "generator": GENERATOR,
        "critic": CRITIC,
        "loss": losses.wasserstein,
        "points": penalties.interpolate,
        "shape": penalties.two_sided,
        "penalty_weight": 10.0,
        "generator_optimizer": optax.adam(1e-2),
        "critic_optimizer": optax.adam(1e-2),
        "latent": LATENT,
        "batch_size": BATCH,
        "critic_steps": STEPS,
        "average_decay": 0.9,
    }
    return gan(**settings | changes)


def moved(before, after):
    return jax.tree.map(lambda a, b: b - a, before, after)


def test_each_network_moves_at_its_own_steps():
    """Optimizers that add one: three for the critic, one for the generator."""
    game = system(generator_optimizer=plus_one, critic_optimizer=plus_one)
    before = game.init(KEY, REAL[:1])
    after, _ = jax.jit(game.update)(before, KEY, REAL)
    chex.assert_trees_all_close(moved(before.critic, after.critic), jax.tree.map(lambda p: 0 * p + 3, before.critic))
    chex.assert_trees_all_close(
        moved(before.generator, after.generator), jax.tree.map(lambda p: 0 * p + 1, before.generator)
    )
    assert int(after.step) == 1


@pytest.mark.parametrize(
    ("loss", "points"),
    [("wasserstein", "interpolated"), ("wasserstein", "real"), ("relativistic", "fake"), ("relativistic", "both")],
)
def test_equal_to_the_update_written_out(loss, points):
    """Every pass by itself, every step in Python: the fakes stay, the critic moves thrice, then the generator."""
    optimizer = optax.sgd(0.1)
    points = penalties.POINTS[points]
    optimizers = {"generator_optimizer": optimizer, "critic_optimizer": optimizer}
    game = system(loss=losses.LOSSES[loss], points=points, **optimizers)
    state = game.init(KEY, REAL[:1])
    after, metrics = jax.jit(game.update)(state, KEY, REAL)

    fake_key, points_key, noise_key = jax.random.split(KEY, 3)
    noise = jax.random.normal(fake_key, (STEPS * BATCH, LATENT))
    critic, gaps = state.critic, []
    for i, key in enumerate(jax.random.split(points_key, STEPS)):
        real = REAL[i * BATCH : (i + 1) * BATCH]
        fake = GENERATOR.apply(state.generator, noise[i * BATCH : (i + 1) * BATCH])

        def critic_loss(params, key=key, real=real, fake=fake):
            def score(x):
                return CRITIC.apply(params, x)

            penalty = penalties.gradient_penalty(score, points(key, real=real, fake=fake))
            return losses.LOSSES[loss].critic(real=score(real), fake=score(fake)).mean() + 10 * penalty.mean()

        gaps.append(CRITIC.apply(critic, real).mean() - CRITIC.apply(critic, fake).mean())
        critic = jax.tree.map(lambda p, g: p - 0.1 * g, critic, jax.grad(critic_loss)(critic))
    latents = jax.random.normal(noise_key, (BATCH, LATENT))

    def generator_loss(params, critic=critic):
        score = CRITIC.apply(critic, GENERATOR.apply(params, latents))
        return losses.LOSSES[loss].generator(real=CRITIC.apply(critic, REAL[-BATCH:]), fake=score).mean()

    value, gradient = jax.value_and_grad(generator_loss)(state.generator)
    generator = jax.tree.map(lambda p, g: p - 0.1 * g, state.generator, gradient)
    chex.assert_trees_all_close(after.critic, critic, rtol=1e-4, atol=1e-5)
    chex.assert_trees_all_close(after.generator, generator, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(metrics["wasserstein"], np.mean(gaps), rtol=1e-4)
    np.testing.assert_allclose(metrics["generator_loss"], value, rtol=1e-4)
    np.testing.assert_allclose(metrics["generator_gradient"], optax.tree.norm(gradient), rtol=1e-4)


def test_metrics_are_reported_apart():
    game = system()
    _, metrics = jax.jit(game.update)(game.init(KEY, REAL[:1]), KEY, REAL)
    assert set(metrics) == {
        *("wasserstein", "critic_loss", "penalty", "critic_total", "gradient_norm", "critic_gradient"),
        *("generator_loss", "generator_gradient"),
    }
    chex.assert_shape(list(metrics.values()), ())
    chex.assert_type(list(metrics.values()), jnp.float32)
    np.testing.assert_allclose(metrics["critic_total"], metrics["critic_loss"] + 10 * metrics["penalty"], rtol=1e-5)
    np.testing.assert_allclose(metrics["critic_loss"], -metrics["wasserstein"], rtol=1e-5)


def test_a_whole_iteration_is_traced_once():
    game = system()
    update = jax.jit(chex.assert_max_traces(game.update, n=1))
    state = game.init(KEY, REAL[:1])
    for step in range(3):
        state, _ = update(state, jax.random.fold_in(KEY, step), REAL + step)
    assert int(state.step) == 3


def test_the_average_follows_the_generator_and_draws_the_samples():
    game = system(generator_optimizer=plus_one, average_decay=0.15)
    state = game.init(KEY, REAL[:1])
    first = state.generator
    average = jnp.zeros(())
    for step in range(3):  # decays 0.1, 2/11 capped to 0.15, 0.15
        state, _ = jax.jit(game.update)(state, KEY, REAL)
        decay = min((1 + step) / (10 + step), 0.15)
        average = decay * average + (1 - decay) * (step + 1)
    chex.assert_trees_all_close(
        moved(first, state.average), jax.tree.map(lambda p: 0 * p + average, first), rtol=1e-4, atol=1e-5
    )
    noise = jax.random.normal(KEY, (5, LATENT))
    np.testing.assert_array_equal(game.sample(state, KEY, 5), GENERATOR.apply(state.average, noise))


def test_evaluation_measures_each_sample_and_keeps_the_state():
    game = system()
    state = game.init(KEY, REAL[:1])
    measured = game.evaluate(state, KEY, REAL)
    chex.assert_shape(list(measured.values()), (len(REAL),))
    fake = game.sample(state, jax.random.split(KEY)[0], len(REAL))
    np.testing.assert_allclose(
        measured["wasserstein"].mean(),
        CRITIC.apply(state.critic, REAL).mean() - CRITIC.apply(state.critic, fake).mean(),
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        measured["norm_at_real"],
        penalties.gradient_norm(lambda x: CRITIC.apply(state.critic, x), REAL),
        rtol=1e-5,
    )


def test_counts_and_batches_agree():
    game = system()
    assert game.counts == {"critic_steps": 3, "generator_steps": 1, "images": 12}
    with pytest.raises(ValueError, match="3 x 4 samples"):
        game.update(game.init(KEY, REAL[:1]), KEY, REAL[:-1])


def test_the_critic_learns_the_gap_and_the_generator_closes_it():
    """Points far from where the generator starts: after a while its samples are there."""
    adam = optax.adam(2e-3, 0.5)
    networks = {"generator": mlp.Generator(shape=(3,), width=32, depth=2), "critic": mlp.Critic(width=32, depth=2)}
    game = system(**networks, generator_optimizer=adam, critic_optimizer=adam)
    real = 0.5 + 0.05 * REAL
    state = game.init(KEY, real[:1])

    def body(state, step):
        return game.update(state, jax.random.fold_in(KEY, step), real)

    state, metrics = jax.jit(lambda state: jax.lax.scan(body, state, jnp.arange(600)))(state)
    samples = game.sample(state, KEY, 500)
    np.testing.assert_allclose(samples.mean(axis=0), real.mean(axis=0), atol=0.1)
    assert metrics["wasserstein"][:20].mean() > 5 * jnp.abs(metrics["wasserstein"][-20:].mean())


def test_without_points_there_is_no_penalty():
    """As with a weight of zero, and without the gradient: no second derivative is taken."""
    state = system().init(KEY, REAL[:1])
    free, metrics = jax.jit(system(points=None).update)(state, KEY, REAL)
    weightless, _ = jax.jit(system(penalty_weight=0.0).update)(state, KEY, REAL)
    chex.assert_trees_all_close(free.critic, weightless.critic, rtol=1e-5)
    assert not {"penalty", "gradient_norm", "critic_total"} & {*metrics}
    assert set(system(points=None).evaluate(state, KEY, REAL)) == {"wasserstein", "norm_at_real", "norm_at_fake"}
