"""`gan-jax data`, as a user calls it."""

import json
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from gan_jax.cli import main
from gan_jax.data import read

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "raw" / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(RNG.integers(0, 256, (9, 12, 3)).astype(np.uint8)).save(
                tmp_path / "raw" / name / f"{i}.png"
            )
    return tmp_path / "raw"


def run(capsys, *arguments):
    code = main(["data", *map(str, arguments)])
    return code, capsys.readouterr()


def test_a_folder(folder, tmp_path, capsys):
    code, printed = run(
        capsys, folder, "--out", tmp_path / "out", "--size", "6x4", "--color", "gray", "--processes", "1"
    )
    assert code == 0
    assert "2 classes found: cat, dog" in printed.out
    assert "images of 6x4x1 to train on" in printed.out
    data = read(str(tmp_path / "out"))
    assert data.shape == (6, 4, 1)
    assert len(data.train) + len(data.held_out) == 40
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["preparation"]["resize"] == "area"


def test_a_zip_is_unpacked_beside_and_removed(folder, tmp_path, capsys):
    with ZipFile(tmp_path / "raw.zip", "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder))
    code, printed = run(capsys, tmp_path / "raw.zip", "--out", tmp_path / "out", "--processes", "1")
    assert code == 0
    assert "2 classes found" in printed.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "raw", "raw.zip"]
    run(capsys, folder, "--out", tmp_path / "again", "--processes", "1")
    assert read(str(tmp_path / "out")).fingerprint == read(str(tmp_path / "again")).fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["missing", "--out", "x"], "missing: there is no such file or folder"),
        (["raw"], "--out"),
        (["raw", "--out", "x", "--size", "0"], "--size: must be a number of pixels"),
        (["raw", "--out", "x", "--size", "8x"], "--size: must be a number of pixels"),
        (["raw", "--out", "x", "--labels", "missing.csv"], "--labels: missing.csv cannot be read"),
        (["raw", "--out", "raw"], "--out: raw is not empty"),
        (["raw", "--out", "x", "--crop", "middle"], "--crop"),
    ],
)
def test_bad_arguments_are_one_line(folder, tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    code, printed = run(capsys, *options)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "x").exists()
