"""Scores put better samples before worse ones."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gan_jax.data import pipeline, sources
from gan_jax.data.images import postprocess
from gan_jax.evaluation import evaluate, reference
from gan_jax.evaluation.features import FEATURES
from gan_jax.runs.build import build
from gan_jax.runs.experiment import GAN, Adam, Critic, Experiment, Generator

ADAM = Adam(learning_rate=2e-3)
EXPERIMENT = Experiment(
    gan=GAN(
        generator=Generator(width=64, depth=2, latent=16),
        critic=Critic(width=64, depth=2),
        generator_optimizer=ADAM,
        critic_optimizer=ADAM,
        ema_decay=0.9,
    )
)


@lru_cache
def against():
    return reference(
        sources.read("digits"), FEATURES["digits"](), name="digits", scores=["frechet", "precision_recall"]
    )


def frechet(images):
    return evaluate(images, against(), seeds=(0,)).scores["frechet"].mean


def digits():
    return sources.read("digits").train[:360].astype(np.float64)


def stored(images):
    return np.clip(np.round(images), 0, 255).astype(np.uint8)


def blurred(sigma):
    return stored(gaussian_filter(digits(), (0, sigma, sigma, 0)))


def noisy(sd):
    return stored(digits() + np.random.default_rng(0).normal(0, sd, digits().shape))


def without(classes):
    """Digits that the classifier takes for some classes give way to copies of others."""
    network = FEATURES["digits"]()
    images = stored(digits())
    labels = np.asarray(jax.jit(network.apply)(network.params, images).logits.argmax(axis=1))
    kept = images[labels >= classes]
    return np.resize(kept, images.shape)


@pytest.mark.parametrize(
    ("worse", "strengths"),
    [
        pytest.param(blurred, (0.4, 0.7, 1.0), id="blurred"),
        pytest.param(noisy, (25, 50, 80), id="noisy"),
        pytest.param(without, (1, 3, 5), id="without"),
    ],
)
def test_the_distance_grows_with_the_damage(worse, strengths):
    distances = [frechet(stored(digits())), *(frechet(worse(strength)) for strength in strengths)]
    assert distances == sorted(distances)
    assert distances[-1] > 3 * distances[0]


def test_training_brings_samples_nearer_and_real_digits_are_nearest():
    system = build(EXPERIMENT, (8, 8, 1))
    data = jnp.asarray(sources.read("digits").train)

    @jax.jit
    def trained(steps):
        def iteration(step, state):
            data_key, key = jax.random.split(jax.random.fold_in(jax.random.key(1), step))
            return system.update(state, key, pipeline.draw_batch(data_key, data, system.counts["images"], noise=0.1))[0]

        state = jax.lax.fori_loop(0, steps, iteration, system.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1))))
        return postprocess(system.sample(state, jax.random.key(2), 360))

    early, late = (frechet(np.asarray(trained(steps))) for steps in (30, 600))
    assert against().baseline["frechet"] < late < early / 3
