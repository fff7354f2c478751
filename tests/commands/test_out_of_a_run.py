"""What leaves a run: PNGs, samples of seeds, films, functions and weights for other programs; mistakes are one line."""

import json
import subprocess
import sys
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from gan_jax import runs
from gan_jax.cli import main
from gan_jax.commands import export as export_command
from gan_jax.data.files import read_samples
from gan_jax.errors import RunError
from gan_jax.export import formats
from gan_jax.export.hub import push
from gan_jax.networks.conv import conv

LABELED = """
from gan_jax import GAN, CriticConfig, Experiment, GeneratorConfig

small = {"width": 8, "depth": 1}
experiment = Experiment(
    gan=GAN(generator=GeneratorConfig(latent=4, **small), critic=CriticConfig(**small), conditional=True),
    batch_size=16, steps=1,
)
"""

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    file = tmp_path_factory.mktemp("experiments") / "labeled.py"
    file.write_text(LABELED)
    folder = tmp_path_factory.mktemp("runs") / "labeled"
    assert main(["train", str(file), "--workdir", str(folder)]) == 0
    return str(folder)


def fails(capsys, *arguments):
    assert main([*map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def pixels(file):
    with Image.open(file) as image:
        assert image.mode == "L"
        return np.asarray(image)[:, :, None]


@pytest.mark.slow
def test_a_folder_holds_a_png_for_each_sample(tiny_run, tmp_path):
    folder = tmp_path / "new" / "drawn"
    assert main(["sample", str(tiny_run), "--n", "3", "--seed", "5", "--out", f"{folder}/", "--grid"]) == 0
    assert sorted(file.name for file in folder.iterdir()) == ["000000.png", "000001.png", "000002.png"]
    expected = runs.load(tiny_run).sample(3, seed=5)
    np.testing.assert_array_equal([pixels(folder / f"{i:06d}.png") for i in range(3)], expected)
    assert (tmp_path / "new" / "drawn.png").exists()
    np.testing.assert_array_equal(read_samples(folder), expected)


@pytest.mark.slow
def test_labeled_samples_lie_in_the_folders_of_their_classes(labeled, tmp_path):
    folder = tmp_path / "drawn"
    assert main(["sample", labeled, "--n", "12", "--labels", "balanced", "--out", str(folder)]) == 0
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))
    assert len(names) == 12
    assert {"0/000000.png", "0/000010.png", "9/000009.png"} <= {*names}


@pytest.mark.slow
def test_each_seed_has_a_sample_of_its_own(tiny_run, labeled, tmp_path):
    assert main(["sample", str(tiny_run), "--seeds", "7,2-3", "--out", str(tmp_path / "some")]) == 0
    assert main(["sample", str(tiny_run), "--seeds", "3", "--out", str(tmp_path / "one")]) == 0
    assert sorted(file.name for file in (tmp_path / "some").iterdir()) == ["000002.png", "000003.png", "000007.png"]
    np.testing.assert_array_equal(pixels(tmp_path / "some" / "000003.png"), pixels(tmp_path / "one" / "000003.png"))
    for seeds, out in (("0-19", "a.npz"), ("19", "b.npz")):
        assert main(["sample", labeled, "--seeds", seeds, "--out", str(tmp_path / out)]) == 0
    many, one = (np.load(tmp_path / out) for out in ("a.npz", "b.npz"))
    assert many["labels"][19] == one["labels"][0]
    np.testing.assert_array_equal(many["images"][19], one["images"][0])


def test_what_cannot_be_drawn_is_one_line(tiny_run, tmp_path, capsys):
    sample = ["sample", tiny_run, "--out"]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    assert "full is not empty; give another folder" in fails(capsys, *sample, tmp_path / "full")
    assert "must end in .npz, or be a folder" in fails(capsys, *sample, tmp_path / "a.png")
    assert "--seeds: --seeds says how many" in fails(capsys, *sample, tmp_path / "a", "--seeds", "0-3", "--n", "4")
    for seeds in ("5-3", "a", "1,1", "0-", ""):
        assert "--seeds: " in fails(capsys, *sample, tmp_path / "a", "--seeds", seeds)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


