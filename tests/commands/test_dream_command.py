"""`gan-jax dream`: what it writes, and what it says of bad input."""

import numpy as np
import pytest
from PIL import Image

from gan_jax.cli import main
from gan_jax.data.pictures import read_picture


@pytest.fixture
def photograph(tmp_path):
    file = tmp_path / "photograph.png"
    Image.fromarray(np.random.default_rng(0).integers(90, 160, (48, 45, 3), np.uint8)).save(file)
    return file


COMMAND = ["--layers", "stem", "--octaves", "1", "--steps", "2"]


@pytest.mark.slow
def test_a_dream_is_written(photograph, tmp_path, capsys):
    out = tmp_path / "a.png"
    assert main(["dream", str(photograph), "--out", str(out), *COMMAND, "--step-size", "2"]) == 0
    assert "objective: " in capsys.readouterr().out
    before, after = (read_picture(file).astype(int) for file in (photograph, out))
    assert after.shape == before.shape
    assert 1 < np.abs(after - before).mean() < 4.5


@pytest.mark.slow
def test_frames_make_an_animation(photograph, tmp_path):
    out = tmp_path / "a.gif"
    assert main(["dream", str(photograph), "--out", str(out), *COMMAND, "--frames", "3", "--zoom", "1.1"]) == 0
    with Image.open(out) as image:
        assert (getattr(image, "n_frames", 1), image.size) == (3, (45, 48))


@pytest.mark.slow
def test_a_gray_photograph_and_a_guide_make_a_jpeg(photograph, tmp_path):
    gray, out = tmp_path / "gray.png", tmp_path / "a.jpg"
    Image.fromarray(read_picture(photograph)[..., 0]).save(gray)
    assert main(["dream", str(gray), "--out", str(out), *COMMAND, "--guide", str(photograph)]) == 0
    assert read_picture(out).shape == (48, 45, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--layers block_16", "--layers: 'block_16' is no layer; choose from stem, block_0"),
        ("--layers ,", "--layers: names no layer"),
        ("--layers stem --channels 32", "--channels: 32 is not among the channels of stem, which are 0 to 31"),
        ("--channels -1", "--channels: -1 is not among"),
        ("--channels one", "--channels: "),
        ("--classes 1000", "--classes: 1000 is not among the classes of ImageNet, which are 0 to 999"),
        ("--classes 1 --channels 2", "--channels: classes are not of a layer"),
        ("--guide nowhere.png", "--guide: there is no file nowhere.png"),
        ("--octaves 9", "--octaves: the smallest of 9 would have fewer than 32 pixels a side; give at most 2"),
        ("--octaves 0", "--octaves: "),
        ("--octave-scale 1", "--octave-scale: "),
        ("--steps 0", "--steps: "),
        ("--step-size nan", "--step-size: "),
        ("--step-size 0", "--step-size: "),
        ("--jitter -1", "--jitter: "),
        ("--bands 99", "--bands: "),
        ("--tile 8", "--tile: "),
        ("--frames 0", "--frames: "),
        ("--zoom 0.5", "--zoom: "),
        ("--seed x", "--seed: "),
        ("--weights nowhere.pth", "--weights: there is no file nowhere.pth"),
        ("--out dream.gif", "--out: dream.gif must be a file that ends in .png or .jpg"),
        ("--frames 2 --out dream.jpg", "--out: dream.jpg must be a file that ends in .png or .gif"),
        ("--layer stem", "--layer: there is no such option; did you mean --layers?"),
    ],
)
def test_bad_input_is_told_in_one_line(photograph, tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    octaves = [] if "--octaves" in arguments else ["--octaves", "1"]
    assert main(["dream", str(photograph), *octaves, *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gan-jax: {told}")
    assert error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == [photograph.name]


def test_photographs_that_cannot_be_dreamed_on_are_told(photograph, tmp_path, capsys):
    small, clear, text = tmp_path / "small.png", tmp_path / "clear.png", tmp_path / "text.png"
    pixels = read_picture(photograph)
    Image.fromarray(pixels[:40, :20]).save(small)
    Image.fromarray(pixels).convert("RGBA").save(clear)
    text.write_text("no picture")
    for file, told in (
        (small, "a picture of 20x40 is too small; give one of at least 32x32"),
        (clear, "clear.png: is RGBA; convert it to RGB"),
        (text, "text.png: is not a readable image"),
        (tmp_path, "there is no file"),
    ):
        assert main(["dream", str(file)]) == 2
        assert told in capsys.readouterr().err
