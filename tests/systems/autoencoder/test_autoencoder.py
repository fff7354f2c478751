"""The autoencoder as a system: its loss and adaptive weight, penalties, devices, resuming, refusals."""

from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices import update_on

from gan_jax import (
    AdamConfig,
    AdversaryConfig,
    Autoencoder,
    AutoencoderNetworkConfig,
    CriticConfig,
    Experiment,
    PenaltyConfig,
    from_arrays,
    load,
    train,
)
from gan_jax.errors import InputError
from gan_jax.networks.pretrained.autoencoder_kl import Gaussian
from gan_jax.sharding import UNSHARDED
from gan_jax.systems.autoencoder.system import Model, autoencoder, psnr
from gan_jax.systems.learner import Learner
from gan_jax.training.devices import STRATEGIES

KEY = jax.random.key(0)
OTHERS = [strategy for strategy in STRATEGIES if strategy != "jit"]
SPEC = {"sample": jax.ShapeDtypeStruct((4, 4, 1), jnp.float32)}
BATCH = {"sample": jnp.tanh(jax.random.normal(KEY, (8, 4, 4, 1)))}
PLAIN = Autoencoder(
    network=AutoencoderNetworkConfig(features=(4,), latents=2, attention=False),
    adversary=AdversaryConfig(weight=0.0),
    optimizer=AdamConfig(learning_rate=1e-2, b1=0.5, b2=0.9),
)
CRITIC = AdversaryConfig(critic=CriticConfig("mlp", width=4, depth=1))
TOLD = replace(PLAIN, adversary=CRITIC)


class _Decoder(nn.Module):
    @nn.compact
    def __call__(self, z):
        return nn.Dense(1, name="conv_out")(jnp.tanh(nn.Dense(4)(z)))


class Tiny(nn.Module):
    """An autoencoder of pixels one by one, which compiles at once."""

    def setup(self):
        self.encoder, self.decoder = nn.Dense(4), _Decoder()

    def __call__(self, images):
        return self.decode(self.encode(images).mean)

    def encode(self, images):
        mean, log_variance = jnp.split(self.encoder(images), 2, axis=3)
        return Gaussian(mean, log_variance - 4)

    def decode(self, latents):
        return self.decoder(latents)


def built(settings, *, sharding=UNSHARDED, perceive=None):
    """The system of settings, of the tiny network."""
    learner = Learner(settings.optimizer.build(8), settings.ema_decay, 8, sharding)
    network = Tiny()
    adversary = settings.adversary
    return autoencoder(
        Model(
            network=network,
            shape=(4, 4, 1),
            latent=(4, 4, 2),
            learner=learner,
            perceive=perceive,
            perceptual_weight=settings.perceptual_weight,
            kl_weight=settings.kl_weight,
            game=adversary.build(network, SPEC, learner, "float32", trains=False),
            adversarial_weight=adversary.weight,
            adversarial_after=adversary.after,
        )
    )


def stepped(settings, **options):
    """The state before and after one step, and its metrics."""
    system = built(settings, **options)

    @jax.jit
    def run():
        state = system.init(KEY, SPEC)
        return state, *system.update(state, KEY, BATCH)

    return run()


def moved(before, after):
    return any(bool((a != b).any()) for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True))


def test_it_learns_to_reconstruct():
    system = built(PLAIN)

    @jax.jit
    def run():
        state = system.init(KEY, SPEC)
        return jax.lax.scan(lambda state, key: system.update(state, key, BATCH), state, jax.random.split(KEY, 300))

    state, metrics = run()
    assert metrics["reconstruction"][-20:].mean() < 0.5 * metrics["reconstruction"][:20].mean()
    assert metrics["psnr"][-1] > metrics["psnr"][0] + 3
    found = system.sample(state, KEY, 8, BATCH)
    np.testing.assert_allclose(found, system.decode(state, system.encode(state, KEY, BATCH)), atol=1e-5)


def test_the_loss_is_summed_over_an_image_and_the_latents():
    """A mean in place of either sum would leave the divergence thousands of times too heavy, or too light."""
    state, _, metrics = stepped(replace(PLAIN, kl_weight=0.5))
    system = built(PLAIN)
    found = system.diagnose(state, KEY, BATCH)
    # The latents are drawn while it trains, and the means are diagnosed.
    assert float(metrics["reconstruction"]) == pytest.approx(float(found["reconstruction"].mean()), rel=0.5)
    assert float(metrics["kl"]) == pytest.approx(float(found["kl"].mean()), rel=1e-4)
    assert float(metrics["loss"]) == pytest.approx(float(metrics["reconstruction"] + 0.5 * metrics["kl"]), rel=1e-5)
    images = system.sample(state, KEY, 8, BATCH)
    by_hand = jnp.abs(images - BATCH["sample"]).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found["reconstruction"], by_hand, rtol=1e-5)
    np.testing.assert_allclose(found["psnr"], psnr(BATCH["sample"], jnp.clip(images, -1, 1)), rtol=1e-5)