@pytest.mark.slow
def test_a_film_goes_round(labeled, tmp_path):
    out = tmp_path / "walk.gif"
    assert (
        main(["video", labeled, "--n", "4", "--stops", "2", "--seconds", "0.5", "--fps", "20", "--out", str(out)]) == 0
    )
    with Image.open(out) as film:
        assert film.n_frames == 10
        assert film.info["loop"] == 0
        assert film.info["duration"] == 50
        assert min(film.size) >= 300
        frames = []
        for i in range(10):
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB"), np.float32))
    steps = [np.abs(frames[i] - frames[i - 1]).mean() for i in range(10)]
    assert max(steps) > 0
    assert steps[0] <= max(steps[1:])  # from the last to the first no further than between others


@pytest.mark.slow
def test_films_that_cannot_be_are_one_line(tiny_run, tmp_path, capsys, monkeypatch):
    video = ["video", tiny_run, "--out"]
    assert "must be a file that ends in .gif or .mp4" in fails(capsys, *video, tmp_path / "a.avi")
    assert "--stops: 1 is no walk" in fails(capsys, *video, tmp_path / "a.gif", "--stops", "1")
    assert "--label: a run of digits" in fails(capsys, *video, tmp_path / "a.gif", "--label", "3")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert 'pip install "gan_jax[video]"' in fails(capsys, *video, tmp_path / "a.mp4")
    assert not [*tmp_path.iterdir()]


def test_an_mp4_has_its_frames(tiny_run, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    out = tmp_path / "walk.mp4"
    assert main(["video", str(tiny_run), "--n", "1", "--seconds", "1", "--fps", "10", "--out", str(out)]) == 0
    count, seconds = ffmpeg.count_frames_and_secs(str(out))
    assert count == 10
    assert seconds == pytest.approx(1, abs=0.1)


ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"gan_jax", "flax", "optax"}:
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import numpy as np
from jax import export

generator = export.deserialize(open(sys.argv[1], "rb").read())
given = np.load(sys.argv[2])
np.save(sys.argv[3], np.concatenate([generator.call(*[given[name][rows] for name in given.files])
                                     for rows in (slice(0, 1), slice(1, None))]))
