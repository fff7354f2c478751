"""Every setting of an experiment reaches the system it describes."""

import dataclasses
from functools import partial

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from gan_jax import losses, penalties
from gan_jax.errors import InputError
from gan_jax.experiment import GAN, Adam, Critic, Experiment, Generator, Penalty
from gan_jax.networks import mlp
from gan_jax.run import build
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
        average_decay=0.15,
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
        points=penalties.at_fake,
        shape=partial(penalties.one_sided, bound=0.2),
        penalty_weight=3.0,
        generator_optimizer=optax.adam(rate(0.02, 4), 0.3, 0.8),
        critic_optimizer=optax.adam(rate(0.03, 3 * 2), 0.1, 0.7),
        latent=3,
        batch_size=4,
        critic_steps=2,
        average_decay=0.15,
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
