"""A folder of diffusers becomes a run, which is drawn from, scored and reported; what does not fit is one line."""

import json
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from pretrained import GOLDEN, network, write_ddpm, write_pipeline
from safetensors.numpy import load_file, save_file

from gan_jax import load, text_to_image
from gan_jax.cli import main
from gan_jax.diffusion import draw
from gan_jax.evaluation import samples
from gan_jax.text_to_image import Sizes, levels_of, time_of_level
from gan_jax.text_to_image.pipeline import scheduler_of

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
CHUNK = 2
FAST = ["--steps", "2", "--seed", "0"]


def gan_jax(*arguments):
    return main([*map(str, arguments)])


def refused(capsys, *arguments):
    assert gan_jax(*arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


def images(run, *options):
    assert gan_jax("sample", run, *FAST, *options) == 0
    with np.load(run / "samples.npz") as file:
        return file["images"]


@pytest.fixture(scope="module", autouse=True)
def _small_chunks():
    """Samples are drawn two at a time, not 500."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_CHUNK", CHUNK)
        yield


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A run of a tiny Stable Diffusion with a ControlNet."""
    folder = write_pipeline(tmp_path_factory.mktemp("pipeline"))
    run = tmp_path_factory.mktemp("runs") / "run"
    assert gan_jax("import", folder, "--out", run, "--controlnet", GOLDEN / "controlnet") == 0
    shutil.rmtree(folder)  # the run has all that it needs
    return run


@pytest.mark.slow
def test_an_imported_run_draws_what_the_library_draws(imported, tmp_path):
    folder = write_pipeline(tmp_path)
    found = images(imported, "--n", 1, "--prompt", "a b", "--negative-prompt", "h")
    model, key = text_to_image.load(folder), jax.random.fold_in(jax.random.key(0), 0)
    chunk = {"tokens": model.tokenize(["a b"] * CHUNK), "negative": model.tokenize(["h"] * CHUNK)}
    run = load(imported)
    expected = run.system.sample(run.state, key, CHUNK, chunk, steps=2)
    np.testing.assert_allclose(found[0], np.round((np.asarray(expected[0]) + 1) * 127.5), atol=1)
    drawn = text_to_image.draw_images(model, key, ["a b"] * CHUNK, negative="h", steps=2)
    assert np.abs(found[0].astype(int) - drawn[0].astype(int)).max() <= 1
    assert found.shape == (1, 16, 16, 3)


@pytest.mark.slow
def test_every_file_is_hashed_and_named(imported, capsys, tmp_path):
    described = json.loads((imported / "experiment.json").read_text())
    names = {file.relative_to(imported).as_posix() for file in (imported / "model").rglob("*") if file.is_file()}
    assert described["files"].keys() == names
    assert "model/unet/diffusion_pytorch_model.safetensors" in names
    assert "model/controlnet/diffusion_pytorch_model.safetensors" in names
    assert gan_jax("check", imported) == 0
    copy = shutil.copytree(imported, tmp_path / "copy")
    with (copy / "model" / "tokenizer" / "merges.txt").open("a") as file:
        file.write("c d\n")
    capsys.readouterr()
    assert gan_jax("check", copy) == 2
    assert "model/tokenizer/merges.txt: damaged (" in capsys.readouterr().out


@pytest.mark.slow
def test_a_hint_is_seen_and_has_the_images_size(imported, tmp_path, capsys):
    for name, shade in (("dark", 0), ("light", 255)):
        Image.new("RGB", (12, 16), (shade, shade, 0)).save(tmp_path / f"{name}.png")
    dark, light = (
        images(imported, "--n", 1, "--size", "16x12", "--hint", tmp_path / f"{n}.png") for n in ("dark", "light")
    )
    assert dark.shape == (1, 16, 12, 3)
    assert (dark != light).any()
    error = refused(capsys, "sample", imported, "--n", 1, "--hint", tmp_path / "dark.png")
    assert "--hint: the hint is 16x12, the images are 16x16; give --size 16x12" in error
    assert "--hint: none.png cannot be read" in refused(capsys, "sample", imported, "--hint", "none.png")


@pytest.mark.slow
def test_a_run_is_scored_with_its_files_in_the_protocol_and_reported(imported, tmp_path, capsys):
    data = tmp_path / "data.npz"
    rng = np.random.default_rng(0)
    np.savez(data, images=rng.integers(0, 256, (80, 16, 16, 3), dtype=np.uint8))
    assert "--data: name the real data" in refused(capsys, "evaluate", imported)
    options = ["--data", data, "--features", "pixels", "--scores", "frechet", "--n", 10, "--seeds", 1, "--steps", 1]
    assert gan_jax("evaluate", imported, *options) == 0
    protocol = json.loads((imported / "evaluation.json").read_text())["protocol"]
    assert protocol["files"]["model/unet/config.json"]
    assert gan_jax("report", imported) == 0
    assert "public networks" in (imported / "report.html").read_text()


@pytest.mark.slow
def test_sdxl_is_told_sizes_and_a_crop(tmp_path, capsys):
    folder = write_pipeline(tmp_path / "xl", "StableDiffusionXLPipeline")
    run = tmp_path / "run"
    assert gan_jax("import", folder, "--out", run) == 0
    options = ["--n", 1, "--prompt", "a", "--size", "16x16"]
    told = [images(run, *options, *more) for more in ([], ["--crop", "0x64"], ["--original-size", "64x48"])]
    assert (told[0] != told[1]).any()
    assert (told[0] != told[2]).any()
    model = text_to_image.load(folder)
    key = jax.random.fold_in(jax.random.key(0), 0)
    sizes = Sizes(crop=(0, 64))
    drawn = text_to_image.draw_images(model, key, ["a"] * CHUNK, steps=2, size=(16, 16), sizes=sizes)
    assert np.abs(told[1][0].astype(int) - drawn[0].astype(int)).max() <= 1


@pytest.mark.slow
def test_a_refiner_is_imported_beside_its_base(imported, tmp_path, capsys):
    base = write_pipeline(tmp_path / "base", "StableDiffusionXLPipeline")
    refiner = write_pipeline(tmp_path / "refiner", "StableDiffusionXLImg2ImgPipeline")
    run = tmp_path / "run"
    assert gan_jax("import", base, "--out", run, "--refiner", refiner) == 0
    assert gan_jax("check", run) == 0
    assert (run / "model" / "refiner" / "unet").is_dir()
    assert not (run / "model" / "refiner" / "vae").exists()
    options = ["--n", 1, "--prompt", "a", "--size", "16x16"]
    assert (images(run, *options) != images(run, *options, "--refined-from", 1)).any()
    assert "--refined-from: these networks have no refiner" in refused(
        capsys, "sample", imported, "--refined-from", 0.5, *FAST
    )
    error = refused(capsys, "import", base, "--out", tmp_path / "a", "--refiner", refiner / "unet")
    assert "--refiner: " in error
    assert "model_index.json" in error


@pytest.mark.slow
def test_ddpm_is_drawn_from_and_clipped(tmp_path, capsys):
    folder, run = write_ddpm(tmp_path / "ddpm"), tmp_path / "run"
    assert gan_jax("import", folder, "--out", run) == 0
    found = images(run, "--n", 2, "--sampler", "ddim")
    assert found.shape == (2, 8, 8, 3)
    unet, params = network("unet_2d_ddpm")
    scheduler = scheduler_of(folder)
    assert scheduler.clip

    def denoise(x, alpha, sigma):
        said = unet.apply(params, x, time_of_level(scheduler, alpha, sigma))
        return jnp.clip(scheduler.parameterization.denoised(said, x, alpha, sigma), -1, 1)

    noise_key, _, key = jax.random.split(jax.random.fold_in(jax.random.key(0), 0), 3)
    noise = jax.random.normal(noise_key, (CHUNK, 8, 8, 3))
    expected = draw(denoise, key, noise, levels_of(scheduler, 2), "ddim", denoise_last=False)[:2]
    np.testing.assert_allclose(found, np.clip(np.round((np.asarray(expected) + 1) * 127.5), 0, 255), atol=1)
    assert "--prompt: " in refused(capsys, "sample", run, "--prompt", "a")
    assert "--guidance" in refused(capsys, "sample", run, "--guidance", "2")


@pytest.mark.slow
def test_ddpm_of_classes_draws_a_class(tmp_path):
    run = tmp_path / "run"
    assert gan_jax("import", write_ddpm(tmp_path / "ddpm", "unet_2d_classes"), "--out", run) == 0
    one, two = (images(run, "--n", 1, "--label", label) for label in ("0", "2"))
    assert (one != two).any()


def change_tensors(folder, change):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda tensors: tensors.pop("conv_in.bias"), "unet: has no conv_in.bias; is its configuration another's?"),
        (lambda tensors: tensors.update(more=np.zeros(2)), "unet: has more too many"),
        (
            lambda tensors: tensors.update({"conv_in.bias": np.zeros(3)}),
            r"conv_in.bias of shape (3,) is no conv_in.bias",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named_and_nothing_is_written(tmp_path, capsys, change, match):
    folder = write_pipeline(tmp_path / "pipeline")
    change_tensors(folder, change)
    assert match in refused(capsys, "import", folder, "--out", tmp_path / "runs" / "run")
    assert not (tmp_path / "runs").exists()


def test_a_copy_that_breaks_off_leaves_nothing(tmp_path, capsys, monkeypatch):
    from gan_jax.systems.pretrained import copying

    def full(*arguments):
        (arguments[1] / "model").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["gan_jax.commands.import"], "copy_files", full)
    assert copying.copy_files is not full
    folder = write_pipeline(tmp_path / "pipeline")
    assert "No space left on device" in refused(capsys, "import", folder, "--out", tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline"]


@pytest.mark.slow
def test_natural_mistakes_are_answered_in_a_line(imported, tmp_path, capsys, monkeypatch):
    folder = write_pipeline(tmp_path / "pipeline")
    assert "is there already" in refused(capsys, "import", folder, "--out", imported)
    assert "there is no such folder" in refused(capsys, "import", tmp_path / "none", "--out", tmp_path / "a")
    assert "--out" in refused(capsys, "import", folder)
    assert "no model_index.json" in refused(capsys, "import", folder / "unet", "--out", tmp_path / "a")
    error = refused(capsys, "import", folder, "--out", tmp_path / "a", "--controlnet", folder / "vae")
    assert "--controlnet: " in error
    assert "is a AutoencoderKL" in error
    assert "not trained" in refused(capsys, "train", imported, "--resume")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = refused(capsys, "import", "nobody/nothing", "--out", tmp_path / "a")
    assert "nobody/nothing: there is no such folder" in error
    assert not (tmp_path / "a").exists()
    assert "--crop: these networks are told no sizes" in refused(capsys, "sample", imported, "--crop", "0x0", *FAST)
    assert "--size: must be a number of pixels" in refused(capsys, "sample", imported, "--size", "big")
