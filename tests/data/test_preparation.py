"""From images as they come to records: what is made alike, what is held out, what is refused, what is kept."""

import gzip
import json
import os
import pickle
import shutil
import tarfile
from zipfile import ZipFile

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax.data import read
from gan_jax.data.alike import Preparation, held_out, prepare_image
from gan_jax.data.archives import unpack
from gan_jax.data.originals import find_originals
from gan_jax.data.preparation import prepare
from gan_jax.data.records import RecordSource, read_records, write_shard
from gan_jax.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 6, 5, 3)).astype(np.uint8)


def save(folder, images, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images, first):
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(folder / f"{i:03}.png")


def prepared(tmp_path, source, labels=None, **choices):
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    return prepare(find_originals(source, labels), out, Preparation(**choices), source="mine", processes=1), out


def everything(data):
    """All samples, with their labels, of both splits."""
    return {split: getattr(data, split).batch(slice(None)) for split in ("train", "held_out")}


def as_set(images):
    return {image.tobytes() for image in images}


def test_a_folder_of_classes_becomes_records_with_random_access(tmp_path):
    save(tmp_path / "a" / "cat", IMAGES[:25])
    save(tmp_path / "a" / "dog" / "deep", IMAGES[25:])
    found, out = prepared(tmp_path, tmp_path / "a")
    data = read_records(out)
    assert data.classes == ("cat", "dog")
    assert found.shape == data.shape == (6, 5, 3)
    assert found.counts == {"train": len(data.train), "held_out": len(data.held_out)}
    assert sum(found.counts.values()) == 40
    label_of = {image.tobytes(): int(i >= 25) for i, image in enumerate(IMAGES)}
    for split, arrays in everything(data).items():
        assert arrays["label"].dtype == np.int32
        for image, label in zip(arrays["sample"], arrays["label"], strict=True):
            assert label == label_of[image.tobytes()]
            assert held_out(image) == (split == "held_out")
    whole = data.train.batch(slice(None))
    some = data.train.batch(np.array([7, 2, 7]))
    for name in some:
        np.testing.assert_array_equal(some[name], whole[name][[7, 2, 7]])
    assert sorted(path.name for path in out.iterdir()) == [
        "dataset.json",
        "held_out-00000.array_record",
        "train-00000.array_record",
    ]


def test_another_image_moves_no_other_between_the_splits(tmp_path):
    save(tmp_path / "a", IMAGES[:30])
    before = everything(read_records(prepared(tmp_path, tmp_path / "a")[1]))
    fingerprint = read_records(tmp_path / "out").train.fingerprint
    save(tmp_path / "a", IMAGES[30:], first=30)
    data = read_records(prepared(tmp_path, tmp_path / "a")[1])
    after = everything(data)
    for split in before:
        assert as_set(before[split]["sample"]) < as_set(after[split]["sample"])
    assert data.train.fingerprint != fingerprint


