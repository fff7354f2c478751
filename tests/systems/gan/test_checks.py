"""What networks a GAN takes: pure functions of their parameters, of samples one by one or, declared, by their batch."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import losses
from gan_jax.constraints import CONSTRAINTS
from gan_jax.errors import InputError
from gan_jax.networks import mlp
from gan_jax.penalties import PENALTIES
from gan_jax.systems.gan import GAN, CriticConfig, gan

KEY = jax.random.key(0)
SPEC = {"sample": jax.ShapeDtypeStruct((3,), jnp.float32)}
BATCH, LATENT = 4, 2


def system(**changes):
    settings = {
        "generator": mlp.Generator(shape=(3,), width=5, depth=1),
        "critic": mlp.Critic(width=5, depth=1),
        "loss": losses.wasserstein,
        "penalty": PENALTIES["wgan_gp"],
        "generator_optimizer": optax.sgd(0.0),
        "critic_optimizer": optax.sgd(0.0),
        "latent": LATENT,
        "batch_size": BATCH,
        "critic_steps": 1,
        "ema_decay": 0.9,
    }
    return gan(**settings | changes)


def batch_norm(x):
    return (x - x.mean(axis=0, keepdims=True)) / jnp.sqrt(x.var(axis=0, keepdims=True) + 1e-5)


class Normalizing(nn.Module):
    """Scores samples by statistics of their batch; all alike as long as the last layer is zero."""

    zero: bool = False
    width: int = 4

    @nn.compact
    def __call__(self, x):
        x = nn.tanh(batch_norm(nn.Dense(self.width)(x)))
        last = nn.initializers.zeros if self.zero else nn.initializers.lecun_normal()
        return nn.Dense(1, kernel_init=last)(x).squeeze(-1)


class NormalizingOnPurpose(Normalizing):
    mixes_samples = True


class NormalizingGenerator(nn.Module):
    @nn.compact
    def __call__(self, noise):
        return nn.Dense(3)(batch_norm(nn.Dense(4)(noise)))


class Scaled(nn.Module):
    """With a parameter that is a number, and a field that cannot be hashed."""

    factors: Any = None

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x).squeeze(-1) * self.param("scale", nn.initializers.ones, ())


class Rooted(nn.Module):
    """Finite where its parameter is positive, as it is when training begins."""

    start: float = 1.0
    mixing: bool = False

    @nn.compact
    def __call__(self, x):
        x = batch_norm(x) if self.mixing else x
        return x.sum(axis=1) * jnp.sqrt(self.param("squares", nn.initializers.constant(self.start), (50,))).sum()


class Averaging(nn.Module):
    """Keeps running means, which no optimizer may move."""

    @nn.compact
    def __call__(self, x):
        return nn.BatchNorm(use_running_average=True)(x).sum(axis=1)


class Dropping(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dropout(0.5, deterministic=False)(x).sum(axis=1)


class Counting(nn.Module):
    @nn.compact
    def __call__(self, x):
        self.variable("counts", "calls", jnp.zeros, ()).value += 1
        return x.sum(axis=1)


class Columns(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(x)


@pytest.mark.parametrize("zero", [False, True], ids=["random", "zero"])
@pytest.mark.parametrize("changes", [{}, {"penalty": None}, {"batch_size": 1}], ids=["penalty", "none", "one"])
def test_a_critic_that_mixes_samples_must_say_so(zero, changes):
    """Without a penalty too: what it is told by real and generated samples together, it forgets of these alone."""
    with pytest.raises(InputError, match=r"^critic: .*depends on the rest of the batch") as error:
        system(critic=Normalizing(zero), **changes)
    assert "\n" not in str(error.value)


def test_a_system_can_be_built_while_another_function_is_traced():
    with pytest.raises(InputError, match=r"^critic: .*depends on the rest of the batch"):
        jax.eval_shape(lambda: system(critic=Normalizing(width=5)).init(KEY, SPEC))


def test_a_critic_is_tried_only_where_it_is_to_be_trained():
    assert system(critic=Normalizing(), trains=False).counts["critic_steps"] == 1


@pytest.mark.parametrize(
    "critic",
    [
        NormalizingOnPurpose(),
        mlp.SetCritic(width=4, depth=1, set_size=2),
        Scaled(),
        Scaled(factors=[1.0]),
        Scaled(factors={"a": np.ones(2)}),
        Scaled(factors=np.ones(2)),
        Rooted(),
    ],
    ids=["on purpose", "sets", "samples by themselves", "list", "dictionary", "array", "root"],
)
def test_other_critics_are_taken(critic):
    game = system(critic=critic)
    jax.eval_shape(lambda: game.update(game.init(KEY, SPEC), KEY, {"sample": jnp.ones((BATCH, 3))}))


def test_scores_that_are_not_finite_do_not_hide_that_samples_are_mixed():
    with pytest.raises(InputError, match=r"^critic: .*depends on the rest of the batch"):
        system(critic=Rooted(mixing=True))
    with pytest.raises(InputError, match=r"^critic: the scores are not finite on a trial"):
        system(critic=Rooted(start=-1.0))


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["wgan_gp", "r1", "none"])
def test_a_critic_that_mixes_samples_is_one_function_everywhere(penalty):
    """In its own step, in the generator's, in the diagnosis: real samples are scored apart from generated ones."""
    critic, generator = NormalizingOnPurpose(), mlp.Generator(shape=(3,), width=5, depth=1)
    game = system(critic=critic, penalty=PENALTIES.get(penalty), loss=losses.hinge)
    state = game.init(KEY, SPEC)
    real = 3 + jax.random.normal(jax.random.key(1), (BATCH, 3))
    _, metrics = jax.jit(game.update)(state, KEY, {"sample": real})

    fake_key, _, noise_key, _ = jax.random.split(KEY, 4)
    noise = [jax.random.normal(key, (1, BATCH, LATENT))[0] for key in (fake_key,)]
    noise.append(jax.random.normal(noise_key, (BATCH, LATENT)))
    critic_fake, generator_fake = (generator.apply(state.generator, each) for each in noise)
    real_score, fake_score, generator_score = (
        critic.apply(state.critic.params, x) for x in (real, critic_fake, generator_fake)
    )
    np.testing.assert_allclose(metrics["wasserstein"], real_score.mean() - fake_score.mean(), rtol=1e-4, atol=1e-6)
    loss = losses.hinge.critic(real=real_score, fake=fake_score).mean()
    np.testing.assert_allclose(metrics["critic_loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(metrics["generator_loss"], -generator_score.mean(), rtol=1e-4, atol=1e-6)

    measured = game.diagnose(state, jax.random.key(5), {"sample": real})
    fake_noise = jax.random.normal(jax.random.split(jax.random.key(5))[0], (BATCH, LATENT))
    fake_score = critic.apply(state.critic.params, generator.apply(state.generator, fake_noise))
    np.testing.assert_allclose(measured["wasserstein"], real_score - fake_score, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_diagnosis_has_sets_of_the_size_that_is_trained_on():
    """Ten samples in batches of four: sets neither straddle real and generated samples, nor is the last one smaller."""
    critic = mlp.SetCritic(width=4, depth=1, set_size=4)
    game = system(critic=critic, batch_size=4)
    state = game.init(KEY, SPEC)
    real = jax.random.normal(jax.random.key(1), (10, 3))
    measured = game.diagnose(state, KEY, {"sample": real})
    noise = jax.random.normal(jax.random.split(KEY)[0], (10, LATENT))
    fake = mlp.Generator(shape=(3,), width=5, depth=1).apply(state.generator, noise)
    filled = [jnp.concatenate([x, x[:2]]) for x in (real, fake)]
    real_score, fake_score = (critic.apply(state.critic.params, x)[:10] for x in filled)
    np.testing.assert_allclose(measured["wasserstein"], real_score - fake_score, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_generator_that_mixes_makes_the_fakes_of_each_critic_step_by_themselves():
    generator, critic = NormalizingGenerator(), mlp.Critic(width=5, depth=1)
    game = system(generator=generator, critic_steps=3, penalty=None)
    state = game.init(KEY, SPEC)
    real = jax.random.normal(jax.random.key(1), (3 * BATCH, 3))
    _, metrics = jax.jit(game.update)(state, KEY, {"sample": real})
    noise = jax.random.normal(jax.random.split(KEY, 4)[0], (3, BATCH, LATENT))
    fakes = jnp.concatenate([generator.apply(state.generator, each) for each in noise])
    apart = critic.apply(state.critic.params, real).mean() - critic.apply(state.critic.params, fakes).mean()
    np.testing.assert_allclose(metrics["wasserstein"], apart, rtol=1e-4)


def test_sets_that_do_not_fill_a_batch_are_refused():
    with pytest.raises(InputError, match=r"^batch_size: 12 is no multiple of .*set_size times devices, 8 x 1"):
        system(critic=mlp.SetCritic(width=4, depth=1), batch_size=12)


def test_a_critic_of_sets_has_no_gradient_of_one_sample_to_normalize_by():
    with pytest.raises(InputError, match=r"^constraint: .*one by one"):
        system(critic=mlp.SetCritic(width=4, set_size=2), constraint=CONSTRAINTS["gradient_normalization"]())
    system(critic=mlp.SetCritic(width=4, set_size=2), constraint=CONSTRAINTS["spectral_normalization"]())


@pytest.mark.parametrize(
    ("critic", "message"),
    [
        (Averaging, r"^critic: Averaging has batch_stats beside its parameters"),
        (Counting, r"^critic: Counting has counts beside its parameters"),
        (Dropping, r"^critic: Dropping cannot be applied with parameters alone, as if it had dropout"),
        (Columns, r"^critic: Columns makes \(1, 1\) of \(1, 3\), must make \(1,\)"),
    ],
)
def test_a_network_is_a_function_of_its_parameters_and_of_the_samples(critic, message):
    with pytest.raises(InputError, match=message) as error:
        GAN(critic=CriticConfig(critic)).build(SPEC, batch_size=BATCH)
    assert "\n" not in str(error.value)


def test_a_state_is_refused_where_a_system_is_put_together_by_hand_too():
    with pytest.raises(InputError, match=r"^Averaging has batch_stats beside its parameters"):
        jax.eval_shape(lambda: system(critic=Averaging(), trains=False).init(KEY, SPEC))


@pytest.mark.slow
def test_an_optimizer_may_read_the_losss_value():
    """A plateau: the rate falls where the loss does, or does not. Of each network the value is its own loss."""
    seen = optax.GradientTransformationExtraArgs(
        lambda params: jnp.zeros(()), lambda updates, state, params=None, *, value, **_: (updates, value)
    )
    for every in (1, 2):
        penalty = PENALTIES["wgan_gp"]._replace(every=every)
        game = system(penalty=penalty, generator_optimizer=seen, critic_optimizer=seen)
        state, metrics = jax.jit(game.update)(game.init(KEY, SPEC), KEY, {"sample": jnp.ones((BATCH, 3))})
        np.testing.assert_allclose(state.generator_optimizer, metrics["generator_loss"], rtol=1e-6)
        expected = metrics["critic_total"] if every == 1 else penalty.weight * metrics["penalty"]
        np.testing.assert_allclose(state.critic.optimizer, expected, rtol=1e-6)
    plateau = optax.chain(optax.adam(1e-3), optax.contrib.reduce_on_plateau())
    game = system(generator_optimizer=plateau, critic_optimizer=plateau)
    jax.eval_shape(lambda: game.update(game.init(KEY, SPEC), KEY, {"sample": jnp.ones((BATCH, 3))}))


@pytest.mark.slow
def test_an_optimizer_that_searches_along_a_line_is_refused():
    with pytest.raises(InputError, match=r"^critic_optimizer: needs more than .*missing.*; choose another") as error:
        system(critic_optimizer=optax.lbfgs())
    assert "\n" not in str(error.value)
