"""Pictures of every kind in folders of every kind: all that they hold is read, or one line says what is not."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from gan_jax.data import large_arrays
from gan_jax.data.files import read_images
from gan_jax.data.pictures import picture_files, read_picture
from gan_jax.errors import InputError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape).astype(np.uint8)


def save(path, *shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*(shape or (4, 5)))).save(path)
    return path


def refused(path, says):
    with pytest.raises(InputError, match=says) as error:
        read_images(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_what_is_hidden_is_no_data(tmp_path):
    shown = [save(tmp_path / f"{i}.png") for i in range(3)]
    for folder in (".ipynb_checkpoints", ".Trash-0/files", "a/.cache"):
        save(tmp_path / folder / "0.png")
    save(tmp_path / ".hidden.png")
    assert picture_files(tmp_path) == shown
    inside = tmp_path / ".ipynb_checkpoints"
    assert picture_files(inside) == [inside / "0.png"]  # it is the folder that was asked for


def test_a_linked_folder_is_read_as_any(tmp_path):
    save(tmp_path / "elsewhere" / "deep" / "1.png")
    save(tmp_path / "data" / "cat" / "0.png")
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "2.png").symlink_to(save(tmp_path / "2.png"))
    (tmp_path / "data" / "cover").symlink_to(tmp_path / "data" / "2.png")  # not named as a picture, and so none
    files = picture_files(tmp_path / "data")
    assert [file.relative_to(tmp_path / "data").as_posix() for file in files] == [
        "2.png",
        "cat/0.png",
        "dog/deep/1.png",
    ]
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert len(picture_files(tmp_path / "link")) == 3


@pytest.mark.parametrize("target", [".", "cat", "cat/0.png", ".."])
def test_a_link_to_what_is_there_already_is_refused(target, tmp_path):
    save(tmp_path / "data" / "cat" / "0.png")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data" / target)
    if target.endswith("png"):
        (tmp_path / "data" / "again").rename(tmp_path / "data" / "again.png")
    refused(tmp_path / "data", r"again, by a link; remove one, or its images count twice")


@pytest.mark.parametrize("name", ["cats", "cat.png"])
def test_a_link_to_nothing_is_refused(name, tmp_path):
    save(tmp_path / "0.png")
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    refused(tmp_path, f"{name}: is a link to nothing")


def test_what_is_no_file_is_refused(tmp_path):
    save(tmp_path / "0.png")
    os.mkfifo(tmp_path / "notes")
    assert len(picture_files(tmp_path)) == 1
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path, "pipe.png: is no regular file; remove it")
    (tmp_path / "pipe.npz").symlink_to(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.npz", "pipe.npz: is no file")


def test_pictures_that_are_not_read_are_told_of(tmp_path):
    save(tmp_path / "0.png")
    (tmp_path / "1.AVIF").write_bytes(b"")
    refused(tmp_path, "1.AVIF: .AVIF is not read; convert it to PNG, or remove it")
    (tmp_path / "1.AVIF").unlink()
    Image.fromarray(noise(4, 5)).save(tmp_path / "1.png", format="TGA")  # of which Pillow keeps 8 bits, too
    refused(tmp_path, "1.png: is not a readable image; convert it")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_they_say(suffix, orientation, tmp_path):
    picture = Image.fromarray(np.kron(noise(3, 2), np.ones((8, 8), np.uint8))).convert("RGB")
    exif = Image.Exif()
    exif[274] = orientation
    picture.save(tmp_path / f"0.{suffix}", exif=exif)
    with Image.open(tmp_path / f"0.{suffix}") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert expected.shape == ((24, 16, 3) if orientation < 5 else (16, 24, 3))
    np.testing.assert_array_equal(read_picture(tmp_path / f"0.{suffix}"), expected)


def test_damaged_exif_data_are_told_of(tmp_path):
    Image.fromarray(noise(4, 5)).save(tmp_path / "0.png", exif=b"nonsense")
    refused(tmp_path, "0.png: its EXIF data, which may turn it, are damaged .*; remove them")


def png(bits, kind, channels):
    """A PNG of 2x2 pixels, written by hand: Pillow writes none of 16-bit color."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\x00" + bytes(range(2 * channels * bits // 8))) * 2
    header = struct.pack(">IIBBBBB", 2, 2, bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tiff(bits, channels):
    """A TIFF of one row of two pixels, uncompressed."""
    data = bytes(range(2 * channels * bits // 8))
    entries = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, channels, 0), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 0), (277, 3, 1, channels), (278, 3, 1, 1), (279, 4, 1, len(data))]
    entries += [(338, 3, 1, 2)] if channels == 4 else []
    end = 8 + 2 + 12 * len(entries) + 4
    place = {258: end, 273: end + 2 * channels}
    table = b"".join(struct.pack("<HHII", tag, kind, n, place.get(tag, value)) for tag, kind, n, value in entries)
    head = b"II*\x00" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)
    return head + struct.pack(f"<{channels}H", *[bits] * channels) + data


OF_16_BITS = {
    "rgb.png": png(16, 2, 3),
    "rgba.png": png(16, 6, 4),
    "gray_alpha.png": png(16, 4, 2),
    "gray.png": png(16, 0, 1),
    "rgb.tif": tiff(16, 3),
    "rgba.tif": tiff(16, 4),
    "rgb.ppm": b"P6\n# a comment 1 2 3\n2 1\n65535\n" + bytes(12),
    "plain.ppm": b"P3 2 1 1000\n" + b"999 " * 6,
    "gray.pgm": b"P5 2 1 65535\n" + bytes(4),
}
OF_8_BITS = {
    "rgb.png": png(8, 2, 3),
    "rgb.tif": tiff(8, 3),
    "rgba.tif": tiff(8, 4),
    "rgb.ppm": b"P6\n# a comment\n2 1\n255\n" + bytes(range(6)),
    "gray.pgm": b"P5 2 1 255\n" + bytes(range(2)),
    "bits.pbm": b"P4 2 1\n\x40",
}


@pytest.mark.parametrize("name", OF_16_BITS)
def test_16_bits_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(OF_16_BITS[name])
    refused(tmp_path, f"{name}: (has 1[06] bits a channel|is of mode I.*); convert it to 8-bit grayscale, RGB or RGBA")


@pytest.mark.parametrize("name", OF_8_BITS)
def test_8_bits_are_read(name, tmp_path):
    (tmp_path / name).write_bytes(OF_8_BITS[name])
    found = read_picture(tmp_path / name)
    if name == "bits.pbm":
        np.testing.assert_array_equal(found.ravel(), [255, 0])
    else:
        np.testing.assert_array_equal(found[0].ravel(), np.arange(found[0].size))


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_several_pictures_in_one_file_are_refused(suffix, tmp_path):
    first, *others = (Image.fromarray(noise(4, 5, 3)) for _ in range(3))
    first.save(tmp_path / f"0.{suffix}", save_all=True, append_images=others)
    refused(tmp_path, f"0.{suffix}: holds 3 pictures; save each as a file of its own")
    first.save(tmp_path / f"0.{suffix}")
    assert read_picture(tmp_path / f"0.{suffix}").shape == (4, 5, 3)


def test_a_photograph_with_others_behind_it_is_refused(tmp_path):
    first, second = (Image.fromarray(noise(8, 8, 3)) for _ in range(2))
    first.save(tmp_path / "0.jpg", format="MPO", save_all=True, append_images=[second])
    refused(tmp_path, "0.jpg: holds 2 pictures")


def test_a_transparent_color_is_refused(tmp_path):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "0.png", transparency=(1, 2, 3))
    refused(tmp_path, "0.png: has a transparent color; convert it")


def test_what_differs_is_said(tmp_path):
    save(tmp_path / "a" / "0.png", 8, 8, 3)
    save(tmp_path / "b" / "0.png", 8, 8, 4)
    refused(tmp_path, r"b/0.png: is 8x8 RGBA color, but a/0.png is 8x8 RGB color; make them alike")


def test_narrow_pictures_are_no_colors(tmp_path):
    """The axis of channels is known here, so there is nothing to ask."""
    for i in range(3):
        save(tmp_path / f"{i}.png", 4, 3)
    assert read_images(tmp_path).shape == (3, 4, 3, 1)


def test_more_pictures_than_memory(tmp_path, monkeypatch):
    for i in range(3):
        save(tmp_path / f"{i}.png", 10, 10)
    monkeypatch.setattr(large_arrays, "available_memory", lambda: 299)
    refused(tmp_path, "3 images take 0.0 GB, and 0.0 GB of memory are free")
