"""Tiny random networks of diffusers and transformers: what they were given and said, by `make_golden.py`."""

import json
import shutil
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from gan_jax import weights
from gan_jax.networks.pretrained import denormalize

GOLDEN = Path(__file__).parent / "networks" / "pretrained" / "golden"
UNET = ("sample", "timestep", "encoder_hidden_states")


@cache
def network(name):
    return weights.load(GOLDEN / name)


@cache
def values(name):
    """What a network was given and said, images as (N, H, W, C)."""
    found = load_file(GOLDEN / name / "values.safetensors")
    return {key: _array(value) for key, value in found.items()}


def _array(value):
    value = value.transpose(0, 2, 3, 1) if value.ndim == 4 else value
    return jnp.asarray(value.astype(np.int32) if value.dtype == np.int64 else value)


def taken(given, *names):
    return [given[name] for name in names]


def unet_condition(module, params, given):
    sizes = {name: given[name] for name in ("text_embeds", "time_ids") if name in given}
    options = {"added_cond_kwargs": sizes} if sizes else {}
    return {"out": module.apply(params, *taken(given, *UNET), given.get("class_labels"), **options)}


def unet_2d(module, params, given):
    return {"out": module.apply(params, *taken(given, "sample", "timestep"), given.get("class_labels"))}


def controlnet(module, params, given):
    down, middle = module.apply(params, *taken(given, *UNET, "controlnet_cond"), 0.7)
    base, base_params = network("unet_2d_condition_sd")
    told = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    out = base.apply(base_params, *taken(given, *UNET), **told)
    return {f"down_{i}": each for i, each in enumerate(down)} | {"middle": middle, "out": out}


def autoencoder(module, params, given):
    latents = module.apply(params, given["sample"], method="encode")
    decoded = module.apply(params, given["latents"], method="decode")
    found = {"mean": latents.mean, "log_variance": latents.log_variance, "kl": latents.kl(), "decoded": decoded}
    return found | {"out": module.apply(params, given["sample"])}


def prior(module, params, given):
    inputs = taken(given, "hidden_states", "timestep", "proj_embedding", "encoder_hidden_states")
    out = module.apply(params, *inputs, given["attention_mask"])
    scaled = denormalize(params, out)
    return {"unmasked": module.apply(params, *inputs), "out": out, "scaled": scaled}


def tower(module, params, given):
    found = module.apply(params, given["input_ids" if "input_ids" in given else "pixel_values"])._asdict()
    found |= {f"hidden_{i}": state for i, state in enumerate(found.pop("hidden_states"))}
    return {name: value for name, value in found.items() if name in given}


def clip(module, params, given):
    return module.apply(params, *taken(given, "input_ids", "pixel_values"))._asdict()


SAYS = {
    "unet_2d_ddpm": unet_2d,
    "unet_2d_classes": unet_2d,
    "unet_2d_condition_sd": unet_condition,
    "unet_2d_condition_sd2_unclip": unet_condition,
    "unet_2d_condition_sdxl": unet_condition,
    "unet_2d_condition_sdxl_refiner": unet_condition,
    "controlnet": controlnet,
    "autoencoder_kl": autoencoder,
    "prior_unclip": prior,
    "prior_normed": prior,
    "clip_text": tower,
    "clip_text_with_projection": tower,
    "clip_vision": tower,
    "clip": clip,
}


_PIPELINES = {
    "StableDiffusionPipeline": {"unet": "unet_2d_condition_sd", "text_encoder": "clip_text"},
    "StableDiffusionXLPipeline": {"unet": "unet_2d_condition_sdxl", "text_encoder_2": "clip_text_with_projection"},
    "StableDiffusionXLImg2ImgPipeline": {
        "unet": "unet_2d_condition_sdxl_refiner",
        "text_encoder_2": "clip_text_with_projection",
    },
}


def write_pipeline(folder, name="StableDiffusionPipeline"):
    """A folder as diffusers writes it, of the golden networks, with a small vocabulary; SDXL has one text tower."""
    parts = _PIPELINES[name] | {"vae": "autoencoder_kl"}
    for part, own in parts.items():
        shutil.copytree(GOLDEN / own, folder / part, ignore=lambda *_: ["values.safetensors"])
    shutil.copytree(GOLDEN / "samples" / "stable_diffusion", folder / "scheduler")
    letters = [f"{letter}{end}" for letter in "abcdefgh" for end in ("", "</w>")]
    vocabulary = {token: i for i, token in enumerate(letters)} | {"<|startoftext|>": 38, "<|endoftext|>": 37}
    words = folder / next(part for part in parts if "text" in part).replace("text_encoder", "tokenizer")
    words.mkdir()
    (words / "vocab.json").write_text(json.dumps(vocabulary))
    (words / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    index = {name: ["diffusers", "x"] for name in (*parts, words.name, "scheduler")}
    index |= {"_class_name": name, "safety_checker": [None, None]}
    (folder / "model_index.json").write_text(json.dumps({"text_encoder": [None, None]} | index))
    return folder


def write_ddpm(folder, name="unet_2d_ddpm"):
    """A folder as DDPM's weights are on the hub: all of it in one."""
    shutil.copytree(GOLDEN / name, folder, dirs_exist_ok=True, ignore=lambda *_: ["values.safetensors"])
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline", "unet": ["diffusers", "x"]}))
    (folder / "scheduler_config.json").write_text(json.dumps({"_class_name": "DDPMScheduler", "clip_sample": True}))
    return folder


def errors(name, module=None, params=None):
    """The largest difference of all that a network says, over the largest value, by name."""
    own, own_params = network(name)
    module, params, given = module or own, own_params if params is None else params, values(name)
    found = jax.jit(lambda params, given: SAYS[name](module, params, given))(params, given)
    return {key: float(jnp.abs(value - given[key]).max() / jnp.abs(given[key]).max()) for key, value in found.items()}