def test_train_and_test_folders_are_splits_and_no_classes(tmp_path):
    save(tmp_path / "a" / "train" / "x", IMAGES[:10])
    save(tmp_path / "a" / "train" / "y", IMAGES[10:20])
    save(tmp_path / "a" / "test" / "x", IMAGES[20:25])
    save(tmp_path / "a" / "test" / "y", IMAGES[25:30])
    save(tmp_path / "a" / "valid" / "x", IMAGES[30:])
    data = read_records(prepared(tmp_path, tmp_path / "a")[1])
    assert data.classes == ("x", "y")
    assert as_set(data.train.batch(slice(None))["sample"]) == as_set(IMAGES[:20])
    assert as_set(data.held_out.batch(slice(None))["sample"]) == as_set(IMAGES[20:30])
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["left_out"] == [
        "valid/: the splits are train/ and test/"
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_labels_from_a_file(tmp_path, suffix):
    save(tmp_path / "a", IMAGES[:20])
    names = [f"{i:03}.png" for i in range(20)]
    labels = [str(10 * (i % 3)) for i in range(20)]
    lines = [f"{name},{label}" for name, label in zip(names, labels, strict=True)]
    if suffix == ".jsonl":
        lines = [json.dumps({"file": name, "label": label}) for name, label in zip(names, labels, strict=True)]
    file = tmp_path / f"labels{suffix}"
    file.write_text("\n".join(lines))
    data = read_records(prepared(tmp_path, tmp_path / "a", labels=str(file))[1])
    assert data.classes == ("0", "10", "20")
    for arrays in everything(data).values():
        for image, label in zip(arrays["sample"], arrays["label"], strict=True):
            assert label == next(i for i, other in enumerate(IMAGES) if (other == image).all()) % 3
    file.write_text("\n".join(lines[:-1]))
    with pytest.raises(InputError, match=r"^labels: 1 of 20 images have no label in .*019.png"):
        find_originals(tmp_path / "a", str(file))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"size": (2, 2), "crop": "none"}, lambda x: x.reshape(2, 2, 2, 4, 1).mean(axis=(1, 3))),
        ({"size": (2, 2)}, lambda x: x[:, 2:6].reshape(2, 2, 2, 2, 1).mean(axis=(1, 3))),
    ],
)
def test_an_area_is_a_mean(how, expected):
    image = RNG.integers(0, 256, (4, 8, 1)).astype(np.uint8)
    np.testing.assert_allclose(prepare_image(image, Preparation(**how)), expected(image.astype(float)), atol=1.01)


def test_a_random_crop_is_the_same_for_the_same_image():
    how = Preparation(size=(4, 4), crop="random")
    image = RNG.integers(0, 256, (4, 40, 1)).astype(np.uint8)
    np.testing.assert_array_equal(prepare_image(image, how), prepare_image(image, how))
    ramp = np.arange(40, dtype=np.uint8)[None, :, None].repeat(4, 0)
    places = {int(prepare_image(ramp + i, how)[0, 0, 0]) - i for i in range(0, 60, 5)}
    assert len(places) > 5


def test_color_and_transparency_are_made_alike_by_choice():
    gray = np.full((2, 2, 1), 100, np.uint8)
    assert prepare_image(gray, Preparation(color="rgb")).tolist() == [[[100] * 3] * 2] * 2
    assert prepare_image(gray.repeat(3, 2), Preparation(color="gray")).tolist() == gray.tolist()
    half = np.array([[[200, 0, 0, 0], [200, 0, 0, 255]]], np.uint8)
    assert prepare_image(half, Preparation(alpha="white")).tolist() == [[[255, 255, 255], [200, 0, 0]]]
    assert prepare_image(half, Preparation(alpha="black")).tolist() == [[[0, 0, 0], [200, 0, 0]]]
    with pytest.raises(InputError, match=r"^has an alpha channel; give --alpha"):
        prepare_image(half, Preparation())


def test_what_cannot_be_read_is_refused_or_left_out_and_listed(tmp_path):
    save(tmp_path / "a", IMAGES)
    for name in ("005.png", "011.png"):
        (tmp_path / "a" / name).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^2 images cannot be used: .*005.png.*011.png.*--skip-unreadable"):
        prepared(tmp_path, tmp_path / "a")
    assert not (tmp_path / "out").exists()
    found, out = prepared(tmp_path, tmp_path / "a", skip_unreadable=True)
    assert sum(found.counts.values()) == 38
    assert len(json.loads((out / "dataset.json").read_text())["skipped"]) == 2


def test_two_sizes_need_a_choice(tmp_path):
    save(tmp_path / "a", IMAGES[:9])
    save(tmp_path / "a", IMAGES[9:, :4], first=9)
    with pytest.raises(InputError, match=r"009.png: is 5x4 color, the first is 5x6 color; give --size"):
        prepared(tmp_path, tmp_path / "a")
    assert prepared(tmp_path, tmp_path / "a", size=(4, 4))[0].shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: save(a / "z", IMAGES[:1]), r"the class z has one image"),
        (lambda a: (a / "z").mkdir(), r"z: the class folder holds no images; remove it"),
    ],
)
def test_classes_that_are_none(tmp_path, make, message):
    save(tmp_path / "a" / "x", IMAGES[:10])
    make(tmp_path / "a")
    with pytest.raises(InputError, match=message):
        find_originals(tmp_path / "a")
    assert find_originals(tmp_path / "a", "none").labels is None


