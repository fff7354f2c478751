"""Work on large arrays takes little memory of its own, and gives what NumPy does."""

import hashlib
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import large_arrays
from gan_jax.data.alike import held_out
from gan_jax.data.dataset import sha256
from gan_jax.data.files import check_images
from gan_jax.data.large_arrays import available_memory, blocks, reorder
from gan_jax.data.sources import read

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3000, 20, 50, 3)).astype(np.uint8)  # 9 MB


def peak(function, *args):
    """What memory a call takes, in times the images'."""
    tracemalloc.start()
    result = function(*args)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size / IMAGES.nbytes, result


@pytest.fixture
def folder(tmp_path):
    for i, image in enumerate(IMAGES.reshape(75, -1, 200, 3)):
        Image.fromarray(image).save(tmp_path / f"{i:02}.bmp")
    return tmp_path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_is_in_memory_once(save, order, tmp_path):
    save(tmp_path / "a.npz", images=np.asarray(IMAGES, order=order), labels=np.arange(3000))
    read(str(tmp_path / "a.npz"))
    size, data = peak(read, str(tmp_path / "a.npz"))
    assert size < 1.3
    assert peak(lambda: data.fingerprint)[0] < 0.1


def test_a_folder_is_in_memory_once(folder):
    read(str(folder))
    assert peak(read, str(folder))[0] < 1.3


@pytest.mark.parametrize("images", [IMAGES, IMAGES // 128 * 255, np.zeros_like(IMAGES)], ids=["any", "two", "black"])
def test_images_are_checked_without_a_copy(images):
    size, checked = peak(check_images, images, "mine")
    assert checked is images
    assert size < 0.1


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("images", [IMAGES, IMAGES[..., 0]], ids=["color", "gray"])
def test_the_split_is_what_indexing_gives(images, order, tmp_path):
    np.savez(tmp_path / "a.npz", images=np.asarray(images, order=order), labels=np.arange(3000))
    images = images.reshape(3000, 20, 50, -1)
    data = read(str(tmp_path / "a.npz"))
    out = np.array([held_out(image) for image in images])
    assert 450 < out.sum() < 750
    for part, chosen in ((data.train, np.flatnonzero(~out)), (data.held_out, np.flatnonzero(out))):
        np.testing.assert_array_equal(part.batch(slice(None))["sample"], images[chosen])
        np.testing.assert_array_equal(part.batch(slice(None))["label"], chosen)


@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 3, 50), (1, 3)])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_reorder(shape, layout):
    array = np.asarray(RNG.normal(size=shape), order=layout)
    order = RNG.permutation(len(array))
    expected = array[order]
    reorder(array, order)
    np.testing.assert_array_equal(array, expected)
    if len(shape) > 2:
        with pytest.raises(ValueError, match="not contiguous"):
            reorder(array[:, ::2], order)


@pytest.mark.parametrize(
    "array",
    [
        IMAGES,
        IMAGES[::2, :, ::-1],
        np.asfortranarray(IMAGES),
        IMAGES[:0],
        np.array(3.0),
        np.arange(9)[::2],
    ],
    ids=["whole", "strided", "fortran", "empty", "scalar", "line"],
)
def test_blocks_are_the_bytes_in_c_order(array):
    assert b"".join(block.tobytes() for block in blocks(array)) == array.tobytes()
    expected = hashlib.sha256(f"a {array.dtype.str} {array.shape} ".encode() + array.tobytes()).hexdigest()
    assert sha256({"a": array}) == expected


def test_memory_is_what_the_system_and_its_limits_leave(tmp_path, monkeypatch):
    physical = available_memory()
    assert 10**6 < physical < 10**15
    free, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    free.write_text("MemTotal:  9000 kB\nMemAvailable:    2000 kB\n")
    monkeypatch.setattr(large_arrays, "_FREE", free)
    monkeypatch.setattr(large_arrays, "_LIMITS", (limit,))
    assert available_memory() == 2_048_000
    limit.write_text("max\n")
    assert available_memory() == 2_048_000
    limit.write_text("1000000\n")
    assert available_memory() == 1_000_000
