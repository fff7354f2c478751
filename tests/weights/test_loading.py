"""Folders of public weights: every form of a file, and what is refused in one line."""

import json
import shutil
import subprocess
import sys
from hashlib import sha256

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pretrained import GOLDEN, errors, network
from safetensors.numpy import load_file, save_file

import gan_jax
from gan_jax import weights
from gan_jax.errors import InputError
from gan_jax.weights.weight_files import _DTYPES

DIFFUSERS, TRANSFORMERS = "diffusion_pytorch_model.safetensors", "model.safetensors"


def folder_of(name, tmp_path, change=lambda tensors: tensors, config=lambda given: given, file=None):
    """A golden folder with other tensors, or another configuration, or under another name."""
    own = DIFFUSERS if (GOLDEN / name / DIFFUSERS).exists() else TRANSFORMERS
    save_file(change(load_file(GOLDEN / name / own)), tmp_path / (file or own))
    given = json.loads((GOLDEN / name / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config(given)))
    return tmp_path


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def renamed(*pairs):
    def change(tensors):
        found = {}
        for name, tensor in tensors.items():
            for old, new in pairs:
                name = name.replace(old, new)
            found[name] = tensor
        return found

    return change


def test_parameters_are_the_files_numbers_arranged_for_jax():
    module, params = network("autoencoder_kl")
    tensors = load_file(GOLDEN / "autoencoder_kl" / DIFFUSERS)
    decoder = params["params"]["decoder"]
    kernel = decoder["up_blocks_0"]["resnets_1"]["conv1"]["kernel"]
    assert kernel.dtype == jnp.float16
    np.testing.assert_array_equal(kernel, tensors["decoder.up_blocks.0.resnets.1.conv1.weight"].transpose(2, 3, 1, 0))
    scale = decoder["conv_norm_out"]["scale"]
    assert scale.dtype == jnp.float32
    np.testing.assert_array_equal(scale, tensors["decoder.conv_norm_out.weight"].astype(np.float32))
    assert module.config.scaling_factor == 0.13025
    shapes = jax.eval_shape(module.init, jax.random.key(0), jnp.ones((1, 4, 4, 3)))
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, shapes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, jnp.bfloat16])
def test_all_kinds_of_numbers_are_read(tmp_path, dtype):
    folder = folder_of("prior_unclip", tmp_path, lambda tensors: {k: v.astype(dtype) for k, v in tensors.items()})
    _, params = weights.load(folder)
    kernel = params["params"]["proj_in"]["kernel"]
    assert kernel.dtype == (jnp.float32 if dtype == np.float64 else dtype)
    expected = network("prior_unclip")[1]["params"]["proj_in"]["kernel"].astype(jnp.float32)
    np.testing.assert_allclose(kernel.astype(jnp.float32), expected, rtol=1e-2 if dtype == jnp.bfloat16 else 0)
    _, asked = weights.load(folder, dtype=jnp.bfloat16)
    assert asked["params"]["proj_in"]["kernel"].dtype == jnp.bfloat16


def test_attention_of_old_files_is_the_same(tmp_path):
    old = renamed(("to_q.", "query."), ("to_k.", "key."), ("to_v.", "value."), ("to_out.0.", "proj_attn."))
    folder = folder_of("autoencoder_kl", tmp_path, old)
    assert any(".proj_attn." in name for name in load_file(folder / DIFFUSERS))
    assert_equal(weights.load(folder)[1], network("autoencoder_kl")[1])


def test_products_are_read_from_convolutions_and_from_linear_layers(tmp_path):
    """Stable Diffusion 1 has the former, SDXL the latter."""

    def linear(tensors):
        one = {name for name, tensor in tensors.items() if ".proj_" in name and tensor.ndim == 4}
        assert one
        return {name: tensor[:, :, 0, 0] if name in one else tensor for name, tensor in tensors.items()}

    folder = folder_of("unet_2d_condition_sd", tmp_path, linear, lambda given: given | {"use_linear_projection": True})
    assert_equal(weights.load(folder)[1], network("unet_2d_condition_sd")[1])


def test_the_text_towers_prefix_may_be_there_or_not(tmp_path):
    def old(tensors):
        positions = {"text_model.embeddings.position_ids": np.arange(9)[None]}
        return {f"text_model.{name}": tensor for name, tensor in tensors.items()} | positions

    assert not any(name.startswith("text_model") for name in load_file(GOLDEN / "clip_text" / TRANSFORMERS))
    assert_equal(weights.load(folder_of("clip_text", tmp_path, old))[1], network("clip_text")[1])


