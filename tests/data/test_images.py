"""The way from stored images to what networks see and back, batches, grids, and PNG."""

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from gan_jax.data.images import to_float, to_uint8
from gan_jax.data.pipeline import draw
from gan_jax.figures.samples import grid, save_png


def test_every_level_survives_the_way_there_and_back():
    levels = jnp.arange(256, dtype=jnp.uint8)
    floats = to_float(levels)
    assert floats.dtype == jnp.float32
    assert (float(floats[0]), float(floats[-1])) == (-1.0, 1.0)
    np.testing.assert_array_equal(to_uint8(floats), levels)
    np.testing.assert_array_equal(to_uint8(jnp.array([-9.0, 9.0], jnp.bfloat16)), [0, 255])


def test_batches_are_images_of_the_set_drawn_evenly_and_by_the_key():
    images = jnp.arange(8, dtype=jnp.uint8).reshape(8, 1, 1, 1)
    batch = to_uint8(draw(jax.random.key(0), images, 8000))
    assert batch.shape == (8000, 1, 1, 1)
    counts = np.bincount(batch.ravel(), minlength=8)
    assert counts.min() > 850
    assert counts.max() < 1150
    np.testing.assert_array_equal(batch, to_uint8(draw(jax.random.key(0), images, 8000)))
    assert (batch != to_uint8(draw(jax.random.key(1), images, 8000))).any()


def test_noise_is_uniform_and_as_wide_as_asked():
    images = jnp.full((8, 3, 3, 1), 255, jnp.uint8)
    noise = np.sort((draw(jax.random.key(0), images, 500, noise=0.1) - 1).ravel())
    np.testing.assert_allclose(noise, np.linspace(-0.1, 0.1, len(noise)), atol=6e-3)


def test_a_grid_holds_each_image_at_its_place():
    images = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    canvas = grid(images, columns=3)
    assert canvas.shape == (7, 13, 1)
    np.testing.assert_array_equal(canvas[1:3, 1:4, 0], 1)
    np.testing.assert_array_equal(canvas[4:6, 5:8, 0], 5)
    np.testing.assert_array_equal(canvas[4:6, 9:12, 0], 255)


def test_png_holds_the_pixels(tmp_path):
    for channels, mode in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        image = np.random.default_rng(0).integers(0, 256, (3, 4, channels)).astype(np.uint8)
        save_png(tmp_path / "a.png", image, shortest_side=6)
        with Image.open(tmp_path / "a.png") as read:
            assert (read.mode, read.size) == (mode, (8, 6))
            np.testing.assert_array_equal(np.asarray(read).reshape(6, 8, channels)[::2, ::2], image)
