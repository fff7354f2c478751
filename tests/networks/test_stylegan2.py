"""StyleGAN2's parts against loops with explicit weights, and its published sizes."""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.errors import InputError
from gan_jax.networks import stylegan, stylegan2
from gan_jax.networks.modulated import EqualizedConv, EqualizedDense, modulated_conv
from gan_jax.networks.resample import blur
from gan_jax.networks.styles import Mapping, minibatch_std

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (3, 5, 4, 6))
KERNEL = jax.random.normal(jax.random.key(1), (3, 3, 6, 2))
STYLE = 1 + 0.5 * jax.random.normal(jax.random.key(2), (3, 6))


def by_hand(x, kernel, style, demodulate, up):
    """One sample after the other, each with its own kernel."""
    made = []
    for sample, scales in zip(x, style, strict=True):
        own = kernel * scales[None, None, :, None]
        if demodulate:
            own = own / jnp.sqrt((own**2).sum(axis=(0, 1, 2), keepdims=True) + 1e-8)
        padding, dilation = ([(2, 2), (2, 2)], (2, 2)) if up else ("SAME", (1, 1))
        dimensions = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(
            sample[None], own, (1, 1), padding, lhs_dilation=dilation, dimension_numbers=dimensions
        )
        made.append(blur(y, gain=2.0, padding=(1, 1)) if up else y)
    return jnp.concatenate(made)


@pytest.mark.slow
@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [True, False])
def test_modulated_convolutions_are_those_of_explicit_kernels_to_second_order(demodulate, up):
    def ours(x, kernel, style):
        return modulated_conv(x, kernel, style, demodulate=demodulate, up=up)

    def theirs(x, kernel, style):
        return by_hand(x, kernel, style, demodulate, up)

    def second(function):
        def slope(*inputs):
            gradients = jax.grad(lambda x, style: (function(x, inputs[1], style) ** 3).sum(), (0, 1))(*inputs[::2])
            return sum((gradient**2).sum() for gradient in gradients)

        return jax.jit(jax.value_and_grad(slope, argnums=(0, 1, 2)))(X, KERNEL, STYLE)

    np.testing.assert_allclose(ours(X, KERNEL, STYLE), theirs(X, KERNEL, STYLE), atol=2e-5)
    for mine, expected in zip(*(jax.tree.leaves(second(function)) for function in (ours, theirs)), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=2e-3, atol=2e-4 * float(jnp.abs(expected).max()))


@pytest.mark.slow
def test_minibatch_std_is_numpys_and_tells_sets_apart():
    x = np.random.default_rng(0).normal(size=(6, 2, 3, 4)).astype(np.float32)
    found = minibatch_std(jnp.asarray(x), 3)
    np.testing.assert_array_equal(found[..., :4], x)
    for group in (slice(0, 3), slice(3, 6)):
        expected = np.sqrt(x[group].var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[group, ..., 4], expected, rtol=1e-5)
    slopes = jax.grad(lambda x: minibatch_std(x, 3)[:3, ..., 4].sum())(jnp.asarray(x))
    assert not slopes[3:].any()
    assert slopes[:3].any()
    chex.assert_tree_all_finite(jax.grad(lambda x: minibatch_std(x, 3).sum())(jnp.ones((3, 1, 1, 1))))
    with pytest.raises(ValueError, match="6 samples cannot be cut into sets of 4"):
        minibatch_std(jnp.asarray(x), 4)


