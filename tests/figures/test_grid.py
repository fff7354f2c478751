"""Grids, scatter plots, and PNG files that are whole."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.figures.grid import grid, save_png
from gan_jax.figures.samples import save_samples


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


def test_samples_are_a_grid_of_images_or_a_scatter_plot(tmp_path):
    save_samples(tmp_path / "new" / "images.png", np.zeros((130, 2, 2, 1), np.uint8))
    with Image.open(tmp_path / "new" / "images.png") as image:
        assert image.size == (31 * 15, 31 * 15)  # a hundred of them
    save_samples(tmp_path / "points.png", np.random.default_rng(0).normal(size=(50, 2)))
    with Image.open(tmp_path / "points.png") as image:
        assert image.size == (480, 480)
        assert len(np.unique(image.convert("L"))) > 10


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    file.write_bytes(b"before")

    def interrupted(self, part, **options):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_png(file, np.zeros((2, 2, 1), np.uint8))
    assert file.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [file]
