"""The resize against its definition, pixel by pixel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax.evaluation.features.resize import bicubic, bilinear


def by_loops(image, size):
    (height, width, channels), resized = image.shape, np.zeros((*size, image.shape[2]))
    for i, j, c in np.ndindex(*size, channels):
        y, x = i * height / size[0], j * width / size[1]
        top, left = int(y), int(x)
        bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
        upper = image[top, left, c] * (1 - x + left) + image[top, right, c] * (x - left)
        lower = image[bottom, left, c] * (1 - x + left) + image[bottom, right, c] * (x - left)
        resized[i, j, c] = upper * (1 - y + top) + lower * (y - top)
    return resized


@pytest.mark.parametrize("size", [(13, 17), (4, 3), (7, 5), (20, 2), (1, 1)])
def test_equals_the_definition(size):
    images = np.random.default_rng(0).integers(0, 256, size=(2, 7, 5, 3), dtype=np.uint8)
    resized = jax.jit(bilinear, static_argnums=1)(images, size)
    assert resized.dtype == jnp.float32
    np.testing.assert_allclose(resized, [by_loops(image.astype(float), size) for image in images], atol=5e-4)


def test_one_size_stays_as_it_is():
    images = np.random.default_rng(0).integers(0, 256, size=(2, 7, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(bilinear(jnp.asarray(images), (7, 5)), images)
    np.testing.assert_array_equal(bilinear(jnp.asarray(images, jnp.float32), (7, 5)), images)


@pytest.mark.parametrize("size", [(13, 17), (4, 3), (30, 2)])
def test_bicubic_equals_pillow_on_floats(size):
    images = np.random.default_rng(0).integers(0, 256, size=(2, 11, 9, 3), dtype=np.uint8)
    resized = jax.jit(bicubic, static_argnums=1)(images, size)
    assert resized.dtype == jnp.float32

    def by_pillow(channel):
        return np.asarray(Image.fromarray(channel.astype(np.float32)).resize(size[::-1], Image.Resampling.BICUBIC))

    expected = np.stack([np.stack([by_pillow(image[..., c]) for c in range(3)], axis=-1) for image in images])
    np.testing.assert_allclose(resized, expected.clip(0, 255), atol=2e-3)
