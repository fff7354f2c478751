"""Every setting of an experiment reaches the system it describes."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import losses, penalties
from gan_jax.runs.build import build, penalty_of
from gan_jax.errors import InputError
from gan_jax.runs.experiment import GAN, Adam, Constraint, Critic, Experiment, Generator, Penalty
from gan_jax.networks import mlp
from gan_jax.systems.gan import gan
from gan_jax.transport import wasserstein_1d

KEY = jax.random.key(0)
EXPERIMENT = Experiment(
    gan=GAN(
        generator=Generator(width=5, depth=1, latent=3),
        critic=Critic(width=6, depth=2),
        loss="relativistic",
        penalty=Penalty(points="fake", shape="one_sided", weight=3.0, bound=0.2),
        generator_optimizer=Adam(learning_rate=0.02, b1=0.3, b2=0.8, decay_steps=4),
        critic_optimizer=Adam(learning_rate=0.03, b1=0.1, b2=0.7, decay_steps=3),
        critic_steps=2,
        ema_decay=0.15,
    ),
    batch_size=4,
)


def by_hand():
    def rate(start, steps):
        return optax.cosine_decay_schedule(start, steps, alpha=0.01)

    return gan(
        generator=mlp.Generator(shape=(3,), width=5, depth=1),
        critic=mlp.Critic(width=6, depth=2),
        loss=losses.relativistic,
        penalty=penalties.Penalty(penalties.at_fake, penalties.one_sided, weight=3.0, bound=0.2),
        generator_optimizer=optax.adam(rate(0.02, 4), 0.3, 0.8),
        critic_optimizer=optax.adam(rate(0.03, 3 * 2), 0.1, 0.7),
        latent=3,
        batch_size=4,
        critic_steps=2,
        ema_decay=0.15,
    )


def after_five_iterations(system):
    state = system.init(KEY, jnp.zeros((1, 3)))
    update = jax.jit(system.update)
    for step in range(5):
        key = jax.random.fold_in(KEY, step)
        state, _ = update(state, key, jax.random.normal(key, (8, 3)))
    return state


def test_the_system_is_the_one_described():
    chex.assert_trees_all_equal(after_five_iterations(build(EXPERIMENT, (3,))), after_five_iterations(by_hand()))


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        ({"critic": Critic(name="dcgan", depth=5)}, (16, 16, 1), "^gan.critic: .*32x32"),
        ({"generator": Generator(name="dcgan")}, (3,), "^gan.generator: .*8x8"),
        ({"generator": Generator(name="dcgan_mnist", depth=2)}, (28, 28, 1), "^gan.generator.depth: .*no depth"),
        ({"critic": Critic(name="mlp", set_size=2)}, (3,), "^gan.critic.set_size: .*no set_size"),
        ({"critic": Critic(name="deep_sets", set_size=3)}, (3,), "^batch_size: 4 is no multiple .* 3"),
    ],
)
def test_networks_that_cannot_take_the_data(network, shape, message):
    with pytest.raises(InputError, match=message):
        build(dataclasses.replace(EXPERIMENT, gan=dataclasses.replace(EXPERIMENT.gan, **network)), shape)


def test_a_penalty_is_the_preset_but_for_what_is_chosen():
    assert penalty_of(Penalty()) == penalties.PENALTIES["wgan_gp"]
    for name, penalty in penalties.PENALTIES.items():
        assert penalty_of(Penalty(name)) == penalty
    chosen = Penalty("r1", points="mixed", slope="noisy", shape="absolute", weight=0.5, bound=2.0, every=4)
    parts = {"points": penalties.mix, "slope": penalties.SLOPES["noisy"], "shape": penalties.absolute}
    assert penalty_of(chosen) == penalties.PENALTIES["r1"]._replace(**parts, weight=0.5, bound=2.0, every=4)
    assert penalty_of(Penalty("wgan_gp", weight=0.0, bound=0.0)) == penalties.PENALTIES["wgan_gp"]._replace(
        weight=0.0, bound=0.0
    )


def test_a_shape_without_a_bound_forgets_the_presets():
    assert penalty_of(Penalty("wgan_gp", shape="maximum")).bound is None
    assert penalty_of(Penalty("r1", shape="two_sided")).bound is None  # its own


def test_no_penalty_whatever_else_is_said_of_it():
    """So that one option leaves out the penalty of an experiment's file."""
    assert penalty_of(Penalty("none")) is None
    nothing = Penalty("none", points="mixed", shape="power", weight=3.0, bound=0.2, every=2)
    system = build(dataclasses.replace(EXPERIMENT, gan=dataclasses.replace(EXPERIMENT.gan, penalty=nothing)), (3,))
    state = jax.eval_shape(system.init, KEY, jnp.zeros((1, 3)))
    assert "penalty" not in jax.eval_shape(system.update, state, KEY, jnp.zeros((8, 3)))[1]


