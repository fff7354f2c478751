"""Every kind of source through the one reading path, and one line for each way it can fail."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from gan_jax.data import sources
from gan_jax.data.sources import read, resolve
from gan_jax.errors import InputError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, size=shape).astype(np.uint8)


def as_set(images):
    return {image.tobytes() for image in images}


def test_digits_are_scikit_learns_and_split_without_overlap():
    images = read("digits")
    assert images.train.shape == (1437, 8, 8, 1)
    assert images.held_out.shape == (360, 8, 8, 1)
    everything = np.concatenate([images.train, images.held_out]).reshape(-1, 64)
    original = load_digits().data
    assert sorted(map(tuple, np.round(everything / 255 * 16))) == sorted(map(tuple, original))
    np.testing.assert_array_equal(images.train, read("digits").train)


@pytest.mark.parametrize(("shape", "read_shape"), [((10, 6, 5), (6, 5, 1)), ((10, 6, 5, 3), (6, 5, 3))])
def test_npz(tmp_path, shape, read_shape):
    images = noise(*shape)
    np.savez(tmp_path / "mine.npz", images=images)
    found = read(str(tmp_path / "mine.npz"))
    assert found.train.shape == (8, *read_shape)
    assert found.held_out.shape == (2, *read_shape)
    assert as_set(found.train) | as_set(found.held_out) == as_set(images)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("P", 3)])
def test_folder(tmp_path, mode, channels):
    (tmp_path / "deeper").mkdir()
    for i in range(6):
        image = Image.fromarray(noise(4, 7, 3)).convert(mode)
        image.save(tmp_path / ("deeper" if i % 2 else ".") / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    images = read(str(tmp_path))
    assert images.train.shape == (4, 4, 7, channels)
    assert images.held_out.shape == (2, 4, 7, channels)


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
    """A TFDS data set prepared without TensorFlow: its images are PNG bytes already."""
    import tensorflow_datasets as tfds

    class TinyImages(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, _):
            return {"train": self._generate_examples(0, 8), "test": self._generate_examples(8, 11)}

        def _generate_examples(self, start, stop):
            for i in range(start, stop):
                file = io.BytesIO()
                Image.fromarray(np.full((6, 5, 3), i, np.uint8)).save(file, format="PNG")
                file.seek(0)
                yield i, {"image": file}

    folder = tmp_path_factory.mktemp("tfds")
    TinyImages(data_dir=folder, file_format="array_record").download_and_prepare()
    return folder


@pytest.mark.filterwarnings("ignore")  # TFDS's own
def test_tfds(tfds_folder):
    images = read("tiny_images", tfds_folder)
    assert images.train.shape == (8, 6, 5, 3)
    assert sorted(images.train[:, 0, 0, 0]) == list(range(8))
    assert sorted(images.held_out[:, 0, 0, 0]) == [8, 9, 10]


@pytest.mark.filterwarnings("ignore")  # TFDS's own
@pytest.mark.parametrize("name", ["tiny_images:2.0.0", "tiny_imagse", "fashion_mnist"])
def test_tfds_without_data_or_network_says_what_to_do(tfds_folder, name, monkeypatch):
    monkeypatch.setattr(sources, "_has_network", lambda: False)
    with pytest.raises(InputError, match="^data.source: .*" + name.partition(":")[0]) as error:
        read(name, tfds_folder)
    assert "\n" not in str(error.value)
    assert str(tfds_folder) in str(error.value)


def write_npz(path, **arrays):
    np.savez(path / "mine.npz", **arrays)
    return path / "mine.npz"


def test_npz_that_cannot_be_used(tmp_path):
    cases = [
        ({"images": noise(9, 4, 4).astype(np.float32)}, "uint8"),
        ({"images": noise(9, 4, 4, 2)}, "C = 1, 3 or 4"),
        ({"images": noise(9)}, r"\(N, H, W, C\)"),
        ({"images": noise(3, 4, 4)}, "at least 5"),
        ({"pictures": noise(9, 4, 4)}, "no array 'images'"),
    ]
    for arrays, message in cases:
        with pytest.raises(InputError, match=message):
            read(str(write_npz(tmp_path, **arrays)))
    whole = write_npz(tmp_path, images=noise(9, 4, 4)).read_bytes()
    for damaged in (b"PK not a zip", b"", whole[:100], whole[:90] + b"x" * 40 + whole[130:]):
        (tmp_path / "mine.npz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"mine.npz: is not a readable .npz"):
            read(str(tmp_path / "mine.npz"))
    with pytest.raises(InputError, match="no file or folder"):
        read(str(tmp_path / "other.npz"))


@pytest.mark.parametrize(("mode", "shown"), [("I;16", "I;16"), ("F", "F"), ("LA", "LA")])
def test_pictures_that_would_lose_what_they_hold_are_refused(tmp_path, mode, shown):
    suffix = "tif" if mode == "F" else "png"
    picture = Image.fromarray(noise(4, 4).astype(np.uint16) * 256) if mode == "I;16" else Image.new(mode, (4, 4))
    for i in range(5):
        picture.save(tmp_path / f"{i}.{suffix}")
    with pytest.raises(InputError, match=f"is of mode {shown}; convert"):
        read(str(tmp_path))


def test_a_name_that_tfds_knows_is_not_a_folder(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "faces").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("mnist") == "mnist"
    assert resolve("./mnist") == str(tmp_path / "mnist")
    assert resolve("faces") == str(tmp_path / "faces")
    assert resolve("faces", tmp_path) == "faces"


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        read(str(tmp_path))
    with pytest.raises(InputError, match="no file or folder"):
        read(str(tmp_path / "missing"))
    for i in range(5):
        Image.fromarray(noise(4, 4)).save(tmp_path / f"{i}.png")
    Image.fromarray(noise(4, 5)).save(tmp_path / "wide.png")
    with pytest.raises(InputError, match=r"wide.png: is 5x4 greyscale, but 0.png is 4x4 greyscale"):
        read(str(tmp_path))
    (tmp_path / "wide.png").write_bytes(b"not a PNG")
    with pytest.raises(InputError, match=r"wide.png: is not a readable image"):
        read(str(tmp_path))
