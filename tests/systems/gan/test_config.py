"""Every setting of a GAN's configuration reaches the system that it builds."""

import dataclasses
from functools import partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from labeled import LabeledCritic, LabeledGenerator

from gan_jax import (
    GAN,
    AdamConfig,
    ConstraintConfig,
    Cosine,
    CriticConfig,
    GeneratorConfig,
    PenaltyConfig,
    losses,
    penalties,
)
from gan_jax.errors import InputError
from gan_jax.networks import mlp
from gan_jax.penalties import SLOPES
from gan_jax.penalties.slopes import noisy
from gan_jax.systems.gan import gan
from gan_jax.transport import wasserstein_1d

KEY = jax.random.key(0)
CONFIG = GAN(
    generator=GeneratorConfig(width=5, depth=1, latent=3),
    critic=CriticConfig(width=6, depth=2),
    loss="relativistic",
    penalty=PenaltyConfig(points="fake", shape="one_sided", weight=3.0, bound=0.2),
    generator_optimizer=AdamConfig(learning_rate=Cosine(first=0.02, last=0.0002, images=4 * 8), b1=0.3, b2=0.8),
    critic_optimizer=AdamConfig(learning_rate=Cosine(first=0.03, last=0.0003, images=3 * 8), b1=0.1, b2=0.7),
    critic_steps=2,
    ema_decay=0.15,
)


def spec(*shape):
    return {"sample": jax.ShapeDtypeStruct(shape, jnp.float32)}


def build(shape=(3,), **changes):
    return dataclasses.replace(CONFIG, **changes).build(spec(*shape), batch_size=4)


def by_hand():
    def rate(start, steps):
        return optax.cosine_decay_schedule(start, steps, alpha=0.01)

    return gan(
        generator=mlp.Generator(shape=(3,), width=5, depth=1),
        critic=mlp.Critic(width=6, depth=2),
        loss=losses.relativistic,
        penalty=penalties.Penalty(penalties.at_fake, penalties.one_sided(bound=0.2), weight=3.0),
        generator_optimizer=optax.adam(rate(0.02, 4), 0.3, 0.8),
        critic_optimizer=optax.adam(rate(0.03, 3 * 2), 0.1, 0.7),
        latent=3,
        batch_size=4,
        critic_steps=2,
        ema_decay=0.15,
    )


def after_five_iterations(system):
    state = system.init(KEY, spec(3))
    update = jax.jit(system.update)
    for step in range(5):
        key = jax.random.fold_in(KEY, step)
        state, _ = update(state, key, {"sample": jax.random.normal(key, (8, 3))})
    return state


@pytest.mark.slow
def test_the_system_is_the_one_described():
    chex.assert_trees_all_close(after_five_iterations(build()), after_five_iterations(by_hand()), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        ({"critic": CriticConfig(name="dcgan", depth=5)}, (16, 16, 1), r"^critic: .*32x32"),
        ({"generator": GeneratorConfig(name="dcgan")}, (3,), r"^generator: .*8x8"),
        ({"generator": GeneratorConfig(name="dcgan_mnist", depth=2)}, (28, 28, 1), r"^generator.depth: .*no depth"),
        ({"critic": CriticConfig(name="mlp", set_size=2)}, (3,), r"^critic.set_size: .*no set_size"),
        ({"critic": CriticConfig(name="deep_sets", set_size=3)}, (3,), r"^batch_size: 4 is no multiple .* 3"),
    ],
)
def test_networks_that_cannot_take_the_data(network, shape, message):
    with pytest.raises(InputError, match=message):
        build(shape, **network)


def test_names_are_short_for_configurations():
    short = GAN(generator="dcgan", critic="resnet", penalty="r1", constraint="bjorck")
    assert short.generator == GeneratorConfig("dcgan")
    assert short.critic == CriticConfig("resnet")
    assert short.penalty == PenaltyConfig("r1")
    assert short.constraint == ConstraintConfig("bjorck")
    with pytest.raises(InputError, match=r"r2d2"):
        GAN(penalty="r2d2")