"""


@pytest.mark.slow
def test_an_exported_function_needs_jax_alone(labeled, tmp_path):
    file = tmp_path / "out" / "digits.stablehlo"
    assert main(["export", labeled, "--to", "stablehlo", "--out", str(file)]) == 0
    given = {"latents": np.random.default_rng(0).standard_normal((4, 4)), "labels": np.array([0, 3, 3, 9], np.int32)}
    given["latents"] = given["latents"].astype(np.float32)
    np.savez(tmp_path / "given.npz", **given)
    command = [sys.executable, "-c", ALONE, file, tmp_path / "given.npz", tmp_path / "made.npy"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = np.load(tmp_path / "made.npy")
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1
    expected = runs.load(labeled).generate(given["latents"], label=given["labels"])
    np.testing.assert_allclose((made + 1) * 127.5, expected, atol=0.6)

    card = (file.parent / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: gan_jax\n")
    assert "digits.stablehlo" in card
    assert '"label"' not in card.split("```python")[1].split("```")[0]
    assert (file.parent / "digits_samples.png").exists()


def test_exported_weights_are_those_that_draw_and_the_card_has_protocol_and_scores(tiny_run, tmp_path, capsys):
    options = ["--n", "12", "--seeds", "2", "--scores", "frechet", "--features", "pixels"]
    assert main(["evaluate", str(tiny_run), *options]) == 0
    file = tmp_path / "a.safetensors"
    assert main(["export", str(tiny_run), "--to", "safetensors", "--out", str(file)]) == 0
    run = runs.load(tiny_run)
    with safe_open(file, "numpy") as found:
        kernel = found.get_tensor("params._Hidden_0.Dense_0.kernel")
        settings = json.loads(found.metadata()["experiment"])
    np.testing.assert_array_equal(kernel, run.state.generator_ema["params"]["_Hidden_0"]["Dense_0"]["kernel"])
    assert settings["gan"]["generator"]["width"] == 8
    card = (tmp_path / "README.md").read_text()
    scores = json.loads((tiny_run / "evaluation.json").read_text())["scores"]
    assert f"| frechet | {scores['frechet']['mean']:.4g} |" in card
    assert '"fingerprint"' in card
    index = json.loads(card.split("model-index: ")[1].splitlines()[0])
    assert index[0]["results"][0]["metrics"][0]["value"] == scores["frechet"]["mean"]


def test_what_cannot_be_exported_is_one_line(tiny_run, tmp_path, capsys, monkeypatch):
    export = ["export", tiny_run, "--to"]
    assert "--to: must be one of stablehlo" in fails(capsys, *export, "pytorch")
    assert "must be a file that ends in .stablehlo" in fails(capsys, *export, "stablehlo", "--out", tmp_path / "a.onnx")
    (tmp_path / "README.md").write_text("# Mine")
    assert "README.md is no model card" in fails(capsys, *export, "stablehlo", "--out", tmp_path / "a.stablehlo")
    assert "--steps: " in fails(capsys, *export, "stablehlo", "--steps", "3", "--out", tmp_path / "b" / "a.stablehlo")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert 'pip install "gan_jax[hub]"' in fails(capsys, *export, "safetensors", "--push-to-hub", "me/digits")
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    assert 'pip install "gan_jax[onnx]"' in fails(capsys, *export, "onnx", "--out", tmp_path / "b" / "a.onnx")
    assert (tmp_path / "README.md").read_text() == "# Mine"


def test_a_converter_is_given_the_operations_of_the_field_alone(labeled, tmp_path, monkeypatch):
    """A stand-in for jax2onnx, which knows no choice of a platform."""

    def convert(function, shapes, *, input_names, output_names, **_):
        assert [shape.shape for shape in shapes] == [("B", 4), ("B",)]
        assert (input_names, output_names) == (["latents", "label"], ["samples"])
        program = jax.make_jaxpr(lambda x: conv(x, jnp.ones((3, 3, 1, 1))))(jnp.ones((1, 4, 4, 1)))
        return SimpleNamespace(SerializeToString=str(program).encode)

    monkeypatch.setitem(sys.modules, "jax2onnx", SimpleNamespace(to_onnx=convert))
    assert main(["export", labeled, "--to", "onnx", "--out", str(tmp_path / "a.onnx")]) == 0
    program = (tmp_path / "a.onnx").read_text()
    assert "conv_general_dilated" in program
    assert "platform_index" not in program


def test_a_network_that_draws_numbers_is_not_exported_to_onnx(labeled, tmp_path, capsys, monkeypatch):
    def noisy(latents):
        return latents + jax.random.normal(jax.random.key(0), latents.shape)

    monkeypatch.setitem(sys.modules, "jax2onnx", SimpleNamespace(to_onnx=None))
    monkeypatch.setattr(formats, "generator_of", lambda run: (noisy, [((4,), np.dtype("float32"))]))
    error = fails(capsys, "export", labeled, "--to", "onnx", "--out", tmp_path / "a.onnx")
    assert "--to: this network draws random numbers inside" in error
    assert not (tmp_path / "a.onnx").exists()


class Hub:
    """As huggingface_hub's client is called."""

    def __init__(self):
        self.uploaded = []

    def create_repo(self, repository, *, exist_ok):
        return f"https://huggingface.co/{repository}"

    def upload_folder(self, *, repo_id, folder_path, allow_patterns, commit_message):
        self.uploaded = [repo_id, *sorted(path.name for path in folder_path.iterdir() if path.name in allow_patterns)]


def test_what_is_exported_is_uploaded(tiny_run, tmp_path, capsys, monkeypatch):
    hub = Hub()
    monkeypatch.setattr(export_command, "hub_client", lambda: hub)
    out = tmp_path / "a.safetensors"
    command = ["export", str(tiny_run), "--to", "safetensors", "--out", str(out), "--push-to-hub", "me/digits"]
    assert main(command) == 0
    assert "uploaded: https://huggingface.co/me/digits" in capsys.readouterr().out
    assert hub.uploaded == ["me/digits", "README.md", "a.safetensors", "a_samples.png"]

    def unreachable(*given, **options):
        raise OSError("no route\nto host")

    with pytest.raises(RunError, match=r"me/digits was not uploaded \(no route to host\); log in"):
        push(SimpleNamespace(create_repo=unreachable), "me/digits", tmp_path, [])
    hub.create_repo = unreachable
    assert main(command) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert out.exists()