def open_clip(tensors):
    """The tensors of transformers' CLIP in the layout of open_clip."""
    found = {"logit_scale": tensors["logit_scale"]}
    found["text_projection"] = tensors["text_projection.weight"].T.copy()
    found["visual.proj"] = tensors["visual_projection.weight"].T.copy()
    ends = {
        "text_model": {"token_embedding.weight": "token_embedding.weight", "final_layer_norm": "ln_final"},
        "vision_model": {
            "class_embedding": "class_embedding",
            "patch_embedding.weight": "conv1.weight",
            "pre_layrnorm": "ln_pre",
            "post_layernorm": "ln_post",
        },
    }
    layer = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    layer |= {"self_attn.out_proj": "attn.out_proj"}
    for tower, names in ends.items():
        prefix = "" if tower == "text_model" else "visual."
        found[f"{prefix}positional_embedding"] = tensors[f"{tower}.embeddings.position_embedding.weight"]
        for name, new in names.items():
            for leaf in ("", ".weight", ".bias"):
                for place in ("", "embeddings."):
                    if f"{tower}.{place}{name}{leaf}" in tensors:
                        found[f"{prefix}{new}{leaf}"] = tensors[f"{tower}.{place}{name}{leaf}"]
        for i in range(2):
            old, block = f"{tower}.encoder.layers.{i}", f"{prefix}transformer.resblocks.{i}"
            for leaf in ("weight", "bias"):
                parts = [tensors[f"{old}.self_attn.{part}_proj.{leaf}"] for part in "qkv"]
                found[f"{block}.attn.in_proj_{leaf}"] = np.concatenate(parts)
                found |= {f"{block}.{new}.{leaf}": tensors[f"{old}.{name}.{leaf}"] for name, new in layer.items()}
    return found


OPEN_CLIP = {
    "model_cfg": {
        "embed_dim": 10,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 12,
            "layers": 2,
            "width": 12,
            "head_width": 4,
            "patch_size": 4,
            "mlp_ratio": 5 / 3,
        },
        "text_cfg": {"context_length": 9, "vocab_size": 40, "width": 16, "heads": 4, "layers": 2, "mlp_ratio": 1.5},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5]},
}


def test_open_clips_layout_is_read(tmp_path):
    save_file(open_clip(load_file(GOLDEN / "clip" / TRANSFORMERS)), tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps(OPEN_CLIP))
    module, params = weights.load(tmp_path)
    assert module == network("clip")[0]
    assert_equal(params, network("clip")[1])


@pytest.mark.parametrize(
    ("part", "given", "match"),
    [
        (None, {"custom_text": True}, "model_cfg.custom_text: True is not built"),
        ("vision_cfg", {"timm_model_name": "x"}, "model_cfg.vision_cfg.timm_model_name"),
        ("vision_cfg", {"layers": [3, 4]}, "num_hidden_layers"),
    ],
)
def test_open_clips_other_settings_are_named(tmp_path, part, given, match):
    config = json.loads(json.dumps(OPEN_CLIP))
    (config["model_cfg"] if part is None else config["model_cfg"][part]).update(given)
    save_file({"logit_scale": np.ones((), np.float32)}, tmp_path / "open_clip_model.safetensors")
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=match):
        weights.load(tmp_path)


