"""Whole samples are diffusers'; a folder of its pipelines is read, and what is missing in it is named."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pretrained import GOLDEN, network, values, write_pipeline

from gan_jax import text_to_image
from gan_jax.diffusion import Levels
from gan_jax.errors import InputError
from gan_jax.text_to_image import Control, Networks, TextStates, draw_latents, encode_text, levels_of, read_scheduler
from gan_jax.text_to_image.images import steps_until

SAMPLES = GOLDEN / "samples"
KEY = jax.random.key(0)


def scheduler(name):
    return read_scheduler(json.loads((SAMPLES / name / "scheduler_config.json").read_text()))


def networks(name, unet="unet_2d_condition_sd"):
    parts = {"text": "clip_text", "unet": unet, "autoencoder": "autoencoder_kl"}
    modules = {part: network(folder)[0] for part, folder in parts.items()}
    params = {part: network(folder)[1] for part, folder in parts.items()}
    params["text"] = (params["text"],)
    return Networks((modules["text"],), modules["unet"], modules["autoencoder"], scheduler(name)), params


def error(found, expected):
    return float(jnp.abs(found - expected).max() / jnp.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stable_diffusion", "trailing"])
def test_a_sample_of_20_steps_with_guidance_is_that_of_diffusers(name):
    own, params = networks(name)
    given, levels = values("samples"), levels_of(own.scheduler, 20)

    @jax.jit
    def drawn(params, rows, noise):
        told, untold = (encode_text(own, params, [row]) for row in rows)
        latents = draw_latents(own, params, KEY, noise, told, untold, levels, guidance=4.0, sampler="ddim")
        return latents, text_to_image.decode(own, params, latents)

    latents, images = drawn(params, (given["input_ids"], given["nothing"]), given["latents"])
    assert error(latents, given[f"{name}.drawn"]) < 1e-4
    assert error(images, given[f"{name}.image"]) < 1e-4


@pytest.mark.slow
def test_a_sample_of_sdxl_told_sizes_and_a_crop_is_that_of_diffusers():
    own, params = networks("sdxl", "unet_2d_condition_sdxl")
    given, levels = values("samples"), levels_of(own.scheduler, 20)
    told = TextStates(given["sdxl.states"], given["sdxl.pooled"])
    untold = TextStates(*(0 * part for part in told[:2]))

    def drawn(params, sizes):
        both = (states._replace(sizes=sizes) for states in (told, untold))
        return draw_latents(own, params, KEY, given["latents"], *both, levels, guidance=4.0, sampler="ddim")

    draw = jax.jit(drawn)
    assert error(draw(params, jnp.array([[64.0, 48, 3, 5, 16, 16]])), given["sdxl.drawn"]) < 1e-4
    assert error(draw(params, jnp.array([[64.0, 48, 0, 0, 16, 16]])), given["sdxl.drawn"]) > 1e-3  # of another crop


@pytest.mark.slow
def test_a_sample_that_a_refiner_ends_is_that_of_diffusers():
    names = ("unet_2d_condition_sdxl", "unet_2d_condition_sdxl_refiner")
    given, both = values("samples"), [networks("sdxl", name) for name in names]
    scheduler = both[0][0].scheduler
    levels = levels_of(scheduler, 20)
    begun = steps_until(scheduler, levels, 0.8)
    assert begun == 16

    def drawn(params, x, i, kept, endings, scale):
        rows = (jnp.array([[64.0, 48, 3, 5, *ending]]) for ending in endings)
        told = TextStates(given["sdxl.states"], given["sdxl.pooled"], next(rows))
        untold = TextStates(*(scale * part for part in told[:2]), next(rows))
        part = Levels(*(each[kept] for each in levels))
        return draw_latents(both[i][0], params, KEY, x, told, untold, part, guidance=4.0, sampler="ddim")

    x = drawn(both[0][1], given["latents"], 0, slice(begun + 1), ((16, 16), (16, 16)), 0)
    refined = drawn(both[1][1], x, 1, slice(begun, None), ((6,), (2.5,)), 0.5)
    assert error(refined, given["sdxl.refined"]) < 1e-4
    other = drawn(both[1][1], x, 1, slice(begun, None), ((6,), (6,)), 0.5)
    assert error(other, given["sdxl.refined"]) > 1e-3  # another score


def test_the_levels_are_those_of_diffusers():
    first = read_scheduler({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
    kept = np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2)
    for spacing, times in {
        "leading": [900, 800, 700, 600, 500, 400, 300, 200, 100, 0],
        "trailing": [999, 899, 799, 699, 599, 499, 399, 299, 199, 99],
        "linspace": [999, 888, 777, 666, 555, 444, 333, 222, 111, 0],
    }.items():
        levels = levels_of(first._replace(spacing=spacing), 10)
        np.testing.assert_allclose(levels.alpha[:-1] ** 2, kept[times], rtol=1e-5)
        assert (levels.alpha[-1], levels.sigma[-1]) == (1, 0)
        last = levels_of(first._replace(spacing=spacing, clean=False), 10)
        np.testing.assert_allclose(last.sigma[-1] ** 2, 1 - kept[0], rtol=1e-4)
    offset = levels_of(first._replace(offset=1), 10)
    np.testing.assert_allclose(offset.alpha[0] ** 2, kept[901], rtol=1e-5)


def test_a_network_is_told_the_steps_of_its_training():
    own = read_scheduler({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
    steps = np.arange(1000)
    levels = (jnp.asarray(function(steps), jnp.float32) for function in (own.schedule.alpha, own.schedule.sigma))
    np.testing.assert_array_equal(jax.jit(lambda *pair: text_to_image.time_of_level(own, *pair))(*levels), steps)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"beta_schedule": "laplace"}, "beta_schedule: 'laplace' is not built, only linear"),
        ({"prediction_type": "flow"}, "prediction_type"),
        ({"thresholding": True}, "thresholding"),
        ({"timestep_spacing": "karras"}, "timestep_spacing"),
    ],
)
def test_schedulers_that_are_not_built_are_named(given, match):
    with pytest.raises(InputError, match=match):
        read_scheduler(given)


@pytest.mark.parametrize("steps", [0, 1001])
def test_there_are_as_many_steps_as_in_training_at_most(steps):
    with pytest.raises(InputError, match="steps: must be from 1 to 1000"):
        levels_of(read_scheduler({}), steps)


@pytest.fixture
def folder(tmp_path):
    return write_pipeline(tmp_path)


@pytest.mark.slow
def test_images_of_captions_are_drawn_from_a_folder(folder):
    model = text_to_image.load(folder)
    options = {"steps": 4, "guidance": 3.0, "size": (16, 12)}
    images = text_to_image.draw_images(model, KEY, ["a b", "c d"], **options)
    assert images.shape == (2, 16, 12, 3)
    assert images.dtype == np.uint8
    again = text_to_image.draw_images(model, KEY, ["a b", "h"], **options)
    np.testing.assert_array_equal(images[0], again[0])
    assert (images[1] != again[1]).any()
    pushed = text_to_image.draw_images(model, KEY, ["a b", "h"], negative="g", **options)
    assert (pushed != again).any()


@pytest.mark.slow
def test_a_control_net_changes_images_by_its_hint_and_none_at_first(folder):
    model, (module, params) = text_to_image.load(folder), network("controlnet")
    hints = jnp.stack([jnp.zeros((16, 16, 3)), jnp.ones((16, 16, 3))])
    options = {"steps": 2, "size": (16, 16)}
    zero = jax.tree.map(jnp.zeros_like, params)
    for own, same in ((zero, True), (params, False)):
        images = [
            text_to_image.draw_images(model, KEY, ["a"], control=Control(module, own, hint[None]), **options)
            for hint in hints
        ]
        assert (images[0] == images[1]).all() == same
        if same:
            np.testing.assert_array_equal(images[0], text_to_image.draw_images(model, KEY, ["a"], **options))


@pytest.mark.slow
def test_a_refiner_draws_the_last_steps(tmp_path):
    base = write_pipeline(tmp_path / "base", "StableDiffusionXLPipeline")
    refiner = write_pipeline(tmp_path / "refiner", "StableDiffusionXLImg2ImgPipeline")
    shutil.rmtree(refiner / "vae")  # it is the base's
    alone, model = text_to_image.load(base), text_to_image.load(base, refiner=refiner)
    assert model.tokenize(["a"]).shape[1] == 2

    def drawn(model, **options):
        return text_to_image.draw_images(model, KEY, ["a b"], steps=4, size=(16, 16), **options)

    unrefined, refined = drawn(alone), drawn(model)
    np.testing.assert_array_equal(drawn(model, refined_from=1.0), unrefined)
    assert (refined != unrefined).any()
    assert (refined != drawn(model, refined_from=0.5)).any()
    config = json.loads((refiner / "unet" / "config.json").read_text())
    (refiner / "unet" / "config.json").write_text(json.dumps(config | {"in_channels": 9}))
    with pytest.raises(InputError, match="has 9 channels, what it refines 4"):
        text_to_image.load(base, refiner=refiner)


def test_the_size_is_a_multiple_of_the_autoencoders(folder):
    model = text_to_image.load(folder)
    with pytest.raises(InputError, match="size: 15x12 are no multiples of 2"):
        text_to_image.draw_images(model, KEY, ["a"], size=(15, 12))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), "no model_index.json; a single network"),
        (lambda folder: shutil.rmtree(folder / "vae"), "vae: there is no such folder"),
        (lambda folder: shutil.rmtree(folder / "scheduler"), "no scheduler/scheduler_config.json"),
        (
            lambda folder: (folder / "scheduler" / "scheduler_config.json").write_text('{"thresholding": true}'),
            "thresholding",
        ),
        (lambda folder: shutil.rmtree(folder / "tokenizer"), "cannot be read"),
        (lambda folder: (folder / "model_index.json").write_text("{}"), "no text_encoder"),
        (
            lambda folder: shutil.rmtree(folder / "vae") or (folder / "unet").rename(folder / "vae"),
            "vae: is a UNet2DConditionModel, where AutoencoderKL is read|unet: there is no such folder",
        ),
    ],
)
def test_what_a_folder_lacks_is_named_in_one_line(folder, change, match):
    change(folder)
    with pytest.raises(InputError, match=match) as raised:
        text_to_image.load(folder)
    assert "\n" not in str(raised.value)
