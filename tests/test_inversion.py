"""Inversion of generators whose range and inverse are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.inversion import invert
from gan_jax.networks.mlp import Generator

KEY = jax.random.key(0)


@pytest.mark.slow
def test_a_sample_of_the_generator_is_found_again():
    network = Generator(shape=(2, 2, 1), width=8, depth=1)
    params = network.init(KEY, jnp.zeros((1, 2)))
    noise = jax.random.normal(KEY, (3, 2))
    targets = network.apply(params, noise)
    found = invert(lambda z: network.apply(params, z), jax.random.key(1), targets, latent=2, restarts=8, steps=1000)
    assert found.latents.shape == noise.shape
    np.testing.assert_allclose(found.samples, targets, atol=5e-3)
    np.testing.assert_allclose(found.samples, network.apply(params, found.latents), rtol=1e-6)


def test_the_error_is_the_distance_to_the_range():
    """The range is a line: the rest of a target, at right angles to it, cannot be reached."""
    direction = jnp.array([[0.6, 0.8]])
    found = invert(lambda z: z @ direction, KEY, jnp.array([[0.6, 0.8], [-0.8, 0.6]]), latent=1, restarts=2)
    np.testing.assert_allclose(found.latents[:, 0], [1, 0], atol=1e-3)
    np.testing.assert_allclose(found.errors, [0, np.sqrt(0.5)], atol=1e-3)


@pytest.mark.slow
def test_restarts_escape_a_local_minimum():
    """Two valleys, of which only the one right of zero reaches the target."""

    def generator(noise):
        return jnp.where(noise > 0, (noise - 2) ** 2, 1 + (noise + 2) ** 2)

    targets = jnp.zeros((6, 1))
    once = invert(generator, KEY, targets, latent=1, restarts=1)
    often = invert(generator, KEY, targets, latent=1, restarts=16)
    assert once.errors.max() > 0.9
    assert often.errors.max() < 1e-2


@pytest.mark.slow
def test_starts_that_diverge_are_counted_and_left_out():
    """The generator fails above 0.5, from where some starts come; that of the second target fails everywhere."""

    def generator(noise):
        return jnp.where(noise > 0.5, jnp.nan, noise)

    targets = jnp.array([[0.2], [jnp.nan]])
    found = invert(generator, KEY, targets, latent=1, restarts=16, steps=100)
    assert 0 < found.diverged[0] < 16
    assert found.errors[0] < 1e-2
    np.testing.assert_allclose(found.samples[0], targets[0], atol=1e-2)
    assert found.diverged[1] == 16
    assert found.errors[1] == jnp.inf
    often = invert(lambda z: z, KEY, targets[:1], latent=1, restarts=3, steps=2)
    assert often.diverged.tolist() == [0]


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"makes \(2,\), the targets .* \(3, 4\)"):
        invert(lambda z: z, KEY, jnp.zeros((3, 4)), latent=2)


def test_half_precision_generators_and_one_compilation():
    found = jax.jit(lambda key, x: invert(lambda z: z.astype(jnp.bfloat16), key, x, latent=2, restarts=2, steps=50))(
        KEY, jnp.ones((1, 2), jnp.bfloat16)
    )
    assert found.latents.dtype == jnp.float32
    assert found.errors.dtype == jnp.float32
