"""Scores put better samples before worse ones."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.ndimage import gaussian_filter

from gan_jax.data.dataset import from_arrays
from gan_jax.data.images import postprocess, preprocess
from gan_jax.data.sources import read
from gan_jax.evaluation import evaluate, reference
from gan_jax.evaluation.features import FEATURES
from gan_jax.evaluation.features.extract import extract
from gan_jax.losses import non_saturating
from gan_jax.networks import mlp
from gan_jax.systems.gan import gan

COUNT = 200


@cache
def digits():
    """Handwritten digits (1797, 8, 8, 1), shuffled; the first are held out."""
    data = read("digits")
    images = np.concatenate([part.batch(slice(None))["sample"] for part in (data.train, data.held_out)])
    return np.random.default_rng(0).permutation(images)


@cache
def network():
    return FEATURES["digits"]()


@cache
def against():
    data = from_arrays({"sample": digits()[COUNT : 2 * COUNT]}, {"sample": digits()[:COUNT]})
    return reference(data, network(), name="digits", scores=["frechet"])


def frechet(images):
    return evaluate(images, against(), seeds=(0,)).scores["frechet"].mean


def train_digits():
    return digits()[COUNT : 2 * COUNT].astype(np.float64)


@cache
def undamaged():
    return frechet(stored(train_digits()))


def stored(images):
    return np.clip(np.round(images), 0, 255).astype(np.uint8)


def blurred(sigma):
    return stored(gaussian_filter(train_digits(), (0, sigma, sigma, 0)))


def noisy(sd):
    return stored(train_digits() + np.random.default_rng(0).normal(0, sd, train_digits().shape))


@cache
def labels():
    return extract(network(), stored(train_digits())).logits.argmax(axis=1)


def without(classes):
    """Digits that the classifier takes for some classes give way to copies of others."""
    images = stored(train_digits())
    return np.resize(images[labels() >= classes], images.shape)


@pytest.mark.parametrize(
    ("worse", "strengths"),
    [
        pytest.param(blurred, (0.4, 0.7, 1.0), id="blurred"),
        pytest.param(noisy, (25, 50, 80), id="noisy"),
        pytest.param(without, (1, 3, 5), id="without"),
    ],
)
def test_the_distance_grows_with_the_damage(worse, strengths):
    distances = [undamaged(), *(frechet(worse(strength)) for strength in strengths)]
    assert distances == sorted(distances)
    assert distances[-1] > 3 * distances[0]


@pytest.mark.slow
def test_training_brings_samples_nearer_and_real_digits_are_nearest():
    adam = optax.adam(2e-3, b1=0.5, b2=0.9)
    system = gan(
        generator=mlp.Generator(shape=(8, 8, 1), width=64, depth=1),
        critic=mlp.Critic(width=64, depth=1),
        loss=non_saturating,
        penalty=None,
        generator_optimizer=adam,
        critic_optimizer=adam,
        latent=16,
        batch_size=64,
        critic_steps=1,
        ema_decay=0.9,
    )
    data = jnp.asarray(preprocess(digits()[COUNT:]))

    @jax.jit
    def trained(steps):
        def iteration(step, state):
            index_key, noise_key, key = jax.random.split(jax.random.fold_in(jax.random.key(1), step), 3)
            batch = data[jax.random.randint(index_key, (system.counts["images"],), 0, len(data))]
            batch += 0.1 * jax.random.uniform(noise_key, batch.shape, minval=-1)
            return system.update(state, key, {"sample": batch})[0]

        state = system.init(jax.random.key(0), {"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)})
        return postprocess(system.sample(jax.lax.fori_loop(0, steps, iteration, state), jax.random.key(2), COUNT))

    early, late = (frechet(np.asarray(trained(steps))) for steps in (30, 1200))
    assert against().baseline["frechet"] < late < early / 3
