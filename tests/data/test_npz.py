"""Arrays of odd `.npz` files: one line for each, before memory is taken; and of what is not needed, nothing is read."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gan_jax.data import large_arrays, npz
from gan_jax.data.files import read_images, read_labeled_images, read_samples
from gan_jax.data.npz import array_names, declared, read_array
from gan_jax.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 1)).astype(np.uint8)


def npy(array, shape=None):
    """The bytes of an `.npy` file, which may claim another shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": array.dtype.str, "fortran_order": False, "shape": shape or array.shape}
    )
    return file.getvalue() + array.tobytes()


def write(path, method=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))
    return path


def changed(path, at, what):
    """Overwrite some bytes."""
    content = bytearray(path.read_bytes())
    content[at : at + len(what)] = what
    path.write_bytes(content)
    return path


def data_start(path):
    return path.read_bytes().index(b"images.npy") + len("images.npy")


def damaged_lzma(path):
    write(path, zipfile.ZIP_LZMA, images=IMAGES)
    return changed(path, data_start(path) + 9, b"\xff" * 40)


def encrypted(path):
    """The flag of encryption, in the file's header and in the directory."""
    write(path, images=IMAGES)
    changed(path, 6, b"\x01")
    return changed(path, path.read_bytes().index(b"PK\x01\x02") + 8, b"\x01")


def unknown_compression(path):
    write(path, images=IMAGES)
    changed(path, 8, b"\x63")
    return changed(path, path.read_bytes().index(b"PK\x01\x02") + 10, b"\x63")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (damaged_lzma, "not a readable .npz file"),
        (encrypted, "not a readable .npz file.*encrypted"),
        (unknown_compression, "not a readable .npz file.*compression"),
        (lambda path: write(path, images=npy(IMAGES, (10**6, 1000, 1000, 1))), "images should be .* 120 bytes are"),
        (lambda path: write(path, images=npy(IMAGES, (-6, 4, 5, 1))), r"images should be \(-6"),
        (lambda path: write(path, images=b"\x93NUMPY\x07\x00"), "not a readable .npz file"),
        (lambda path: write(path, images=b"\x93NUMPY\x03\x00"), "not a readable .npz file.*version"),
        (lambda path: write(path, images=b""), "not a readable .npz file"),
        (lambda path: write(path), "zip file without arrays; prepare it"),
    ],
)
@pytest.mark.parametrize("read", [read_images, read_labeled_images, read_samples])
def test_odd_files_are_one_line(make, says, read, tmp_path):
    path = make(tmp_path / "odd.npz")
    with pytest.raises(InputError, match=f"odd.npz: .*{says}") as error:
        read(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_an_array_that_is_not_needed_is_not_opened(tmp_path):
    path = damaged_lzma(tmp_path / "a.npz")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("pictures.npy", npy(IMAGES))
        archive.writestr("huge.npy", npy(IMAGES, (10**6, 1000, 1000, 1)))
    assert array_names(path) == ("images", "pictures", "huge")
    np.testing.assert_array_equal(read_array(path, "pictures"), IMAGES)


def test_what_would_not_fit_in_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = write(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, images=np.zeros((200, 50, 100, 1), np.uint8))
    monkeypatch.setattr(large_arrays, "available_memory", lambda: 10**6)
    read_images(path)
    monkeypatch.setattr(large_arrays, "available_memory", lambda: 10**6 - 1)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"a.npz: images take 0.0 GB, and 0.0 GB of memory are free; give fewer"):
        read_images(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


def test_a_bomb_is_told_from_data(tmp_path, monkeypatch):
    path = write(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, images=np.zeros((200, 50, 100, 1), np.uint8))
    assert path.stat().st_size < 10**6 / 200
    assert declared(path, "images") == ((200, 50, 100, 1), np.uint8)  # a small one does no harm
    monkeypatch.setattr(npz, "_LARGE", 10**5)
    with pytest.raises(InputError, match=r"over 200 times what is stored; .* np.savez, uncompressed"):
        read_images(path)
    read_images(write(path, images=np.zeros((200, 50, 100, 1), np.uint8)))


def test_a_directory_cannot_claim_more_than_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_LARGE", 10**5)
    path = write(tmp_path / "a.npz", images=npy(IMAGES, (10**6,)))
    entry = path.read_bytes().index(b"PK\x01\x02")
    changed(path, entry + 20, (2 * 10**6).to_bytes(4, "little") * 2)
    with pytest.raises(InputError, match=r"over 200 times what is stored|Overlapped entries"):  # Python's own check
        declared(path, "images")


def test_labels_that_are_objects_are_told_of(tmp_path):
    labels = np.array(["a", "b", "c", "d", "e", None], dtype=object)
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    with pytest.raises(
        InputError, match=r"a.npz: labels must be whole numbers \(6,\) .*, got object \(6,\); number the"
    ):
        read_labeled_images(tmp_path / "a.npz")
    np.testing.assert_array_equal(read_images(tmp_path / "a.npz"), IMAGES)
    with pytest.raises(InputError, match="labels are Python objects"):
        read_array(tmp_path / "a.npz", "labels")
    np.savez(tmp_path / "a.npz", images=labels)
    with pytest.raises(InputError, match=r"a.npz: images must be uint8 .* got object"):
        read_images(tmp_path / "a.npz")


def test_labels_that_int32_does_not_hold(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.arange(6) + 2**31 - 6)
    assert read_labeled_images(tmp_path / "a.npz")[1].max() == 2**31 - 1
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.arange(6) + 2**31 - 5)
    with pytest.raises(InputError, match="from 2147483643 to 2147483648"):
        read_labeled_images(tmp_path / "a.npz")


def test_other_files_say_what_they_are(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(InputError, match=r"a.npy: is a bare array; save it as an .npz, np.savez\('NAME.npz', images="):
        read_images(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"null: is no file"):
        read_images(Path("/dev/null"))
    np.savez(tmp_path / "a.npz", **{f"a{i}": IMAGES for i in range(40)})
    with pytest.raises(InputError, match=r"has no array 'images', only 'a0', .* \.\.\.; use np.savez") as error:
        read_images(tmp_path / "a.npz")
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("order", ["C", "F"])
def test_either_order_of_memory(order, tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=np.asarray(IMAGES, order=order))
    np.testing.assert_array_equal(read_images(tmp_path / "a.npz"), IMAGES)