@pytest.mark.slow
def test_the_adaptive_weight_makes_the_terms_alike_at_the_last_layer():
    """With lambda, both terms' gradients by the last layer have one length, whatever the critic's scale is."""
    settings = replace(TOLD, kl_weight=0.0)
    system = built(settings)
    learning = AdamConfig(learning_rate=1e-30, b1=0.0, b2=0.0)  # the loss is read off, nothing moves
    settings = replace(settings, optimizer=learning)

    def loss(weight):
        adversary = replace(settings.adversary, weight=weight)
        return stepped(replace(settings, adversary=adversary))[2]

    once, twice = loss(1.0), loss(2.0)
    assert float(twice["adaptive_weight"]) == float(once["adaptive_weight"])
    told = float(once["adaptive_weight"] * once["generator_loss"])
    assert float(once["loss"]) == pytest.approx(float(once["reconstruction"]) + told, rel=1e-4)
    assert float(twice["loss"]) == pytest.approx(float(once["reconstruction"]) + 2 * told, rel=1e-4)

    # A critic whose scores are ten times as large is divided by ten.
    state = jax.jit(lambda: system.init(KEY, SPEC))()
    scaled = state.critic.params["params"]
    last = sorted(scaled)[-1]
    louder = scaled | {last: jax.tree.map(lambda leaf: 10 * leaf, scaled[last])}
    loud = state._replace(critic=state.critic._replace(params={"params": louder}))
    update = jax.jit(system.update)
    quiet, said = update(state, KEY, BATCH)[1], update(loud, KEY, BATCH)[1]
    assert float(said["adaptive_weight"]) == pytest.approx(float(quiet["adaptive_weight"]) / 10, rel=0.05)


@pytest.mark.slow
def test_the_critic_is_heard_only_after_so_many_images_and_none_moves_the_other():
    before, after, _ = stepped(replace(TOLD, adversary=replace(CRITIC, after=8)))
    _, alone, _ = stepped(PLAIN)
    for a, b in zip(jax.tree.leaves(after.network.params), jax.tree.leaves(alone.network.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert moved(before.critic.params, after.critic.params)
    _, heard, _ = stepped(TOLD)
    assert moved(after.network.params, heard.network.params)


@pytest.mark.parametrize("penalty", ["wgan_gp", "r1", "lecam"])
def test_any_penalty_of_the_family_holds_the_critic(penalty):
    _, _, metrics = stepped(replace(TOLD, adversary=replace(CRITIC, penalty=PenaltyConfig(penalty))))
    assert all(bool(jnp.isfinite(value)) for value in metrics.values())
    assert "penalty" in metrics


@pytest.mark.slow
def test_perceptual_features_count_by_their_direction():
    def perceive(images):
        return jnp.stack([images.mean(axis=(1, 2, 3)) + 3, 1 + 0 * images[:, 0, 0, 0]], axis=1)

    settings = replace(PLAIN, perceptual_weight=2.0)
    plain, told = stepped(settings)[2], stepped(settings, perceive=perceive)[2]
    assert float(told["reconstruction"]) > float(plain["reconstruction"])
    ten = stepped(settings, perceive=lambda images: 10 * perceive(images))[2]
    assert float(ten["reconstruction"]) == pytest.approx(float(told["reconstruction"]), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["jit", *(pytest.param(s, marks=pytest.mark.slow) for s in OTHERS)])
def test_devices_share_a_batch_and_change_nothing(strategy):
    def build(sharding):
        return built(TOLD, sharding=sharding)

    one, metrics = update_on(build, SPEC, BATCH, count=1, strategy="jit")
    eight, others = update_on(build, SPEC, BATCH, count=8, strategy=strategy)
    for name in ("loss", "adaptive_weight", "critic_loss", "penalty"):
        np.testing.assert_allclose(metrics[name], others[name], rtol=1e-3)
    params = (one.network.params, one.critic.params), (eight.network.params, eight.critic.params)
    for a, b in zip(*map(jax.tree.leaves, params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=3e-4)


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1)).astype(np.uint8)
    return from_arrays({"sample": images[:30]}, {"sample": images[30:]})


@pytest.mark.slow
def test_a_run_goes_on_bit_for_bit_and_reconstructs_what_is_held_out(data, tmp_path):
    experiment = Experiment(data=data, autoencoder=TOLD, batch_size=8, steps=4, log_every=2)
    whole = train(experiment, tmp_path / "whole")
    train(replace(experiment, steps=2), tmp_path / "parts")
    parts = train(experiment, tmp_path / "parts")
    for a, b in zip(jax.tree.leaves(whole.state), jax.tree.leaves(parts.state), strict=True):
        np.testing.assert_array_equal(a, b)
    drawn = whole.sample(12, seed=3)
    assert drawn.shape == (12, 4, 4, 1)
    np.testing.assert_array_equal(drawn, load(tmp_path / "parts", experiment=experiment).sample(12, seed=3))
    held_out = data.held_out.batch(slice(None))["sample"]
    again = whole.generate(whole.invert(held_out))
    assert {image.tobytes() for image in drawn} == {image.tobytes() for image in again}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"network": AutoencoderNetworkConfig(features=(4, 4, 4, 4))}, r"network.features: 4 sizes need .* of 8"),
        ({"network": AutoencoderNetworkConfig(features=(6,))}, r"network.features: 6 cannot be grouped by four"),
        ({"adversary": replace(CRITIC, critic=CriticConfig("patch", depth=3))}, r"adversary.critic: depth 3 needs"),
        ({"adversary": replace(CRITIC, critic=CriticConfig("stylegan"))}, r"adversary.critic"),
        (
            {"adversary": replace(CRITIC, penalty=PenaltyConfig("gan_qp"))},
            r"adversary.penalty: it fits the losses wasserstein only",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, match):
    with pytest.raises(InputError, match=match):
        replace(PLAIN, **changes).build(SPEC, batch_size=8)


def test_the_signal_to_noise_ratio_is_in_decibels_of_the_whole_range():
    x = jnp.zeros((2, 2, 2, 1))
    np.testing.assert_allclose(psnr(x, x + jnp.array([2.0, 0.02]).reshape(2, 1, 1, 1)), [0, 40], atol=1e-3)
