"""Augmentations against closed forms and NumPy; their strength, derivatives and adaptation."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from gan_jax.augment import AUGMENTATIONS, AdaptiveStrength, adapt, augment, check_shape
from gan_jax.augment.affine import rotation, sample_affine, scaling, shift
from gan_jax.augment.filters import _band_matrices, _bank, ada_filter, ada_noise
from gan_jax.augment.image import moved, with_box
from gan_jax.errors import InputError

KEYS = jax.random.split(jax.random.key(0), 200)
IMAGES = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (200, 8, 8, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def changed():
    """Every augmentation at full strength."""
    return {name: jax.jit(lambda x, name=name: augment([name], KEYS, x, 1.0))(IMAGES) for name in AUGMENTATIONS}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_without_strength_the_image_is_the_same_bit_for_bit(name, changed):
    np.testing.assert_array_equal(augment([name], KEYS, IMAGES, 0.0), IMAGES)
    assert changed[name].shape == IMAGES.shape
    assert (changed[name] != IMAGES).any(axis=(1, 2, 3)).mean() > 0.7


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_strength_between_is_how_often(name):
    seen = augment([name], KEYS, IMAGES, 0.3)
    share = (seen != IMAGES).any(axis=(1, 2, 3)).mean()
    parts = {"color": 3, "blit": 3, "geometry": 5, "ada_color": 5, "ada_filter": 4}.get(name, 1)
    assert 0.1 < share < 1 - 0.7**parts + 0.15


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_image_has_draws_of_its_own_whatever_the_batch(name, changed):
    few = augment([name], KEYS[:3], IMAGES[:3], 1.0)
    np.testing.assert_allclose(few, changed[name][:3], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_derivatives_to_second_order(name):
    """Each is affine in the image, so that differences are exact, and a gradient's gradient passes through it."""
    key, image, other = KEYS[:1], IMAGES[:1], IMAGES[1:2]

    def seen(x):
        return augment([name], key, x, 1.0)

    primal, tangent = jax.jvp(seen, (image,), (other,))
    np.testing.assert_allclose(seen(image + other) - primal, tangent, atol=2e-5)

    def slope(scale):
        return (jax.grad(lambda x: (seen(scale * x) ** 3).sum())(image) ** 2).sum()

    step = 1e-2
    numerical = (slope(1 + step) - slope(1 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(slope)(1.0), numerical, rtol=1e-2)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (2, -3), (-1, 4), (7, 0)])
def test_moving_is_numpys(rows, columns):
    image = np.asarray(IMAGES[0])
    zero = ndimage.shift(image, (rows, columns, 0), order=0, mode="constant")
    shifts = jnp.int32(rows), jnp.int32(columns)
    np.testing.assert_array_equal(moved(IMAGES[0], *shifts, reflect=False), zero)
    mirror = ndimage.shift(image, (rows, columns, 0), order=0, mode="mirror")
    np.testing.assert_array_equal(moved(IMAGES[0], *shifts, reflect=True), mirror)


@pytest.mark.parametrize("side", [8, 72])
def test_an_affine_map_is_scipys_bilinear_one(side):
    image = np.random.default_rng(1).normal(size=(side, side - 2, 2)).astype(np.float32)
    turned = rotation(jnp.float32(0.4)) @ scaling(jnp.float32(1.3), jnp.float32(0.8))
    matrix = turned @ shift(jnp.float32(1.5), jnp.float32(-1.75))
    center = (np.array(image.shape[:2]) - 1) / 2
    linear, offset = np.asarray(matrix[:2, :2], float), np.asarray(matrix[:2, 2], float)
    offset = offset + center - linear @ center
    expected = np.stack(
        [ndimage.affine_transform(image[..., c], linear, offset, order=1, mode="mirror") for c in range(2)], axis=2
    )
    np.testing.assert_allclose(sample_affine(jnp.asarray(image), matrix), expected, atol=2e-4)


def test_diff_augments_colors_are_its_formulas():
    """Brightness moves all alike; saturation keeps each pixel's mean, contrast that of the image."""
    gray = jnp.broadcast_to(IMAGES[..., :1], IMAGES.shape)
    seen = augment(["color"], KEYS, gray, 1.0)
    np.testing.assert_allclose(seen[..., 0], seen[..., 2], atol=1e-6)
    centered, before = (x - x.mean(axis=(1, 2, 3), keepdims=True) for x in (seen, gray))
    ratio = (centered / before)[:, 0, 0, 0]
    np.testing.assert_allclose(centered, ratio[:, None, None, None] * before, atol=1e-4)
    assert 0.5 <= ratio.min() < 0.55
    assert 1.45 < ratio.max() <= 1.5
    lifted = (seen - gray).mean(axis=(1, 2, 3))
    assert -0.5 <= lifted.min() < -0.45
    assert 0.45 < lifted.max() <= 0.5


