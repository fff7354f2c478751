"""R3GAN's networks: the published sizes, and blocks that begin as the identity; the filters between the stages."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.signal import upfirdn

from gan_jax.errors import InputError
from gan_jax.networks import r3gan
from gan_jax.networks.conv import conv
from gan_jax.networks.labels import project
from gan_jax.networks.patches import from_patches, to_patches
from gan_jax.networks.resample import downsample, upsample

KEY = jax.random.key(0)
SMALL = {"width": 4, "max_width": 8, "depth": 1, "blocks": 1, "group_size": 4}


def count(module, *shapes):
    params = jax.eval_shape(module.init, KEY, *shapes)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def test_the_cifar_preset_has_the_published_number_of_parameters():
    """Told ten classes; by hand, a block has 1,179,648 twice, 221,184 and 3,072."""
    preset = r3gan.PRESETS["cifar10"].generator
    label = jax.ShapeDtypeStruct((1,), jnp.int32)
    generator = r3gan.Generator(shape=(32, 32, 3), classes=10, **preset)
    assert count(generator, jax.ShapeDtypeStruct((1, 64), jnp.float32), label) == 20_781_952
    critic = r3gan.Critic(classes=10, **preset)
    assert count(critic, jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32), label) == 21_280_512


def test_the_large_preset_begins_with_four_pixels_a_side():
    generator = r3gan.Generator(shape=(256, 256, 3), **r3gan.PRESETS["ffhq256"].generator)
    params = jax.eval_shape(generator.init, KEY, jax.ShapeDtypeStruct((1, 64), jnp.float32))["params"]
    assert params["basis"].shape == (4, 4, 768)


def test_blocks_begin_as_the_identity():
    block = r3gan._Block(total=4, group_size=2, dtype=None)
    x = jax.random.normal(KEY, (2, 4, 4, 4))
    params = block.init(KEY, x)
    np.testing.assert_array_equal(block.apply(params, x), x)
    assert all(leaf.ndim == 1 or leaf.any() or leaf.shape == (8, 4) for leaf in jax.tree.leaves(params))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [r3gan.Generator, r3gan.Critic])
def test_a_label_says_which_class(kind):
    is_critic = kind is r3gan.Critic
    module = kind(classes=3, **SMALL) if is_critic else kind(shape=(8, 4, 2), classes=3, **SMALL)
    x = jax.random.normal(KEY, (1, 8, 4, 2) if is_critic else (1, 5)).repeat(3, axis=0)
    params = module.init(KEY, x, jnp.arange(3))
    made = module.apply(params, x, jnp.arange(3))
    assert len({*np.asarray(made).reshape(3, -1)[:, 0].tolist()}) == 3
    with pytest.raises(ValueError, match="takes labels"):
        module.apply(params, x)


def test_sides_that_do_not_halve_and_groups_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"multiples of 8, got \(28, 28, 1\)"):
        r3gan.Generator(shape=(28, 28, 1), depth=3).init(KEY, jnp.ones((1, 4)))
    with pytest.raises(InputError, match=r"multiples of 8, got \(28, 28, 1\)"):
        r3gan.Critic(depth=2, patch=2).init(KEY, jnp.ones((1, 28, 28, 1)))
    with pytest.raises(InputError, match=r"^group_size: 8 features cannot be cut into groups of 3"):
        r3gan.Critic(width=4, depth=1, group_size=3).init(KEY, jnp.ones((1, 8, 8, 1)))


def test_patches_are_cut_and_put_back():
    images = jax.random.normal(KEY, (2, 4, 6, 3))
    patches = to_patches(images, 2)
    np.testing.assert_array_equal(patches[1, 1, 2].reshape(2, 2, 3), images[1, 2:4, 4:6])
    np.testing.assert_array_equal(from_patches(patches, 2), images)


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 2, 1)])
@pytest.mark.parametrize("up", [True, False])
def test_filters_are_scipys(taps, up):
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)
    weights = np.array(taps, float) / sum(taps)
    expected = x.astype(float)
    for axis in (1, 2):
        size = x.shape[axis]
        full = upfirdn(2 * weights if up else weights, expected, 2 if up else 1, 1, axis=axis)
        first = (len(taps) - 1) // 2 if up else len(taps) - 1 - (len(taps) - 1) // 2
        places = np.arange(2 * size) + first if up else 2 * np.arange(size // 2) + first
        expected = np.take(full, places, axis=axis)
    np.testing.assert_allclose((upsample if up else downsample)(jnp.asarray(x), taps), expected, atol=1e-6)


def test_a_constant_image_keeps_its_value_inside():
    ones = jnp.ones((1, 8, 8, 1))
    np.testing.assert_allclose(upsample(ones)[:, 1:-1, 1:-1], 1, rtol=1e-6)
    np.testing.assert_allclose(downsample(ones)[:, 1:-1, 1:-1], 1, rtol=1e-6)


@pytest.mark.parametrize("method", ["lax", "toom_cook"])
def test_groups_are_laxs_to_second_order(method):
    x, kernel = jax.random.normal(KEY, (2, 5, 6, 6)), jax.random.normal(KEY, (3, 3, 2, 9))

    def theirs(x, kernel):
        dimensions = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=dimensions, feature_group_count=3)

    def ours(x, kernel):
        return conv(x, kernel, groups=3, method=method)

    def second(function):
        def slope(x, kernel):
            return (jax.grad(lambda x: (function(x, kernel) ** 3).sum())(x) ** 2).sum()

        return jax.jit(jax.grad(slope, argnums=(0, 1)))(x, kernel)

    np.testing.assert_allclose(ours(x, kernel), theirs(x, kernel), atol=2e-5)
    for mine, expected in zip(second(ours), second(theirs), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-4 * float(jnp.abs(expected).max()))
    with pytest.raises(ValueError, match="in 4 groups do not fit"):
        conv(x, kernel, groups=4)


def test_projection_is_an_inner_product():
    features, table = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    label = np.array([3, 0, 0, 2])
    expected = [features[i] @ table[label[i]] for i in range(4)]
    np.testing.assert_allclose(project(*map(jnp.asarray, (features, table, label))), expected, rtol=1e-5)