def count(module, *shapes):
    params = jax.eval_shape(module.init, KEY, *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def test_the_cifar_preset_by_hand():
    preset = stylegan2.PRESETS["cifar10"]
    dense = 512 * 512 + 512
    layer = 9 * 512 * 512 + 512 + 1 + dense  # kernel, bias, noise, style
    to_image = 3 * 512 + 3 + dense
    expected = 2 * dense + 16 * 512 + 7 * layer + 4 * to_image
    assert expected == 19_947_539
    assert count(stylegan2.Generator(shape=(32, 32, 3), **preset.generator), (1, 512)) == expected
    conv = 9 * 512 * 512 + 512
    expected = 3 * 512 + 512 + 6 * conv + 9 * 513 * 512 + 512 + 16 * 512 * 512 + 512 + 513
    assert count(stylegan2.Critic(**preset.critic), (1, 32, 32, 3)) == expected


def test_the_published_counts_of_the_first_style_based_networks():
    """The authors' grow: each smaller size has a 1x1 convolution of its own, to the image or from it."""
    preset = stylegan.PRESETS["ffhq1024"]
    smaller = [min(16 * 2**stage, 512) for stage in range(1, 9)]
    generator = count(stylegan.Generator(shape=(1024, 1024, 3), **preset.generator), (1, 512))
    critic = count(stylegan.Critic(**preset.critic), (4, 1024, 1024, 3))
    assert generator + sum(3 * features + 3 for features in smaller) == 26_219_627
    assert critic + sum(3 * features + features for features in smaller) == 23_087_249


def test_adaptive_instance_normalization_gives_means_and_spreads():
    scale, shift = jax.random.normal(KEY, (2, 3, 6))
    made = stylegan.adain(X, scale, shift)
    np.testing.assert_allclose(made.mean(axis=(1, 2)), shift, atol=1e-5)
    np.testing.assert_allclose(made.std(axis=(1, 2)), abs(1 + scale), rtol=1e-4, atol=1e-5)
    chex.assert_tree_all_finite(jax.grad(lambda x: stylegan.adain(x, scale, shift).sum())(jnp.ones_like(X)))


@pytest.mark.slow
def test_layers_with_an_equalized_rate_keep_the_variance_and_scale_their_steps():
    x = jax.random.normal(KEY, (500, 300))
    for rate in (1.0, 0.01):
        layer = EqualizedDense(200, rate=rate)
        params = layer.init(KEY, x)
        np.testing.assert_allclose(params["params"]["kernel"].std(), 1 / rate, rtol=0.02)
        np.testing.assert_allclose(layer.apply(params, x).std(), 1, rtol=0.05)
        slope = jax.grad(lambda params: layer.apply(params, x)[:, 0].sum())(params)["params"]["bias"][0]  # noqa: B023
        np.testing.assert_allclose(slope, 500 * rate, rtol=1e-5)
    images = jax.random.normal(KEY, (2, 16, 12, 40))
    convolve = EqualizedConv(30, 3, down=True)
    made = convolve.apply(convolve.init(KEY, images), images)
    assert made.shape == (2, 8, 6, 30)


@pytest.mark.slow
def test_half_the_image_is_that_of_a_blurred_one():
    """A kernel that passes its middle on takes every second pixel of the smoothed image."""
    layer = EqualizedConv(1, 3, down=True, use_bias=False)
    kernel = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(3.0)
    image = jax.random.normal(KEY, (1, 8, 8, 1))
    made = layer.apply({"params": {"kernel": kernel}}, image)
    np.testing.assert_allclose(made, blur(image, padding=(1, 1))[:, ::2, ::2], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [stylegan.Generator, stylegan2.Generator])
def test_noise_is_a_samples_own_and_begins_at_nothing(kind):
    generator = kind(shape=(8, 8, 1), width=4, max_width=4, depth=1, mapping_depth=1)
    z = jax.random.normal(KEY, (4, 6))
    params = generator.init(KEY, z[:1])
    images = generator.apply(params, z)
    noisy = jax.tree_util.tree_map_with_path(lambda path, leaf: leaf + 1 if path[-1].key == "noise" else leaf, params)
    seen = generator.apply(noisy, z)
    assert float(jnp.abs(seen - images).min(axis=(1, 2, 3)).max()) > 0
    np.testing.assert_allclose(generator.apply(noisy, z[2:3]), seen[2:3], atol=1e-5)
    other = generator.apply(noisy, z.at[:, 0].multiply(1.0001))
    assert float(jnp.abs(other - seen).mean()) > 10 * float(
        jnp.abs(generator.apply(params, z * 1.0001) - images).mean()
    )
    with pytest.raises(InputError, match="give at least 2"):
        generator.init(KEY, z[:, :1])


@pytest.mark.slow
def test_labels_are_mapped_and_projected_on():
    small = {"width": 4, "max_width": 8, "depth": 1, "mapping_depth": 1, "classes": 3}
    plain = stylegan.Critic(width=4, max_width=8, depth=1, classes=3, set_size=1)
    critic = stylegan2.Critic(set_size=1, **small)
    images = jax.random.normal(KEY, (1, 8, 8, 2)).repeat(3, axis=0)
    scores, params = critic.init_with_output(KEY, images, jnp.arange(3))
    assert len({*np.asarray(scores).tolist()}) == 3
    assert len({*np.asarray(plain.init_with_output(KEY, images, jnp.arange(3))[0]).tolist()}) == 3
    with pytest.raises(ValueError, match="takes labels"):
        critic.apply(params, images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "classes"), [(stylegan2.Generator, 0), (stylegan2.Generator, 3), (stylegan.Generator, 3)]
)
def test_truncation_moves_styles_to_the_mean_of_the_class(kind, classes):
    generator = kind((8, 8, 1), width=4, max_width=4, depth=1, mapping_depth=2, classes=classes)
    z, label = jax.random.normal(KEY, (4, 6)), jnp.array([0, 2, 1, 0])
    given = (label,) if classes else ()
    params = generator.init(KEY, z, *given)
    many = jax.random.normal(jax.random.key(1), (50, 6))
    center = generator.center(params, many, *given)
    mapping = Mapping(4, 2, classes)
    for row, k in enumerate(label.tolist() if classes else [0]):
        labels = (jnp.full(50, k),) if classes else ()
        expected = mapping.apply({"params": params["params"]["mapping"]}, many, *labels).mean(axis=0)
        np.testing.assert_allclose(center[row], expected, rtol=1e-4, atol=1e-6)
    center = jnp.broadcast_to(center, (4, 4))
    styles = generator.styles(params, z, *given)
    assert generator.layers == 4
    whole, average = (jnp.repeat(each[:, None], 4, axis=1) for each in (styles, center))
    np.testing.assert_allclose(
        generator.apply(params, z, *given, styles=whole), generator.apply(params, z, *given), atol=1e-5
    )
    images = generator.apply(params, z, *given, styles=average)
    np.testing.assert_allclose(images[0], images[3], atol=1e-6)  # of one class; noise begins at nothing