def test_a_loose_image_has_no_folder_for_a_label(tmp_path):
    save(tmp_path / "a" / "x", IMAGES[:10])
    save(tmp_path / "a", IMAGES[:1])
    assert find_originals(tmp_path / "a").labels is None
    with pytest.raises(InputError, match=r"000.png: lies in no class folder"):
        find_originals(tmp_path / "a", "folders")


def test_a_call_that_was_broken_off_goes_on(tmp_path, monkeypatch):
    from gan_jax.data import preparation

    monkeypatch.setattr(preparation, "_IMAGES", 8)
    save(tmp_path / "a", IMAGES)
    whole = read_records(prepared(tmp_path, tmp_path / "a")[1])
    fingerprints = whole.train.fingerprint, whole.held_out.fingerprint
    shutil.rmtree(tmp_path / "out")

    def broken(folder, number, *rest, write=preparation._write_part):
        if number == 3:
            raise KeyboardInterrupt
        return write(folder, number, *rest)

    originals = find_originals(tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "_write_part", broken)
        with pytest.raises(KeyboardInterrupt):
            prepare(originals, tmp_path / "out", Preparation(), source="mine", processes=1)
    with pytest.raises(InputError, match=r"^out: .* a part of other data, or of other choices"):
        prepare(find_originals(tmp_path / "a"), tmp_path / "out", Preparation(size=(3, 3)), source="mine")

    numbers = []

    def counted(folder, number, *rest, write=preparation._write_part):
        numbers.append(number)
        return write(folder, number, *rest)

    monkeypatch.setattr(preparation, "_write_part", counted)
    done = []
    originals = find_originals(tmp_path / "a")
    prepare(originals, tmp_path / "out", Preparation(), source="mine", processes=1, advance=done.append)
    assert numbers == [3, 4]
    assert sum(done) == 40
    data = read_records(tmp_path / "out")
    assert (data.train.fingerprint, data.held_out.fingerprint) == fingerprints
    with pytest.raises(InputError, match=r"^out: .* holds prepared data"):
        prepare(originals, tmp_path / "out", Preparation(), source="mine")


@pytest.mark.slow
def test_several_processes_write_what_one_does(tmp_path, monkeypatch):
    from gan_jax.data import preparation

    monkeypatch.setattr(preparation, "_IMAGES", 20)
    save(tmp_path / "a", IMAGES)
    one = read_records(prepared(tmp_path, tmp_path / "a")[1]).fingerprint
    prepare(find_originals(tmp_path / "a"), tmp_path / "two", Preparation(), source="mine", processes=2)
    assert read_records(tmp_path / "two").fingerprint == one


def test_a_shard_that_is_cut_off_or_gone_is_found_when_the_data_are_opened(tmp_path):
    save(tmp_path / "a", IMAGES)
    _, out = prepared(tmp_path, tmp_path / "a")
    shard = out / "train-00000.array_record"
    os.truncate(shard, shard.stat().st_size - 10)
    with pytest.raises(InputError, match=r"train-00000.array_record: has .* bytes of .*; prepare the data again"):
        read_records(out)
    shard.unlink()
    with pytest.raises(InputError, match=r"train-00000.array_record: is missing"):
        read_records(out)
    (out / "dataset.json").write_text('{"format": 7}')
    with pytest.raises(InputError, match=r"dataset.json: is not what .* format 7"):
        read_records(out)