@pytest.mark.parametrize(
    ("chosen", "shape"),
    [(Penalty("r1", bound=1.0), "zero_centered"), (Penalty("wgan_gp", shape="power", bound=1.0), "power")],
)
def test_a_bound_that_no_shape_would_read(chosen, shape):
    with pytest.raises(InputError, match=f"^gan.penalty.bound: {shape} has no bound") as error:
        penalty_of(chosen)
    assert "\n" not in str(error.value)


def first_critic_step(**changes):
    """How far the first step on a loss, and the first of a lazy penalty, move the critic's parameters at most."""
    config = dataclasses.replace(
        EXPERIMENT.gan, loss="non_saturating", critic_steps=1, critic_optimizer=Adam(0.03, b1=0.1, b2=0.7), **changes
    )
    system = build(dataclasses.replace(EXPERIMENT, gan=config), (3,))
    before = system.init(KEY, jnp.zeros((1, 3)))
    after, _ = jax.jit(system.update)(before, KEY, jax.random.normal(KEY, (4, 3)))
    moved = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), after.critic, before.critic)
    return float(max(jax.tree.leaves(moved))), optax.tree.get(after.critic_optimizer, "count")


def test_the_critics_optimizer_is_told_of_a_lazy_penalty():
    """Adam's first step has the length of its rate; a penalty without weight adds nothing to the second."""
    weightless = Penalty("r1", weight=0.0)
    length, count = first_critic_step(penalty=weightless)
    np.testing.assert_allclose((length, count), (0.03, 1), rtol=1e-4)
    b1, b2 = 0.1 ** (3 / 4), 0.7 ** (3 / 4)
    second = b1 / (1 + b1) * np.sqrt((1 + b2) / b2)  # m over the root of v, after a gradient and then none
    length, count = first_critic_step(penalty=dataclasses.replace(weightless, every=3))
    np.testing.assert_allclose((length, count), (0.03 * 3 / 4 * (1 + second), 2), rtol=1e-3)


def test_a_lazy_penaltys_schedule_ends_with_the_iterations():
    """3 iterations of 2 steps, with a step of the penalty's own after each second one, are 9 of the optimizer's."""
    lazy = dataclasses.replace(EXPERIMENT.gan, penalty=Penalty("r1", every=2))
    built = build(dataclasses.replace(EXPERIMENT, gan=lazy), (3,))
    rate, b1, b2 = penalties.lazy_adam(2, 0.03, 0.1, 0.7)
    made = gan(
        generator=mlp.Generator(shape=(3,), width=5, depth=1),
        critic=mlp.Critic(width=6, depth=2),
        loss=losses.relativistic,
        penalty=penalties.PENALTIES["r1"]._replace(every=2),
        generator_optimizer=optax.adam(optax.cosine_decay_schedule(0.02, 4, alpha=0.01), 0.3, 0.8),
        critic_optimizer=optax.adam(optax.cosine_decay_schedule(rate, 9, alpha=0.01), b1, b2),
        latent=3,
        batch_size=4,
        critic_steps=2,
        ema_decay=0.15,
    )
    chex.assert_trees_all_equal(after_five_iterations(built), after_five_iterations(made))


def test_the_constraint_is_the_one_described():
    def largest(**chosen):
        config = dataclasses.replace(EXPERIMENT.gan, constraint=Constraint(**chosen))
        state = jax.jit(build(dataclasses.replace(EXPERIMENT, gan=config), (3,)).init)(KEY, jnp.zeros((1, 3)))
        return float(max(jnp.abs(leaf).max() for leaf in jax.tree.leaves(state.critic)))

    assert largest() > 0.5
    np.testing.assert_allclose(largest(name="weight_clipping", bound=0.02), 0.02, rtol=1e-6)
    assert largest(name="weight_clipping") != largest(name="weight_clipping", bound=0.02)
    assert largest(bound=0.02) == largest()  # of nothing


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_either_precision_learns_a_distribution(precision):
    """A Gaussian that lies three away from where the generator starts."""
    adam = Adam(learning_rate=5e-3, b1=0.0, decay_steps=500)
    networks = {"generator": Generator(width=16, depth=1, latent=2), "critic": Critic(width=16, depth=2)}
    config = GAN(**networks, penalty=Penalty(weight=0.1), generator_optimizer=adam, critic_optimizer=adam)
    system = build(Experiment(gan=dataclasses.replace(config, precision=precision), batch_size=64), (1,))

    def real(key, count):
        return 3 + 0.5 * jax.random.normal(key, (count, 1))

    @jax.jit
    def train(state):
        def step(state, key):
            state, _ = system.update(state, key, real(key, system.counts["images"]))
            return state, None

        return jax.lax.scan(step, state, jax.random.split(KEY, 500))[0]

    state = train(system.init(KEY, jnp.zeros((1, 1))))
    assert {leaf.dtype for leaf in jax.tree.leaves((state.generator, state.critic))} == {jnp.dtype("float32")}
    target, fake = real(jax.random.key(1), 4000)[:, 0], system.sample(state, jax.random.key(2), 4000)[:, 0]
    assert wasserstein_1d(fake, target) < 0.25
