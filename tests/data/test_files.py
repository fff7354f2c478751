"""Numbers that are no 8-bit images are told from images, and the line says what would make them so."""

import numpy as np
import pytest

from gan_jax.data.files import check_images, read_samples
from gan_jax.errors import InputError

GRAY = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1)).astype(np.uint8)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (GRAY / 255, r"float64 from 0 to 1; if they are meant in \[0, 1\], store np.round\(255 \* images\)"),
        (GRAY / 127.5 - 1, r"from -1 to 1; if they are meant in \[-1, 1\], store np.round\(127.5 \* \(images \+ 1\)\)"),
        (GRAY.astype(np.float32), r"float32 from 0 to 25\d; store np.round\(images\)"),
        (GRAY.astype(np.int32) - 300, "int32 from -300 to .*; bring them to 0..255"),
        (np.where(GRAY > 99, np.nan, 0.5), r"with \d+ numbers that are not finite"),
        (GRAY > 99, "got bool, which is no number"),
        (GRAY // 128, "no gray but 1 of 255; scale them"),
        ((GRAY / 127.5 - 1).astype(np.int8).astype(np.uint8), "no gray but 1 of 255"),
    ],
)
def test_other_numbers(images, says):
    with pytest.raises(InputError, match=f"^mine: .*{says}") as error:
        check_images(images, "mine")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("images", [GRAY, np.zeros_like(GRAY), np.where(GRAY > 99, 255, 0).astype(np.uint8)])
def test_images_are_left_as_they_are(images):
    np.testing.assert_array_equal(check_images(images, "mine"), images)


def test_either_array_of_a_file(tmp_path):
    np.savez(tmp_path / "a.npz", images=GRAY)
    np.testing.assert_array_equal(read_samples(tmp_path / "a.npz"), GRAY)
    np.savez(tmp_path / "b.npz", points=np.ones((3, 2)))
    assert read_samples(tmp_path / "b.npz").dtype == np.float32
    np.savez(tmp_path / "c.npz", other=GRAY)
    with pytest.raises(InputError, match="has no array 'images'"):
        read_samples(tmp_path / "c.npz")


@pytest.mark.parametrize("shape", [(8, 9, 3), (8, 9, 4), (8, 9, 1)])
def test_three_axes_of_which_the_last_may_be_colors_are_asked_about(shape, tmp_path):
    """One color image, or many gray ones that are so narrow, or color without a width: the numbers do not tell."""
    images = np.resize(GRAY, shape)
    says = rf"\(8, 9, {shape[2]}\) may be 8 gray.* {shape[2]} wide or one of {shape[2]} channels; store images\[..., N"
    with pytest.raises(InputError, match=f"^mine: {says}"):
        check_images(images, "mine")
    np.savez(tmp_path / "a.npz", images=images)
    with pytest.raises(InputError, match=f"a.npz: {says}"):
        read_samples(tmp_path / "a.npz")
    assert check_images(images[..., None], "mine").shape == (*shape, 1)
    assert check_images(images[None], "mine").shape == (1, *shape)
    assert check_images(images.reshape(8, shape[2], 9), "mine").shape == (8, shape[2], 9, 1)
