"""Networks of diffusion models and of variational autoencoders: their shapes, published counts, labels and refusals."""

from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.networks import DENOISERS, VAES, unet
from gan_jax.networks.time import sinusoids

KEY = jax.random.key(0)
TINY = {"mlp": {"width": 8, "depth": 1}, "unet": {"features": (8, 8), "attention": (4,), "blocks": 1}}
SHAPE = (8, 12, 1)


def test_the_published_unet_has_the_published_parameters():
    images, times = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32), jax.ShapeDtypeStruct((1,), jnp.float32)
    params = jax.eval_shape(unet.Denoiser().init, KEY, images, times)
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(params)) == 35_746_307


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in DENOISERS if not getattr(DENOISERS[name], "captioned", False)])
def test_denoisers_keep_the_shape_say_nothing_at_first_and_hear_time_and_label(name):
    denoiser = DENOISERS[name](**TINY[name], classes=3)
    x, time, label = jax.random.normal(KEY, (3, *SHAPE)), jnp.arange(3.0) * 100, jnp.array([0, 1, 3])
    params = jax.jit(denoiser.init)(KEY, x, time, label)
    apply = jax.jit(denoiser.apply)
    assert apply(params, x, time, label).shape == x.shape
    assert not apply(params, x, time, label).any()  # the last layer is zero
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(KEY, len(leaves))
    moved = [leaf + 0.1 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    params = jax.tree.unflatten(tree, moved)
    said = apply(params, x, time, label)
    assert not np.allclose(said, apply(params, x, time + 300, label))
    others = apply(params, x, time, jnp.array([0, 2, 3]))
    np.testing.assert_allclose(others[jnp.array([0, 2])], said[jnp.array([0, 2])], atol=1e-5)
    assert not np.allclose(others[1], said[1])


def test_patches_shrink_what_the_unet_works_on():
    def shapes(patch):
        denoiser = unet.Denoiser(features=(8, 8), attention=(), blocks=1, patch=patch)
        return jax.eval_shape(denoiser.init_with_output, KEY, jnp.ones((2, 8, 8, 3)), jnp.ones(2))

    (plain, plain_params), (cut, cut_params) = shapes(1), shapes(2)
    assert plain.shape == cut.shape == (2, 8, 8, 3)
    kernels = [params["params"]["Conv_0"]["kernel"].shape for params in (plain_params, cut_params)]
    assert kernels == [(3, 3, 3, 8), (3, 3, 12, 8)]


@pytest.mark.parametrize(
    ("fields", "shape", "match"),
    [
        ({"features": (8, 8, 8)}, (6, 8, 1), "features: 3 sizes need"),
        ({"features": (8, 6)}, (8, 8, 1), "features: 6 cannot be grouped"),
        ({"features": (8, 8), "patch": 2}, (8, 6, 1), "multiples of 4"),
        ({}, (2,), "features: 4 sizes need"),
    ],
)
def test_sizes_that_no_unet_takes_are_refused(fields, shape, match):
    with pytest.raises(InputError, match=match):
        jax.eval_shape(unet.Denoiser(**fields).init, KEY, jnp.ones((1, *shape)), jnp.ones(1))


@pytest.mark.slow
def test_dropout_is_drawn_in_training_alone():
    denoiser = unet.Denoiser(features=(8,), attention=(), blocks=1, dropout=0.5)
    x, time = jax.random.normal(KEY, (2, 4, 4, 1)), jnp.ones(2)
    params = jax.tree.map(lambda leaf: leaf + 0.1, jax.jit(denoiser.init)(KEY, x, time))
    trained = jax.jit(lambda key: denoiser.apply(params, x, time, train=True, rngs={"dropout": key}))
    said = [trained(jax.random.key(i)) for i in (0, 1)]
    assert not np.allclose(*said)
    assert jax.jit(denoiser.apply)(params, x, time).shape == x.shape  # without a key


def test_sinusoids_are_the_published_ones():
    """As DDPM's code: sines, then cosines, of rates from 1 to 1/10000."""
    t, half = np.array([0.0, 3.0, 999.0]), 16
    angles = t[:, None] * np.exp(-np.log(10_000) / (half - 1) * np.arange(half))
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    np.testing.assert_allclose(sinusoids(jnp.asarray(t, jnp.float32), 32), expected, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", VAES)
def test_vaes_draw_encode_and_decode(name):
    latents, fields = (2, 3), {"features": 4} if name == "conv" else {}
    vae = VAES[name](shape=SHAPE, numbers=3, width=8, depth=2 if name == "conv" else 1, latents=latents, **fields)
    x, noise = jax.random.normal(KEY, (4, *SHAPE)), jax.random.normal(KEY, (4, 5))
    params = jax.tree.map(lambda leaf: leaf + 0.05, jax.jit(vae.init)(KEY, x, noise))
    apply = jax.jit(vae.apply, static_argnames="temperature")
    posterior, prior = apply(params, x, noise), apply(params, None, noise)
    assert posterior.numbers.shape == prior.numbers.shape == (4, *SHAPE, 3)
    assert posterior.kl.shape == (2, 4)
    assert (posterior.kl > 0).all()
    assert not prior.kl.any()
    assert not prior.log_ratio.any()
    # The mean over draws of the log ratio is the divergence.
    many = jax.random.normal(KEY, (200, 4, 5))
    ratios = jax.lax.map(lambda noise: apply(params, x, noise), many)
    np.testing.assert_allclose(-ratios.log_ratio.mean(axis=0), ratios.kl.sum(axis=1).mean(axis=0), rtol=0.3, atol=0.05)
    # The same latents are decoded to the same numbers, however they were drawn.
    again = apply(params, None, posterior.noise)
    np.testing.assert_allclose(again.numbers, posterior.numbers, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(prior.latents[:, :2], noise[:, :2])  # the top's prior is standard normal
    means = [apply(params, x, scale * noise, temperature=0.0).latents for scale in (0, 1)]
    np.testing.assert_array_equal(*means)