def test_a_penalty_is_the_preset_but_for_what_is_chosen():
    presets = penalties.PENALTIES
    assert PenaltyConfig().build() == presets["wgan_gp"]
    for name, penalty in presets.items():
        assert PenaltyConfig(name).build() == penalty
    chosen = PenaltyConfig(
        "r1", points="mixed", slope="noisy", shape="two_sided_linear", weight=0.5, bound=2.0, every=4
    )
    parts = {
        "points": penalties.mix,
        "slope": penalties.SLOPES["noisy"],
        "shape": penalties.two_sided_linear(bound=2.0),
    }
    assert chosen.build() == presets["r1"]._replace(**parts, weight=0.5, every=4)
    chosen = PenaltyConfig("wgan_gp", weight=0.0, bound=0.0)
    assert chosen.build() == presets["wgan_gp"]._replace(weight=0.0, shape=penalties.two_sided(bound=0.0))
    chosen = PenaltyConfig(PenaltyConfig("wgan_gp", bound=3.0).build(), shape="one_sided", weight=2.0)
    assert chosen.build() == presets["wgan_lp"]._replace(
        shape=penalties.one_sided(bound=3.0), weight=2.0, paper=presets["wgan_gp"].paper
    )


def test_a_shape_takes_the_presets_bound_or_else_its_own():
    assert PenaltyConfig("wgan_gp", shape="maximum").build().shape == penalties.maximum()
    assert PenaltyConfig("r1", shape="two_sided").build().shape == penalties.two_sided(bound=1.0)


def test_no_penalty_whatever_else_is_said_of_it():
    """So that one option leaves out the penalty of an experiment's file."""
    assert PenaltyConfig("none").build() is None
    nothing = PenaltyConfig("none", points="mixed", shape="power", weight=3.0, bound=0.2, every=2)
    assert "penalty" not in build(penalty=nothing).metrics


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (PenaltyConfig("r1", bound=1.0), r"^bound: .* has no bound"),
        (PenaltyConfig("wgan_gp", shape="power", bound=1.0), r"^bound: power has no bound"),
        (PenaltyConfig("lecam", shape="power"), r"^shape: lecam has no shape"),
        (PenaltyConfig("lecam", slope="pair"), r"^slope: lecam has no slope"),
    ],
)
def test_what_no_penalty_would_read_is_refused(chosen, message):
    with pytest.raises(InputError, match=message) as error:
        chosen.build()
    assert "\n" not in str(error.value)


def first_critic_step(**changes):
    """How far the first step on a loss, and the first of a lazy penalty, move the critic's parameters at most."""
    adam = AdamConfig(0.03, b1=0.1, b2=0.7)
    system = build(loss="non_saturating", critic_steps=1, critic_optimizer=adam, **changes)
    before = system.init(KEY, spec(3))
    after, _ = jax.jit(system.update)(before, KEY, {"sample": jax.random.normal(KEY, (4, 3))})
    moved = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), after.critic.params, before.critic.params)
    return float(max(jax.tree.leaves(moved))), optax.tree.get(after.critic.optimizer, "count")


@pytest.mark.slow
def test_the_critics_optimizer_is_told_of_a_lazy_penalty():
    """Adam's first step has the length of its rate; a penalty without weight adds nothing to the second."""
    weightless = PenaltyConfig("r1", weight=0.0)
    length, count = first_critic_step(penalty=weightless)
    np.testing.assert_allclose((length, count), (0.03, 1), rtol=1e-4)
    b1, b2 = 0.1 ** (3 / 4), 0.7 ** (3 / 4)
    second = b1 / (1 + b1) * np.sqrt((1 + b2) / b2)  # m over the root of v, after a gradient and then none
    length, count = first_critic_step(penalty=dataclasses.replace(weightless, every=3))
    np.testing.assert_allclose((length, count), (0.03 * 3 / 4 * (1 + second), 2), rtol=1e-3)


