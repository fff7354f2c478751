"""Deep Dream on objectives that are known, and on EfficientNet-Lite0 with random weights."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from gan_jax.dream import (
    activations,
    class_objective,
    dream,
    guide_objective,
    layer_objective,
    mean_value,
    octave_shapes,
    zoom_frames,
)
from gan_jax.dream.ascent import tiled_gradient
from gan_jax.dream.bands import equalized, laplacian_bands, sum_of_bands
from gan_jax.errors import InputError
from gan_jax.networks.conv import conv
from gan_jax.networks.efficientnet import LAYERS, EfficientNetLite0

KEY = jax.random.key(0)
GRAY = 127 + 8 * jax.random.normal(KEY, (48, 45, 3))
one_step = partial(dream, octaves=1, steps=1)


def edges(kernel, images):
    """A network of one layer, whose activations are of differences between neighbors."""
    return jnp.square(conv(images / 128 - 1, kernel)).mean(axis=(1, 2, 3)) / 2


EDGES = Partial(edges, jax.random.normal(KEY, (3, 3, 3, 4)) * jnp.array([[-1.0], [1], [0]]).reshape(3, 1, 1, 1))


@pytest.fixture(scope="module")
def params():
    """As the network's own initialization, but nothing of it is compiled."""
    shapes = jax.eval_shape(EfficientNetLite0().init, KEY, jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32))
    generator = np.random.default_rng(0)

    def draw(leaf):
        if len(leaf.shape) == 1:
            return jnp.zeros(leaf.shape)
        return jnp.asarray(generator.standard_normal(leaf.shape) * np.sqrt(2 / np.prod(leaf.shape[:-1])), jnp.float32)

    return jax.tree.map(draw, shapes)


@pytest.mark.slow
@pytest.mark.parametrize("bands", [0, 3])
def test_the_objective_grows_tenfold(bands):
    found = dream(EDGES, KEY, GRAY, octaves=2, steps=20, bands=bands)
    assert found.shape == GRAY.shape
    assert mean_value(EDGES, found) > 10 * mean_value(EDGES, GRAY)
    assert 0 <= found.min() <= found.max() <= 255


def test_a_step_moves_pixels_by_the_step_size():
    found = one_step(EDGES, KEY, GRAY, step_size=0.25)
    np.testing.assert_allclose(jnp.abs(found - GRAY).mean(), 0.25, rtol=1e-3)


def only(row, column):
    """An objective that is one pixel's brightness."""
    return lambda x: x[:, row, column].sum(axis=-1)


def changed(before, after):
    return jnp.argwhere((before != after).any(axis=-1)).tolist()


def test_the_jitter_is_undone():
    """Only the bright pixel may grow: wherever the network sees it, it is this one that does."""
    image = jnp.full((48, 45, 3), 100.0).at[24, 22].set(130.0)
    found = one_step(lambda x: jax.nn.relu(x - 120).sum(axis=(1, 2, 3)), KEY, image, bands=0, jitter=32)
    assert changed(image, found) == [[24, 22]]


def test_the_jitter_shifts_what_the_network_sees():
    """A network that sees one pixel alone changes others by it, and that one without."""
    image = jnp.zeros((48, 45, 3))
    dreamed = partial(dream, only(24, 22), KEY, image, octaves=1, steps=6, step_size=0.01, bands=0)
    assert changed(image, dreamed(jitter=0)) == [[24, 22]]
    places = changed(image, dreamed(jitter=5))
    assert len(places) > 3
    assert np.abs(np.array(places) - [[24, 22]]).max() in range(1, 6)