@pytest.mark.parametrize("index", ["diffusion_pytorch_model.safetensors.index.json", "model.safetensors.index.json"])
def test_weights_in_several_files_are_one(tmp_path, index):
    tensors = load_file(GOLDEN / "prior_unclip" / DIFFUSERS)
    folder = folder_of("prior_unclip", tmp_path)
    (folder / DIFFUSERS).unlink()
    names, stem = sorted(tensors), index.partition(".")[0]
    parts = {f"{stem}-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for file, own in parts.items():
        save_file({name: tensors[name] for name in own}, folder / file)
    listed = {name: file for file, own in parts.items() for name in own}
    (folder / index).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": listed}))
    assert_equal(weights.load(folder)[1], network("prior_unclip")[1])
    assert weights.sha256(folder).keys() == parts.keys()
    (folder / next(iter(parts))).unlink()
    with pytest.raises(InputError, match=r"00001-of-00002.safetensors: is missing"):
        weights.load(folder)


def test_a_variant_is_read_where_it_is_asked_for(tmp_path):
    folder = folder_of("prior_unclip", tmp_path, file="diffusion_pytorch_model.fp16.safetensors")
    assert_equal(weights.load(folder, variant="fp16")[1], network("prior_unclip")[1])
    with pytest.raises(InputError, match=r"has no weights, but diffusion_pytorch_model.fp16.safetensors"):
        weights.load(folder)


def test_files_are_named_by_their_hashes():
    file = GOLDEN / "clip_text" / TRANSFORMERS
    assert weights.sha256(GOLDEN / "clip_text") == {TRANSFORMERS: sha256(file.read_bytes()).hexdigest()}


def without(name):
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (without("conv_in.weight"), "has no conv_in.weight; is its configuration another's"),
        (lambda tensors: tensors | {"conv_3.weight": np.ones(2, np.float32)}, "has conv_3.weight too many"),
        (renamed(("resnets.0", "resnet.0")), r"has no down_blocks_0.resnets_0.*\d more, and has .* too many"),
        (
            lambda tensors: tensors | {"conv_in.bias": np.ones(9, np.float16)},
            r"conv_in.bias of shape \(9,\) is no",
        ),
        (lambda tensors: tensors | {"conv_in.bias": np.ones(8, np.int32)}, "conv_in.bias"),
        (lambda tensors: tensors | {"conv_in.weight": np.ones((3, 3, 3, 8), np.float16)}, r"\(3, 3, 3, 8\) is no"),
    ],
)
def test_a_tensor_that_does_not_belong_is_named_in_one_line(tmp_path, change, match):
    folder = folder_of("unet_2d_ddpm", tmp_path, change)
    with pytest.raises(InputError, match=match) as raised:
        weights.load(folder)
    assert "\n" not in str(raised.value)
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (lambda given: given | {"_class_name": "Transformer2DModel"}, "is of Transformer2DModel; there is UNet2DModel"),
        (lambda given: {}, "is of no class"),
        (lambda given: given | {"act_fn": "gelu"}, "config.json: act_fn: 'gelu' is not built"),
        (lambda given: given | {"new": 1}, "config.json: new: 1 is a setting that UNet2DConfig does not know"),
    ],
)
def test_a_configuration_that_is_not_built_is_named_in_one_line(tmp_path, config, match):
    folder = folder_of("unet_2d_ddpm", tmp_path, config=config)
    with pytest.raises(InputError, match=match):
        weights.load(folder)


def test_folders_without_weights_say_what_to_do(tmp_path):
    def refused(match):
        with pytest.raises(InputError, match=match):
            weights.load(tmp_path)

    with pytest.raises(InputError, match="no such folder"):
        weights.load(tmp_path / "none")
    refused("has no weights; there should be diffusion_pytorch_model.safetensors")
    (tmp_path / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    refused("diffusion_pytorch_model.bin is a pickle, which is not read; save it as safetensors")
    shutil.copy(GOLDEN / "unet_2d_ddpm" / DIFFUSERS, tmp_path)
    refused("has weights but no config.json")
    (tmp_path / DIFFUSERS).unlink()
    (tmp_path / "model_index.json").write_text("{}")
    for part in ("unet", "vae"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text("{}")
    refused("is of several networks; give the folder of one of them, as unet, vae")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:5],
        lambda data: b"",
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: data[:8] + b"[" + data[9:],
        lambda data: data.replace(b'"F16"', b'"F12"', 1),
        lambda data: data.replace(b"[8]", b"[7]", 1),
        lambda data: data.replace(b'"dtype"', b'"ddype"', 1),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, damage):
    folder = folder_of("unet_2d_ddpm", tmp_path)
    data = (folder / DIFFUSERS).read_bytes()
    damaged = damage(data)
    assert damaged != data
    (folder / DIFFUSERS).write_bytes(damaged)
    with pytest.raises(InputError, match=r"safetensors: is damaged or no safetensors file"):
        weights.load(folder)


@pytest.mark.parametrize("listed", [{}, {"a": "../model.safetensors"}, []])
def test_an_index_names_files_of_its_folder_alone(tmp_path, listed):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    with pytest.raises(InputError, match="names no files of its folder"):
        weights.load(tmp_path)


@pytest.mark.slow
def test_parameters_outlive_their_file(tmp_path):
    folder = folder_of("unet_2d_ddpm", tmp_path)
    module, params = weights.load(folder)
    with (folder / DIFFUSERS).open("r+b") as file:
        file.seek(-90_000, 2)
        file.write(b"\0" * 90_000)
    assert errors("unet_2d_ddpm", module, params)["out"] < 1e-4


def test_the_kinds_of_numbers_are_those_of_the_format():
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1}
    assert {name: dtype.itemsize for name, dtype in _DTYPES.items()} == sizes


def test_weights_are_imported_when_they_are_used():
    assert gan_jax.weights.load is weights.load
    code = (
        "import sys, gan_jax; assert 'gan_jax.weights' not in sys.modules; gan_jax.weights.load; assert 'torch' not in "
    )
    subprocess.run([sys.executable, "-c", code + "sys.modules"], check=True, timeout=120)