@pytest.mark.slow
def test_a_lazy_penaltys_schedule_ends_with_the_iterations():
    """3 iterations of 2 steps, with a step of the penalty's own after each second one, are 9 of the optimizer's."""
    built = build(penalty=PenaltyConfig("r1", every=2), loss="hinge")
    rate, b1, b2 = penalties.lazy_adam(2, 0.03, 0.1, 0.7)
    made = gan(
        generator=mlp.Generator(shape=(3,), width=5, depth=1),
        critic=mlp.Critic(width=6, depth=2),
        loss=losses.hinge,
        penalty=penalties.PENALTIES["r1"]._replace(every=2),
        generator_optimizer=optax.adam(optax.cosine_decay_schedule(0.02, 4, alpha=0.01), 0.3, 0.8),
        critic_optimizer=optax.adam(optax.cosine_decay_schedule(rate, 9, alpha=0.01), b1, b2),
        latent=3,
        batch_size=4,
        critic_steps=2,
        ema_decay=0.15,
    )
    chex.assert_trees_all_close(after_five_iterations(built), after_five_iterations(made), rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_a_penaltys_weight_follows_the_images_that_the_critic_has_seen():
    """After five iterations of two steps of four images, and of none of it before."""
    falls = build(penalty=PenaltyConfig("r1", weight=Cosine(first=8.0, last=8.0, images=1)))
    constant = build(penalty=PenaltyConfig("r1", weight=8.0))
    chex.assert_trees_all_close(after_five_iterations(falls), after_five_iterations(constant), rtol=1e-5, atol=1e-7)
    weights = [
        float(PenaltyConfig("r1", weight=Cosine(first=3.0, last=1.0, images=16)).build().weight(images))
        for images in (0, 8, 99)
    ]
    np.testing.assert_allclose(weights, [3, 2, 1], rtol=1e-6)


@pytest.mark.slow
def test_the_constraint_is_the_one_described():
    def largest(**chosen):
        system = build(constraint=ConstraintConfig(**chosen))
        state = jax.jit(lambda: system.init(KEY, spec(3)))()
        return float(max(jnp.abs(leaf).max() for leaf in jax.tree.leaves(state.critic.params)))

    assert largest() > 0.5
    np.testing.assert_allclose(largest(name="weight_clipping", bound=0.02), 0.02, rtol=1e-6)
    assert largest(name="weight_clipping") != largest(name="weight_clipping", bound=0.02)
    assert largest(bound=0.02) == largest()  # of nothing


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_either_precision_learns_a_distribution(precision):
    """A Gaussian that lies three away from where the generator starts."""
    rate = Cosine(first=5e-3, last=5e-5, images=500 * 5 * 64)
    adam = AdamConfig(learning_rate=rate, b1=0.0)
    networks = {"generator": GeneratorConfig(width=16, depth=1, latent=2), "critic": CriticConfig(width=16, depth=2)}
    optimizers = {"generator_optimizer": adam, "critic_optimizer": adam}
    config = GAN(**networks, **optimizers, penalty=PenaltyConfig(weight=0.1), precision=precision)
    system = config.build(spec(1), batch_size=64)

    def real(key, count):
        return 3 + 0.5 * jax.random.normal(key, (count, 1))

    @jax.jit
    def train(state):
        def step(state, key):
            state, _ = system.update(state, key, {"sample": real(key, system.counts["images"])})
            return state, None

        return jax.lax.scan(step, state, jax.random.split(KEY, 500))[0]

    state = train(system.init(KEY, spec(1)))
    assert {leaf.dtype for leaf in jax.tree.leaves((state.generator, state.critic.params))} == {jnp.dtype("float32")}
    target, fake = real(jax.random.key(1), 4000)[:, 0], system.sample(state, jax.random.key(2), 4000)[:, 0]
    assert wasserstein_1d(fake, target) < 0.25


def test_a_network_of_ones_own_has_the_fields_that_it_has():
    """A critic without width or dtype is taken as it is, but not where one is chosen for it."""

    class Plain(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(1)(x).squeeze(-1)

    assert build(critic=Plain).counts["critic_steps"] == 2
    with pytest.raises(InputError, match=r"^critic.width: Plain has no width to choose"):
        build(critic=CriticConfig(Plain, width=3))
    with pytest.raises(InputError, match=r"^critic: Plain has no field dtype, so that it cannot compute in bfloat16"):
        build(critic=Plain, precision="bfloat16")


def test_a_network_that_takes_labels_needs_data_that_have_some():
    labeled = {"generator": GeneratorConfig(LabeledGenerator, latent=3), "critic": LabeledCritic}
    with pytest.raises(InputError, match=r"^generator: LabeledGenerator takes labels, which the data do not have"):
        build(**labeled)
    config = dataclasses.replace(CONFIG, **labeled)
    with_labels = spec(3) | {"label": jax.ShapeDtypeStruct((), jnp.int32)}
    system = config.build(with_labels, batch_size=4, classes=6)
    state = jax.eval_shape(lambda: system.init(KEY, with_labels))
    assert state.generator["params"]["Dense_0"]["kernel"].shape == (3 + 6, 2)


def test_a_summary_names_the_parts():
    assert GAN(critic=LabeledCritic, constraint=ConstraintConfig("bjorck")).summary() == (
        "generator mlp · critic LabeledCritic · loss wasserstein · penalty wgan_gp · constraint bjorck"
    )


def test_a_critic_that_takes_labels_can_be_constrained():
    labeled = {"generator": GeneratorConfig(LabeledGenerator, latent=3), "critic": LabeledCritic}
    config = dataclasses.replace(CONFIG, **labeled, constraint=ConstraintConfig("spectral_normalization"))
    with_labels = spec(3) | {"label": jax.ShapeDtypeStruct((), jnp.int32)}
    system = config.build(with_labels, batch_size=4, classes=6)
    batch = {"sample": jax.ShapeDtypeStruct((8, 3), jnp.float32), "label": jax.ShapeDtypeStruct((8,), jnp.int32)}
    state = jax.eval_shape(lambda: system.init(KEY, with_labels))
    chex.assert_trees_all_equal_shapes(jax.eval_shape(system.update, state, KEY, batch)[0], state)


def test_half_precision_is_refused_where_a_penalty_takes_small_differences():
    with pytest.raises(InputError, match=r"^precision: bfloat16 rounds away .* choose float32, or .* r1$") as error:
        build(penalty=PenaltyConfig("finite_difference_r1"), precision="bfloat16")
    assert "\n" not in str(error.value)
    for slope in (SLOPES["adversarial"], partial(noisy, sd=0.02), jax.jit(noisy)):
        with pytest.raises(InputError, match=r"^precision: "):
            build(penalty=PenaltyConfig("r1", slope=slope), precision="bfloat16")
        build(penalty=PenaltyConfig("r1", slope=slope))
    build(penalty=PenaltyConfig("r1"), precision="bfloat16")
    build(penalty=PenaltyConfig("consistency"), precision="bfloat16")
    trained = dataclasses.replace(CONFIG, penalty=PenaltyConfig("finite_difference_r1"), precision="bfloat16")
    trained.build(spec(3), batch_size=4, trains=False)  # a run that is there can be opened


def test_a_slope_of_images_is_refused_for_points_however_it_is_given():
    for slope in ("gradient_sobolev", partial(SLOPES["gradient_sobolev"]), jax.jit(SLOPES["gradient_sobolev"])):
        with pytest.raises(InputError, match=r"^penalty.slope: it is of images, these data are \(3,\); choose another"):
            build(penalty=PenaltyConfig("r1", slope=slope))