@pytest.mark.parametrize("shape", [(1, 48, 64, 3), (2, 37, 33, 1), (1, 3, 5, 3)])
def test_bands_sum_to_the_images(shape):
    x = jax.random.normal(KEY, shape)
    bands = jax.jit(laplacian_bands, static_argnums=1)(x, 4)
    assert len(bands) == 5
    assert [band.shape[1] for band in bands[1:]] == [-(-shape[1] // 2**i) for i in range(1, 5)]
    np.testing.assert_allclose(jax.jit(sum_of_bands)(bands), x, atol=1e-5)


def test_a_constant_is_in_the_last_band_alone():
    *bands, rest = jax.jit(laplacian_bands, static_argnums=1)(jnp.full((1, 33, 48, 3), 7.0), 3)
    assert max(jnp.abs(band).max() for band in bands) < 1e-5
    np.testing.assert_allclose(rest, 7, rtol=1e-6)


@pytest.mark.slow
def test_equalized_bands_are_alike():
    """Fine noise, and a hundredth of it as a coarse pattern: afterwards both are of one size."""
    fine = jax.random.normal(KEY, (64, 64, 3))
    coarse = jnp.broadcast_to(jnp.sin(jnp.arange(64) / 8)[:, None, None], fine.shape)
    bands = jax.jit(lambda x: laplacian_bands(equalized(x, 4)[None], 4))(fine + 0.01 * coarse)
    np.testing.assert_allclose(jnp.array([band.std() for band in bands]), 1, atol=0.35)
    assert jnp.array_equal(equalized(fine, 0), fine)


@pytest.mark.parametrize("tile", [32, 40, 64])
def test_tiles_cover_each_pixel_once(tile):
    image = jnp.arange(75 * 64 * 3, dtype=jnp.float32).reshape(75, 64, 3)
    seen = []

    def objective(x):
        seen.append(x.shape[1:3])
        return jnp.square(x).sum(axis=(1, 2, 3)) / 2

    gradient = tiled_gradient(objective, image, tile=tile)
    np.testing.assert_array_equal(gradient, image)
    assert max(seen[0]) <= tile


def test_a_network_without_borders_sees_no_tiles():
    """Its mean value, too, is that of the whole picture, for tiles that do not overlap."""
    image = jax.random.uniform(KEY, (64, 96, 3))
    whole, tiled = (mean_value(lambda x: jnp.square(x).mean(axis=(1, 2, 3)), image, tile=tile) for tile in (512, 32))
    np.testing.assert_allclose(whole, tiled, rtol=1e-5)


def test_the_same_key_gives_the_same_dream_watched_or_not():
    dreamed, seen = partial(dream, EDGES, image=GRAY, octaves=2, steps=3), []
    found = dreamed(KEY)
    assert jnp.array_equal(found, dreamed(KEY, advance=seen.append))
    assert seen == [1] * 6
    assert not jnp.array_equal(found, dreamed(jax.random.key(1)))


def test_an_octave_is_compiled_once():
    traced = []

    def objective(x):
        traced.append(x.shape)
        return jnp.square(x).mean(axis=(1, 2, 3))

    for steps in (2, 5):
        dream(objective, KEY, GRAY, octaves=2, steps=steps, advance=lambda count: None)
    assert sorted(set(traced)) == [(1, 34, 32, 3), (1, 48, 45, 3)]
    assert len(traced) <= 4  # a loop traces its body twice at most


def test_octaves_end_in_the_picture_itself():
    assert octave_shapes(600, 800, octaves=3, octave_scale=2.0) == [(150, 200), (300, 400), (600, 800)]
    assert octave_shapes(32, 50, octaves=1) == [(32, 50)]
    with pytest.raises(InputError, match=r"octaves: the smallest of 3 .*at most 2"):
        octave_shapes(48, 45, octaves=3)
    with pytest.raises(InputError, match=r"octave_scale: .*more than 1"):
        octave_shapes(48, 45, octave_scale=1.0)
    with pytest.raises(InputError, match="45x31 is too small"):
        octave_shapes(31, 45, octaves=1)


@pytest.mark.slow
def test_frames_zoom_into_the_middle():
    """A bright square in the middle grows from frame to frame, by an objective that changes nothing."""
    image = jnp.zeros((48, 48, 3)).at[18:30, 18:30].set(200.0)
    frames = list(zoom_frames(lambda x: 0 * x.sum(axis=(1, 2, 3)), KEY, image, frames=3, zoom=1.5, octaves=1, steps=1))
    assert jnp.array_equal(frames[0], image)
    bright = [[int((frame[24, :, 0] > 100).sum()), int((frame[:, 24, 0] > 100).sum())] for frame in frames]
    np.testing.assert_allclose(bright, [[12, 12], [18, 18], [27, 27]], atol=1)
    np.testing.assert_allclose(frames[2], frames[2][::-1, ::-1], atol=1e-2)


def seen(params, images, layers):
    """Compiled, and so only as much of the network as the layers need."""
    return jax.jit(partial(activations, layers=layers))(params, images)


@pytest.mark.slow
def test_layers_have_the_channels_that_are_said(params):
    images = jax.ShapeDtypeStruct((2, 64, 96, 3), jnp.float32)
    found = jax.eval_shape(partial(activations, layers=list(LAYERS)), params, images)
    assert [a.shape[-1] for a in found] == [*LAYERS.values()]
    assert found[0].shape == (2, 32, 48, 32)
    assert found[-1].shape == (2, 2, 3, 1280)


@pytest.mark.slow
def test_activations_are_linear_in_the_last_kernel(params):
    """Before relu6: they are negative, too."""
    for found in seen(params, GRAY[None, :32, :32], ["stem", "block_0", "block_1"]):
        assert found.min() < 0


def test_channels_and_layers_are_what_is_measured(params):
    images = GRAY[None, :32, :32]
    stem, block = seen(params, images, ["stem", "block_0"])
    found = jax.jit(layer_objective(params, ["stem", "block_0"], channels=[3, 5]))(images)
    np.testing.assert_allclose(found, sum((a[..., 3:6:2] ** 2).mean() / 2 for a in (stem, block)), rtol=1e-5)


@pytest.mark.slow
def test_a_channel_grows_tenfold(params):
    objective = layer_objective(params, ["block_0"], channels=[1])
    found = dream(objective, KEY, GRAY[:32, :32], octaves=1, steps=20, step_size=5.0)
    assert mean_value(objective, found) > 10 * mean_value(objective, GRAY[:32, :32])


@pytest.mark.slow
def test_a_guide_is_matched_by_its_best_place(params):
    guide = jax.random.uniform(KEY, (24, 32, 3), maxval=255)
    images = GRAY[None, :32, :32]
    (a,), (g,) = (seen(params, each, ["stem"]) for each in (images, guide[None]))
    products = np.einsum("ijc,klc->ijkl", a[0], g[0])
    found = guide_objective(params, ["stem"], guide)
    np.testing.assert_allclose(jax.jit(found)(images), products.max(axis=(2, 3)).mean() / 32, rtol=1e-4)
    dreamed = dream(found, KEY, images[0], octaves=1, steps=5)
    assert mean_value(found, dreamed) > mean_value(found, images[0])


def test_the_guide_of_a_fine_layer_is_thinned(params):
    found = guide_objective(params, ["stem"], jnp.zeros((96, 96, 3)))
    assert found.args[1][0].shape == (1024, 32)


@pytest.mark.slow
def test_a_class_is_its_logit(params):
    objective = class_objective(params, [7, 9])

    def both(images):  # compiled as one
        return EfficientNetLite0().apply(params, (images - 127) / 128), objective(images)

    (_, logits), found = jax.jit(both)(GRAY[None, :32, :32])
    np.testing.assert_allclose(found, np.asarray(logits)[:, [7, 9]].mean(axis=1), rtol=1e-4)
