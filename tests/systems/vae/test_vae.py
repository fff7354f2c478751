"""The variational autoencoder as a system: what it learns, its bounds, latents there and back, devices, refusals."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices import update_on

from gan_jax import VAE, AdamConfig, HalfLife, VAENetworkConfig
from gan_jax.errors import InputError
from gan_jax.training.devices import STRATEGIES

KEY = jax.random.key(0)
SPEC = {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}
IMAGES = {"sample": jax.ShapeDtypeStruct((4, 4, 1), jnp.float32)}
BATCH = 128
TINY = VAE(
    network=VAENetworkConfig("mlp", width=16, depth=1, latents=(1,)),
    optimizer=AdamConfig(learning_rate=5e-3, b1=0.9, b2=0.99),
    ema_decay=HalfLife(2_000.0),
)


def line(key):
    """Points beside the diagonal: one latent says where."""
    t_key, noise_key = jax.random.split(key)
    t = jax.random.normal(t_key, (BATCH, 1))
    return {"sample": jnp.concatenate([t, t], axis=1) + 0.1 * jax.random.normal(noise_key, (BATCH, 2))}


@pytest.fixture(scope="module")
def fitted():
    system = TINY.build(SPEC, batch_size=BATCH)

    @jax.jit
    def run(state):
        def body(state, key):
            data_key, key = jax.random.split(key)
            return system.update(state, key, line(data_key))

        return jax.lax.scan(body, state, jax.random.split(KEY, 3000))

    state, metrics = run(system.init(KEY, SPEC))
    return system, state, metrics


@pytest.mark.slow
def test_bounds_are_below_the_exact_likelihood_and_near_it(fitted):
    system, state, metrics = fitted
    np.testing.assert_allclose(metrics["elbo"], -metrics["reconstruction"] - metrics["kl"], rtol=1e-4, atol=1e-4)
    batch = line(jax.random.key(7))
    covariance = np.array([[1.01, 1.0], [1.0, 1.01]])
    x = np.asarray(batch["sample"], np.float64)
    square = np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x)
    exact = float((-square / 2 - np.log(2 * np.pi) - 0.5 * np.log(np.linalg.det(covariance))).mean())
    likelihood = jax.jit(lambda state: system.likelihood(state, KEY, batch, draws=50))
    found = {name: float(values.mean()) for name, values in likelihood(state).items()}
    assert found["elbo"] < found["iwae"] < exact + 0.05
    assert found["iwae"] > exact - 0.4


@pytest.mark.slow
def test_samples_lie_where_the_data_do(fitted):
    system, state, _ = fitted
    samples = jax.jit(lambda state: system.sample(state, KEY, 4000))(state)
    np.testing.assert_allclose(np.cov(np.asarray(samples).T), [[1, 1], [1, 1]], atol=0.25)
    assert float((samples[:, 0] - samples[:, 1]).std()) == pytest.approx(0.1 * 2**0.5, rel=0.5)


def test_latents_lead_back_to_their_samples(fitted):
    system, state, _ = fitted
    batch = line(jax.random.key(8))
    latents = jax.jit(system.encode)(state, KEY, batch)
    assert latents.shape == (BATCH, 1)
    again = jax.jit(system.decode)(state, latents)
    assert float(jnp.abs(again - batch["sample"]).mean()) < 0.15


@pytest.mark.slow
def test_noisy_points_are_denoised_and_strange_ones_told(fitted):
    """What variational autoencoders are used for: the decoded mean of the latents, and a low bound."""
    system, state, _ = fitted
    clean = line(jax.random.key(9))["sample"]
    noisy = clean + 0.3 * jnp.array([[1.0, -1.0]])
    denoised = system.decode(state, system.encode(state, KEY, {"sample": noisy}))
    assert jnp.abs(denoised - clean).mean() < 0.6 * jnp.abs(noisy - clean).mean()
    bounds = [system.likelihood(state, KEY, {"sample": x}, draws=10)["iwae"].mean() for x in (clean, noisy)]
    assert bounds[1] < bounds[0] - 3


@pytest.mark.slow
def test_beta_and_free_bits_weigh_the_divergence():
    batch = line(KEY)

    def loss(**changes):
        system = replace(TINY, **changes).build(SPEC, batch_size=BATCH)
        return jax.jit(lambda: system.update(system.init(KEY, SPEC), KEY, batch)[1])()

    plain, heavy, free = loss(), loss(beta=4.0), loss(free_bits=50.0)
    assert float(heavy["loss"]) == pytest.approx(float(plain["reconstruction"] + 4 * plain["kl"]), rel=1e-4)
    assert float(free["loss"]) == pytest.approx(float(plain["reconstruction"] + 50), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("likelihood", "free_bits", "strategy"),
    [("logistic_mixture", 0.0, "jit"), ("bernoulli", 0.0, "jit")]
    # Rungs near the floor, of which some devices' shards are above it and some below.
    + [("logistic_mixture", 0.35, strategy) for strategy in STRATEGIES],
)
def test_images_have_a_ladder_and_the_devices_change_nothing(likelihood, free_bits, strategy):
    network = VAENetworkConfig("mlp", width=8, depth=1, latents=(2, 2))
    config = replace(TINY, likelihood=likelihood, network=network, free_bits=free_bits)

    def build(sharding):
        return config.build(IMAGES, batch_size=8, sharding=sharding)

    batch = {"sample": jnp.tanh(jax.random.normal(KEY, (8, 4, 4, 1)))}
    one, metrics = update_on(build, IMAGES, batch, count=1, strategy="jit")
    eight, others = update_on(build, IMAGES, batch, count=8, strategy=strategy)
    np.testing.assert_allclose(metrics["loss"], others["loss"], rtol=1e-5)
    for a, b in zip(jax.tree.leaves(one.params), jax.tree.leaves(eight.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_images_are_means_or_drawn():
    def images(**changes):
        system = replace(TINY, **changes).build(IMAGES, batch_size=8)
        return jax.jit(lambda: system.sample(system.init(KEY, IMAGES), KEY, 4))()

    drawn = images(likelihood="bernoulli", decoder_noise=True)
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    assert (jnp.abs(images(likelihood="bernoulli")) < 1).any()
    assert images().shape == (4, 4, 4, 1)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"likelihood": "logistic_mixture"}, "likelihood: logistic_mixture is of images"),
        ({"network": VAENetworkConfig("mlp", features=4)}, "network.features: mlp has no features"),
        ({"network": "conv"}, "network: depth 2 halves"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, match):
    with pytest.raises(InputError, match=match):
        replace(TINY, **changes).build(SPEC, batch_size=8)