def test_ada_turns_hues_about_gray_and_keeps_what_is_gray_gray():
    gray = jnp.broadcast_to(IMAGES[..., :1], IMAGES.shape)
    seen = augment(["ada_color"], KEYS, gray, 1.0)
    np.testing.assert_allclose(seen, jnp.broadcast_to(seen[..., :1], seen.shape), atol=1e-5)
    alone = augment(["ada_color"], KEYS, gray[..., :1], 1.0)
    np.testing.assert_allclose(seen[..., :1], alone, atol=1e-5)


def test_blits_are_permutations_of_pixels():
    """Of images that are the same wherever reflection could show."""
    pixels = jnp.arange(64.0).reshape(1, 8, 8, 1)
    for key in KEYS[:20]:
        seen = augment(["blit"], key[None], pixels, 1.0)
        assert set(np.unique(seen)) <= set(np.unique(pixels))


def test_a_box_is_where_it_should_be():
    box = with_box(jnp.ones((6, 8, 1)), (jnp.float32(3), jnp.float32(0)), (2, 4))
    expected = np.ones((6, 8, 1))
    expected[2:4, :2] = 0
    np.testing.assert_array_equal(box, expected)


def test_the_strengths_trajectory_by_hand():
    """Up 4 images / span where the mean sign of four steps is above the target, down where below, within [0, 1]."""
    state, found = AdaptiveStrength.start(0.0), []
    for sign in [0.7] * 8 + [0.5] * 4 + [0.6] * 4 + [-1.0] * 8 + [1.0] * 80:
        state = adapt(state, jnp.float32(sign), images=10, target=jnp.float32(0.6), span=400)
        found.append(float(state.strength))
    expected = np.repeat([0, 0.1, 0.2, 0.1], [3, 4, 4, 1])
    np.testing.assert_allclose(found[:12], expected, atol=1e-6)
    np.testing.assert_allclose(found[23], 0, atol=1e-6)
    assert found[-1] == 1.0


def test_what_has_no_meaning_for_the_data_is_refused():
    with pytest.raises(InputError, match=r"^policies: ada_color turns hues, and these images have 2 channels"):
        check_shape(("ada_color",), (8, 8, 2))
    with pytest.raises(InputError, match=r"^policies: they are of images"):
        check_shape(("cutout",), (2,))
    check_shape(("color", "geometry"), (8, 8, 2))


@chex.variants(with_jit=True, without_jit=True)
class TestVariants(chex.TestCase):
    """Compiled and not, the same."""

    def test_compiled_and_not(self):
        seen = self.variant(lambda x: augment(["color", "geometry", "cutout"], KEYS[:2], x, 0.8))(IMAGES[:2])
        expected = augment(["color", "geometry", "cutout"], KEYS[:2], IMAGES[:2], 0.8)
        np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_bands_are_octaves_that_sum_to_the_image():
    """A wave passes through the band of its frequency alone, and the filters' responses are SciPy's."""
    matrices = _band_matrices(64)
    np.testing.assert_allclose(matrices.sum(axis=0), np.eye(64), atol=1e-6)
    middle = np.arange(64) - 32
    for band, frequency in enumerate((0.01, 0.09, 0.18, 0.5)):
        wave = np.cos(2 * np.pi * frequency * middle + 0.5)
        passed = [np.abs(matrix @ wave)[24:40].max() for matrix in matrices]
        assert int(np.argmax(passed)) == band
        assert passed[band] > 0.7
    line = np.random.default_rng(0).normal(size=64).astype(np.float32)
    for matrix, taps in zip(matrices, _bank(), strict=True):
        np.testing.assert_allclose(matrix @ line, ndimage.correlate1d(line, taps, mode="mirror"), atol=1e-5)


def test_a_filter_leaves_a_flat_image_flat_and_its_power_bounded():
    """Of the lowest band alone, whose gain then is at most the root of 13 tenths, for each band that was changed."""
    flat = jax.vmap(lambda key: ada_filter(key, jnp.ones((16, 16, 1)), 1.0))(KEYS)
    assert float(jnp.ptp(flat, axis=(1, 2, 3)).max()) < 1e-4
    assert float(flat.max()) < 1.3**4
    assert 0.5 < float(flat.mean()) < 1.2


def test_noise_is_of_one_spread_for_an_image():
    noise = jax.vmap(lambda key: ada_noise(key, jnp.zeros((16, 16, 3)), 1.0))(KEYS)
    spread = noise.std(axis=(1, 2, 3))
    np.testing.assert_allclose(jnp.sqrt((spread**2).mean()), 0.1, rtol=0.15)
    assert float(spread.min()) < 0.02 < 0.15 < float(spread.max())
