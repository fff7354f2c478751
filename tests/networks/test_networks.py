"""One suite over every network, and the published shapes of the MNIST ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.networks import CRITICS, GENERATORS, dcgan

KEY = jax.random.key(0)
SHAPES = {"mlp": [(8, 8, 1), (2,)], "dcgan": [(8, 8, 1), (28, 28, 1), (13, 20, 3)], "dcgan_mnist": [(28, 28, 3)]}


def cases(registry):
    return [(name, shape) for name in registry for shape in SHAPES[name]]


@pytest.mark.parametrize(("name", "shape"), cases(GENERATORS), ids=str)
def test_generators_draw_the_shape_in_range_and_without_mixing(name, shape):
    generator = GENERATORS[name](shape=shape, width=4)
    noise = jax.random.normal(KEY, (3, 6))
    params = generator.init(KEY, noise[:1])
    images = generator.apply(params, noise)
    assert images.shape == (3, *shape)
    assert images.dtype == jnp.float32
    assert len(shape) == 1 or (jnp.abs(images) <= 1).all()  # points have no range
    assert jnp.ptp(images, axis=0).max() > 0.01
    np.testing.assert_allclose(generator.apply(params, noise[1:2]), images[1:2], atol=1e-5)


@pytest.mark.parametrize(("name", "shape"), cases(CRITICS), ids=str)
def test_critics_score_each_sample_by_itself(name, shape):
    critic = CRITICS[name](width=4)
    samples = jax.random.normal(KEY, (3, *shape))
    params = critic.init(KEY, samples[:1])
    scores = critic.apply(params, samples)
    assert scores.shape == (3,)
    assert jnp.ptp(scores) > 1e-3
    np.testing.assert_allclose(critic.apply(params, samples[1:2]), scores[1:2], atol=1e-5)


def kernels(module, *args):
    params = jax.eval_shape(module.init, KEY, *args)["params"]
    return [layer["kernel"].shape for _, layer in sorted(params.items(), key=lambda item: item[0].startswith("Dense"))]


def test_mnist_networks_are_the_published_ones():
    """Gulrajani et al. 2017 on MNIST: width 64, noise of length 128."""
    critic = kernels(dcgan.Critic(width=64), jax.ShapeDtypeStruct((1, 28, 28, 1), jnp.float32))
    assert critic == [(5, 5, 1, 64), (5, 5, 64, 128), (5, 5, 128, 256), (4 * 4 * 256, 1)]
    generator = dcgan.MnistGenerator(shape=(28, 28, 1), width=64)
    noise = jax.ShapeDtypeStruct((1, 128), jnp.float32)
    assert kernels(generator, noise) == [(5, 5, 256, 128), (5, 5, 128, 64), (8, 8, 64, 1), (128, 4 * 4 * 256)]


@pytest.mark.parametrize(
    ("module", "example", "message"),
    [
        (dcgan.Critic(depth=4), (1, 8, 8, 1), "at least 16x16"),
        (dcgan.Critic(), (1, 64), "at least 8x8"),
        (dcgan.Generator(shape=(28, 4, 1)), (1, 6), "at least 8x8"),
        (dcgan.MnistGenerator(shape=(32, 32, 1)), (1, 6), "draws 28x28"),
    ],
    ids=str,
)
def test_sizes_that_a_network_cannot_take_are_refused(module, example, message):
    with pytest.raises(InputError, match=message):
        module.init(KEY, jnp.zeros(example))
