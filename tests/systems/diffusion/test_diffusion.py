"""The diffusion system: what it learns, draws, encodes and says of likelihoods; devices; what it refuses."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from devices import update_on

from gan_jax import AdamConfig, DenoiserConfig, Diffusion, HalfLife
from gan_jax.diffusion import PRESETS
from gan_jax.errors import InputError
from gan_jax.networks import mlp
from gan_jax.sharding import UNSHARDED
from gan_jax.systems.diffusion import diffusion
from gan_jax.systems.diffusion.model import Model, bind_denoiser
from gan_jax.systems.learner import Learner
from gan_jax.training.devices import STRATEGIES

KEY = jax.random.key(0)
SPEC = {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}
LABELED = SPEC | {"label": jax.ShapeDtypeStruct((), jnp.int32)}
BATCH = 256
TINY = Diffusion(
    network=DenoiserConfig("mlp", width=32, depth=2),
    optimizer=AdamConfig(learning_rate=3e-3, b1=0.9, b2=0.99),
    ema_decay=HalfLife(5_000.0),
    steps=20,
)


def normal_batch(key):
    """A normal at (1, -1) of spread 0.5, 0.2."""
    return {"sample": jnp.array([[1.0, -1.0]]) + jnp.array([[0.5, 0.2]]) * jax.random.normal(key, (BATCH, 2))}


def trained(system, batch, steps, spec=SPEC):
    @jax.jit
    def run(state):
        def body(state, key):
            data_key, key = jax.random.split(key)
            return system.update(state, key, batch(data_key))

        return jax.lax.scan(body, state, jax.random.split(KEY, steps))

    return run(system.init(KEY, spec))


@pytest.fixture(scope="module")
def fitted():
    system = TINY.build(SPEC, batch_size=BATCH)
    state, metrics = trained(system, normal_batch, 2500)
    return system, state, metrics


@pytest.mark.slow
def test_it_learns_a_normal_and_its_likelihood(fitted):
    system, state, metrics = fitted
    assert metrics["loss"][-100:].mean() < metrics["loss"][:100].mean()
    samples = jax.jit(lambda state, key: system.sample(state, key, 4000))(state, KEY)
    np.testing.assert_allclose(samples.mean(axis=0), [1, -1], atol=0.05)
    np.testing.assert_allclose(samples.std(axis=0), [0.5, 0.2], atol=0.05)
    batch = normal_batch(jax.random.key(5))
    found = jax.jit(lambda state: system.likelihood(state, KEY, batch, steps=30))(state)
    z = (batch["sample"] - jnp.array([[1.0, -1.0]])) / jnp.array([[0.5, 0.2]])
    exact = -(z**2).sum(axis=1) / 2 - np.log(2 * np.pi * 0.5 * 0.2)
    assert float(found["flow"].mean()) == pytest.approx(float(exact.mean()), abs=0.1)
    assert float(found["bound"].mean()) < float(exact.mean()) + 0.1


@pytest.mark.slow
def test_samples_are_encoded_to_noise_and_decoded_to_themselves(fitted):
    system, state, _ = fitted
    batch = normal_batch(jax.random.key(6))
    latents = jax.jit(system.encode)(state, KEY, batch)
    assert latents.shape == (BATCH, 2)
    np.testing.assert_allclose(latents.std(axis=0), 1, atol=0.25)
    np.testing.assert_allclose(jax.jit(system.decode)(state, latents), batch["sample"], atol=0.02)


@pytest.mark.slow
def test_the_options_of_sampling_change_what_is_drawn(fitted):
    system, state, _ = fitted
    draw = jax.jit(lambda **options: system.sample(state, KEY, 3, **options), static_argnames=system.options["sample"])
    plain = draw()
    np.testing.assert_array_equal(plain, draw(sampler="heun", steps=20))
    others = [draw(steps=4), draw(sampler="ddim"), draw(sampler="ddim", eta=0.5), draw(sampler="dpm_2m")]
    assert all(not np.allclose(plain, other, atol=1e-4) for other in others)
    np.testing.assert_array_equal(draw(sampler="ddim", eta=1.0), draw(sampler="ddpm"))
    with pytest.raises(InputError, match="eta: heun has none"):
        draw(eta=0.5)
    with pytest.raises(InputError, match="guidance: the network is not told"):
        draw(guidance=2.0)


def test_more_steps_than_a_schedule_has_are_refused():
    system = replace(TINY, preset="ddpm", steps=None).build(SPEC, batch_size=8)
    with pytest.raises(InputError, match="steps: leading cannot make 2000 different levels"):
        system.sample(system.init(KEY, SPEC), KEY, 2, steps=2000)


@pytest.mark.slow
def test_labels_are_heard_and_guidance_pushes_towards_them():
    def batch(key):
        label = jax.random.bernoulli(jax.random.fold_in(key, 1), shape=(BATCH,)).astype(jnp.int32)
        centre = jnp.where(label[:, None] == 1, 1.0, -1.0)
        return {"sample": centre + 0.6 * jax.random.normal(key, (BATCH, 2)), "label": label}

    system = replace(TINY, conditional=True).build(LABELED, batch_size=BATCH, classes=2)
    assert system.conditional
    state, _ = trained(system, batch, 1000, LABELED)
    draw = jax.jit(
        lambda label, guidance: system.sample(state, KEY, 2000, {"label": label}, guidance=guidance),
        static_argnums=1,
    )
    ones = jnp.ones(2000, jnp.int32)
    means = [float(draw(ones, weight).mean()) for weight in (1.0, 3.0)]
    assert means[0] == pytest.approx(1, abs=0.1)
    assert means[1] > means[0] + 0.1
    assert float(draw(0 * ones, 1.0).mean()) == pytest.approx(-1, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_devices_share_a_batch_and_change_nothing(strategy):
    def build(sharding):
        return TINY.build(SPEC, batch_size=8, sharding=sharding)

    batch = {"sample": jax.random.normal(KEY, (8, 2))}
    one, metrics = update_on(build, SPEC, batch, count=1, strategy="jit")
    eight, others = update_on(build, SPEC, batch, count=8, strategy=strategy)
    np.testing.assert_allclose(metrics["loss"], others["loss"], rtol=1e-5)
    for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(eight.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_is_denoised_is_held_to_the_range_of_images_if_told_so():
    spec = {"sample": jax.ShapeDtypeStruct((2, 2, 1), jnp.float32)}
    system = replace(TINY, clip=True, preset="ddpm", steps=20).build(spec, batch_size=8)
    state = jax.jit(lambda: system.init(KEY, spec))()
    samples = jax.jit(lambda state: system.sample(state, KEY, 8))(state)
    assert (jnp.abs(samples) <= 1.001).all()
    free = replace(TINY, preset="ddpm", steps=20).build(spec, batch_size=8)
    assert (jnp.abs(jax.jit(lambda state: free.sample(state, KEY, 8))(state)) > 1).any()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_a_step_and_draws(preset):
    system = replace(TINY, preset=preset, steps=None).build(SPEC, batch_size=8)
    state = jax.eval_shape(system.init, KEY, SPEC)
    state, metrics = jax.eval_shape(system.update, state, KEY, {"sample": jnp.zeros((8, 2))})
    assert metrics["loss"].shape == ()
    assert jax.eval_shape(lambda state: system.sample(state, KEY, 3, steps=5), state).shape == (3, 2)


def test_the_exact_denoiser_is_what_it_ends_at(fitted):
    """At a level in the middle: the posterior mean of a normal."""
    system, state, _ = fitted
    model = system.sample.args[0]
    x, alpha, sigma = jnp.array([[1.2, -0.7], [0.3, -1.4]]), jnp.float32(1), jnp.float32(0.5)
    pull = np.array([[0.25, 0.04]]) / (np.array([[0.25, 0.04]]) + 0.25)
    expected = np.array([[1.0, -1.0]]) + pull * (np.asarray(x) - np.array([[1.0, -1.0]]))
    np.testing.assert_allclose(bind_denoiser(model, state.ema)(x, alpha, sigma), expected, atol=0.1)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"conditional": True}, "conditional: the data have no labels"),
        ({"guidance": 2.0}, "guidance: it pushes towards the label"),
        ({"network": DenoiserConfig("mlp", features=(8,))}, "network.features: mlp has no features"),
        ({"network": "unet"}, "features: 4 sizes need"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, match):
    with pytest.raises(InputError, match=match):
        replace(TINY, **changes).build(SPEC, batch_size=8)


def test_a_network_that_makes_another_shape_is_refused():
    class Wrong(mlp.Denoiser):
        def __call__(self, x, time, *, train=False):
            return x[:, :1]

    with pytest.raises(InputError, match="network: Wrong must make"):
        diffusion(Model(Wrong(), PRESETS["edm"], (2,), Learner(optax.sgd(1.0), 0.9, 8, UNSHARDED)))