def test_entries_of_a_record_keep_their_dtype(tmp_path):
    arrays = {
        "sample": RNG.normal(size=(7, 3)).astype(np.float32),
        "label": np.arange(7, dtype=np.int32),
        "weight": RNG.normal(size=(7,)),
    }
    shards = tuple(write_shard(tmp_path / f"{i}", {k: v[i::2] for k, v in arrays.items()}) for i in range(2))
    spec = {name: jax.ShapeDtypeStruct(array.shape[1:], array.dtype) for name, array in arrays.items()}
    source = RecordSource(tmp_path, shards, spec)
    found = source.batch(slice(None))
    order = [*range(0, 7, 2), *range(1, 7, 2)]
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array[order])


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return head + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_mnists_own_files(tmp_path, packed):
    images, labels = IMAGES[..., 0], np.arange(40, dtype=np.uint8) % 10
    for prefix, part in {"train": slice(30), "t10k": slice(30, None)}.items():
        for kind, array in {"images-idx3": images, "labels-idx1": labels}.items():
            file = tmp_path / "MNIST" / "raw" / f"{prefix}-{kind}-ubyte{'.gz' * packed}"
            file.parent.mkdir(parents=True, exist_ok=True)
            content = idx(array[part])
            file.write_bytes(gzip.compress(content) if packed else content)
    data = read_records(prepared(tmp_path, tmp_path / "MNIST")[1])
    assert data.shape == (6, 5, 1)
    assert data.classes == tuple("0123456789")
    np.testing.assert_array_equal(data.train.batch(slice(None))["sample"][..., 0], images[:30])
    np.testing.assert_array_equal(data.held_out.batch(slice(None))["label"], labels[30:])
    file.write_bytes(b"\0\0\x08\x01")
    with pytest.raises(InputError, match=r"is not a readable IDX file"):
        find_originals(tmp_path / "MNIST")


CIFAR = RNG.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
ROWS = CIFAR.transpose(0, 3, 1, 2).reshape(6, -1)


def cifar_binary(folder):
    for name, part in {"data_batch_1.bin": [0, 1], "data_batch_2.bin": [2, 3], "test_batch.bin": [4, 5]}.items():
        (folder / name).write_bytes(b"".join(bytes([i % 3]) + ROWS[i].tobytes() for i in part))
    (folder / "batches.meta.txt").write_text("plane\ncar\nbird\n\n")


def cifar_python(folder):
    for name, part in {"data_batch_1": [0, 1], "data_batch_2": [2, 3], "test_batch": [4, 5]}.items():
        batch = {b"data": ROWS[part], b"labels": [i % 3 for i in part]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"plane", b"car", b"bird"]}, protocol=2))


@pytest.mark.parametrize("write", [cifar_binary, cifar_python])
def test_cifars_own_archives(tmp_path, write):
    (tmp_path / "cifar").mkdir()
    write(tmp_path / "cifar")
    with tarfile.open(tmp_path / "cifar.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cifar", "cifar")
    unpack(tmp_path / "cifar.tar.gz", tmp_path / "unpacked")
    data = read_records(prepared(tmp_path, tmp_path / "unpacked")[1])
    assert data.classes == ("plane", "car", "bird")
    np.testing.assert_array_equal(data.train.batch(slice(None))["sample"], CIFAR[:4])
    assert data.train.batch(slice(None))["label"].tolist() == [0, 1, 2, 0]
    np.testing.assert_array_equal(data.held_out.batch(slice(None))["sample"], CIFAR[4:])


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/evil",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    cifar_python(tmp_path)
    (tmp_path / "test_batch").write_bytes(pickle.dumps({b"data": Evil()}))
    with pytest.raises(InputError, match=r"test_batch: is not a readable file of CIFAR \(it holds posix.system\)"):
        find_originals(tmp_path)


def test_no_archive_writes_outside_of_its_folder(tmp_path):
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../out.png", b"")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../out.png"))
    for name in ("a.zip", "a.tar"):
        with pytest.raises(InputError, match=rf"{name}: .*out") as error:
            unpack(tmp_path / name, tmp_path / "unpacked")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out.png").exists()
    (tmp_path / "b.zip").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match=r"b.zip: cannot be unpacked"):
        unpack(tmp_path / "b.zip", tmp_path / "unpacked")


def test_prepared_data_are_a_source_by_their_folder(tmp_path):
    save(tmp_path / "a", IMAGES)
    _, out = prepared(tmp_path, tmp_path / "a")
    assert read(str(out)).fingerprint == read_records(out).fingerprint
