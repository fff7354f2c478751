"""Every kind of source through the one reading path, and one line for each way it can fail."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import digits, tfds
from gan_jax.data.sources import read, resolve
from gan_jax.errors import InputError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, size=shape).astype(np.uint8)


def as_set(images):
    return {image.tobytes() for image in images}


def whole(source, name="sample"):
    return source.batch(slice(None))[name]


def test_digits_are_scikit_learns_and_split_without_overlap():
    digits = read("digits")
    assert whole(digits.train).shape == (1437, 8, 8, 1)
    assert whole(digits.held_out).shape == (360, 8, 8, 1)
    assert digits.classes == tuple("0123456789")
    images, labels = (
        np.concatenate([whole(part, name) for part in (digits.train, digits.held_out)]) for name in ("sample", "label")
    )
    found = [(*np.round(image / 255 * 16), label) for image, label in zip(images.reshape(-1, 64), labels, strict=True)]
    original = pytest.importorskip("sklearn.datasets").load_digits()
    assert sorted(found) == sorted((*image, label) for image, label in zip(original.data, original.target, strict=True))
    assert digits.fingerprint == read("digits").fingerprint
    assert digits.train.fingerprint != digits.held_out.fingerprint


@pytest.mark.parametrize(("shape", "read_shape"), [((40, 6, 5), (6, 5, 1)), ((40, 6, 5, 3), (6, 5, 3))])
def test_npz(tmp_path, shape, read_shape):
    images = noise(*shape)
    np.savez(tmp_path / "mine.npz", images=images)
    found = read(str(tmp_path / "mine.npz"))
    assert found.shape == read_shape
    assert len(found.train) + len(found.held_out) == 40
    assert 0 < len(found.held_out) < 20
    assert as_set(whole(found.train)) | as_set(whole(found.held_out)) == as_set(images)


def test_npz_with_labels(tmp_path):
    images = noise(40, 6, 5)
    labels = images[:, 0, 0].astype(np.int64)
    found = read(str(write_npz(tmp_path, images=images, labels=labels)))
    for part in (found.train, found.held_out):
        np.testing.assert_array_equal(whole(part, "label"), whole(part)[:, 0, 0, 0])
        assert whole(part, "label").dtype == np.int32
    for wrong in (labels[:39], labels - 300, labels / 2):
        with pytest.raises(InputError, match=r"mine.npz: labels must be whole numbers \(40,\) from 0"):
            read(str(write_npz(tmp_path, images=images, labels=wrong)))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("P", 3)])
def test_folder(tmp_path, mode, channels):
    (tmp_path / "deeper").mkdir()
    for i in range(40):
        image = Image.fromarray(noise(4, 7, 3)).convert(mode)
        image.save(tmp_path / ("deeper" if i % 2 else ".") / f"{i}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    images = read(str(tmp_path))
    assert images.shape == (4, 7, channels)
    assert len(images.train) + len(images.held_out) == 40


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
    """A TFDS data set prepared without TensorFlow: its images are PNG bytes already."""
    import tensorflow_datasets as tfds

    class TinyImages(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.ClassLabel(names=["even", "odd"])
            features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3)), "label": label})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, _):
            return {"train": self._generate_examples(0, 8), "test": self._generate_examples(8, 11)}

        def _generate_examples(self, start, stop):
            for i in range(start, stop):
                file = io.BytesIO()
                Image.fromarray(np.full((6, 5, 3), i, np.uint8)).save(file, format="PNG")
                file.seek(0)
                yield i, {"image": file, "label": i % 2}

    folder = tmp_path_factory.mktemp("tfds")
    TinyImages(data_dir=folder, file_format="array_record").download_and_prepare()
    return folder


@pytest.mark.filterwarnings("ignore")  # TFDS's own
def test_tfds(tfds_folder):
    images = read("tiny_images", tfds_folder)
    assert whole(images.train).shape == (8, 6, 5, 3)
    assert sorted(whole(images.train)[:, 0, 0, 0]) == list(range(8))
    assert sorted(whole(images.held_out)[:, 0, 0, 0]) == [8, 9, 10]
    assert images.classes == ("even", "odd")
    np.testing.assert_array_equal(whole(images.train, "label"), whole(images.train)[:, 0, 0, 0] % 2)


@pytest.mark.filterwarnings("ignore")  # TFDS's own
@pytest.mark.parametrize("name", ["tiny_images:2.0.0", "tiny_imagse", "fashion_mnist"])
def test_tfds_without_data_or_network_says_what_to_do(tfds_folder, name, monkeypatch):
    monkeypatch.setattr(tfds, "_has_network", lambda: False)
    with pytest.raises(InputError, match="^data.source: .*" + name.partition(":")[0]) as error:
        read(name, tfds_folder)
    assert "\n" not in str(error.value)
    assert str(tfds_folder) in str(error.value)


def write_npz(path, **arrays):
    np.savez(path / "mine.npz", **arrays)
    return path / "mine.npz"


def test_npz_that_cannot_be_used(tmp_path):
    cases = [
        ({"images": noise(9, 4, 5).astype(np.float32)}, "uint8"),
        ({"images": noise(9, 4, 4, 2)}, "C = 1, 3 or 4"),
        ({"images": noise(9)}, r"\(N, H, W, C\)"),
        ({"images": np.zeros((9, 4, 5), np.uint8)}, "too few, or too alike, to hold any out"),
        ({"pictures": noise(9, 4, 5)}, "no array 'images'"),
    ]
    for arrays, message in cases:
        with pytest.raises(InputError, match=message):
            read(str(write_npz(tmp_path, **arrays)))
    whole = write_npz(tmp_path, images=noise(9, 4, 5)).read_bytes()
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


@pytest.mark.filterwarnings("ignore")  # TFDS's own
@pytest.mark.parametrize("name", ["mnist/", "cifar10/train", "mnist"])
def test_a_folder_of_a_name_that_tfds_knows_is_told_of(name, tmp_path, monkeypatch):
    (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tfds, "_has_network", lambda: False)
    with pytest.raises(InputError, match=f"for the folder {name} that is here, write ./{name}$") as error:
        read(name, tmp_path / "nothing")
    assert "\n" not in str(error.value)
    (tmp_path / name).rmdir()
    with pytest.raises(InputError) as error:
        read(name, tmp_path / "nothing")
    assert "write ./" not in str(error.value)


def test_files_are_no_names_of_tfds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path, images=noise(40, 6, 5)).rename(tmp_path / "MINE.NPZ")
    assert read("MINE.NPZ").shape == (6, 5, 1)
    np.save(tmp_path / "a.npy", noise(10, 6, 5))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(5000):
            archive.writestr(f"images/{i}.png", "")
    (tmp_path / "mnist").mkdir()
    Image.fromarray(noise(4, 5)).save(tmp_path / "mnist" / "0.png")
    for name, says in {
        "a.npy": "a.npy: is a bare array; save it as an .npz",
        "a.zip": "a.zip: is a zip file without arrays; prepare it by `gan-jax data`",
        "mnist/0.png": "0.png: is not a readable .npz file",
        "none.npy": "there is no file or folder .*none.npy",
        "data/none.tar.gz": "there is no file or folder .*none.tar.gz",
    }.items():
        for source in (name, f"./{name}", str(tmp_path / name)):
            with pytest.raises(InputError, match=says) as error:
                read(source)
            assert len(str(error.value)) < 300


def test_a_home_folder_that_nobody_has():
    for source in ("~no such user", "~no such user/a.npz"):
        with pytest.raises(
            InputError, match=r"^data.source: ~no such user.*there is no home folder ~no such user; wri"
        ):
            read(source)
    with pytest.raises(InputError, match=r"there is no file or folder /.*/none.npz"):
        read("~/none.npz")


@pytest.mark.filterwarnings("ignore")  # TFDS's own
def test_tfds_images_are_in_memory_once(tfds_folder, monkeypatch):
    """Each example goes to its place as it is read."""

    class Examples:
        def __len__(self):
            return 100

        def __getitem__(self, i):
            return {"image": np.full((100, 100, 3), i, np.uint8), "label": i % 2}

        def __getitems__(self, places):
            return [self[i] for i in places]

    import tensorflow_datasets

    builder = tensorflow_datasets.builder("tiny_images", data_dir=tfds_folder)
    monkeypatch.setattr(builder, "as_data_source", lambda split: Examples())
    tracemalloc.start()
    images, labels, captions = tfds.read_split(builder, "train", True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * images.nbytes
    np.testing.assert_array_equal(images[:, 0, 0, 0], np.arange(100))
    np.testing.assert_array_equal(labels, np.arange(100) % 2)
    assert captions is None


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        read(str(tmp_path))
    with pytest.raises(InputError, match="no file or folder"):
        read(str(tmp_path / "missing"))
    for i in range(5):
        Image.fromarray(noise(4, 4)).save(tmp_path / f"{i}.png")
    Image.fromarray(noise(4, 5)).save(tmp_path / "wide.png")
    with pytest.raises(InputError, match=r"wide.png: is 5x4 grayscale, but 0.png is 4x4 grayscale; make them alike"):
        read(str(tmp_path))
    (tmp_path / "wide.png").write_bytes(b"not a PNG")
    with pytest.raises(InputError, match=r"wide.png: is not a readable image"):
        read(str(tmp_path))


@pytest.mark.filterwarnings("ignore")  # TFDS's own
def test_without_tfds_its_names_are_one_line(tfds_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tfds, "_INSTALLED", False)
    monkeypatch.chdir(tmp_path)
    for name, folder in (("mnist", None), ("tiny_images", tfds_folder)):
        with pytest.raises(InputError, match=rf'^data.source: {name} is no file.*`pip install "gan_jax\[tfds\]"`'):
            read(name, folder)
    (tmp_path / "mnist").mkdir()
    assert resolve("mnist") == str(tmp_path / "mnist")


def test_damaged_digits_are_one_line(monkeypatch):
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(InputError, match=r"digits.npz: is damaged; install gan_jax again"):
        digits.read_digits()
