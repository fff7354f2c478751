"""Networks say what diffusers' and transformers' say; the errors that are easily made would be seen."""

from dataclasses import replace
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pretrained import GOLDEN, SAYS, UNET, errors, network, taken, values

from gan_jax.errors import InputError
from gan_jax.networks.pretrained import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    ControlNetConfig,
    ControlNetModel,
    UNet2DConditionConfig,
    UNet2DConditionModel,
    UNet2DConfig,
    UNet2DModel,
    copy_encoder,
)
from gan_jax.networks.pretrained.residual import Downsample

KEY = jax.random.key(0)
TOLERANCE = 1e-4
SEEN = 20 * TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_a_network_says_what_the_original_says(name):
    found = errors(name)
    given = set(values(name))
    assert found.keys() <= given
    assert found
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("unet_2d_condition_sd", {"attention_head_dim": 4}),  # heads, though it is called the features of one
        ("unet_2d_condition_sdxl", {"attention_head_dim": (8, 4, 4)}),
        ("unet_2d_classes", {"attention_head_dim": 2}),  # here they are the features of one
        ("unet_2d_ddpm", {"attention_head_dim": 8}),  # none for one head
        ("unet_2d_ddpm", {"flip_sin_to_cos": True}),
        ("unet_2d_ddpm", {"freq_shift": 0}),
        ("unet_2d_ddpm", {"norm_eps": 1e-5}),
        ("unet_2d_ddpm", {"downsample_padding": 1}),
        ("unet_2d_condition_sd", {"flip_sin_to_cos": False}),
        ("unet_2d_condition_sd", {"freq_shift": 1}),
        ("unet_2d_condition_sd", {"norm_eps": 1e-6}),
        ("clip_text", {"hidden_act": "gelu"}),
        ("clip_text_with_projection", {"hidden_act": "quick_gelu"}),
        ("clip_text", {"eos_token_id": 37}),  # old files say 2 and mean the largest token
        ("clip_text_with_projection", {"eos_token_id": 2}),
        ("clip_vision", {"hidden_act": "quick_gelu"}),
    ],
)
def test_a_setting_mistaken_for_another_is_seen(name, wrong):
    module, params = network(name)
    assert max(errors(name, module.clone(config=replace(module.config, **wrong)), params).values()) > SEEN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "wrong"), [("autoencoder_kl", ("_EPSILON", 1e-5)), ("autoencoder_kl", ("_UNPADDED", 1))]
)
def test_what_only_the_autoencoder_has_is_seen(module, wrong, monkeypatch):
    monkeypatch.setattr(f"gan_jax.networks.pretrained.autoencoder_kl.{wrong[0]}", wrong[1])
    found = errors("autoencoder_kl")
    assert max(found["mean"], found["out"]) > SEEN


@pytest.mark.slow
def test_the_transformer_within_a_unet_has_an_epsilon_of_its_own(monkeypatch):
    monkeypatch.setattr("gan_jax.networks.pretrained.transformer._EPSILON", 1e-5)
    assert errors("unet_2d_condition_sd")["out"] > SEEN


@pytest.mark.parametrize("padding", [0, 1])
def test_the_window_of_half_the_size_begins_at_the_pixel_or_before_it(padding):
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    middle = jnp.zeros((3, 3, 1, 1)).at[0 if padding == 0 else 1, 0 if padding == 0 else 1].set(1)
    params = {"params": {"conv": {"kernel": middle, "bias": jnp.zeros(1)}}}
    np.testing.assert_allclose(Downsample(padding, jnp.float32).apply(params, x).ravel(), [0, 2, 8, 10], atol=1e-5)
    corner = jnp.zeros((3, 3, 1, 1)).at[2, 2].set(1)
    params["params"]["conv"]["kernel"] = corner
    said = Downsample(padding, jnp.float32).apply(params, x).ravel()
    np.testing.assert_allclose(said, [10, 0, 0, 0] if padding == 0 else [5, 7, 13, 15], atol=1e-5)


def test_sdxl_looks_at_states_that_are_not_normalized():
    module, params = network("clip_text_with_projection")
    states = jax.jit(module.apply)(params, values("clip_text_with_projection")["input_ids"])
    assert len(states.hidden_states) == module.config.num_hidden_layers + 1
    assert not np.allclose(states.hidden_states[-1], states.last_hidden_state, atol=0.1)


@pytest.mark.slow
def test_a_control_net_says_nothing_at_first_and_leaves_its_base_as_it_is_to_the_bit():
    base, params = network("unet_2d_condition_sd")
    given = values("controlnet")
    inputs, hint = taken(given, *UNET), given["controlnet_cond"]
    control = network("controlnet")[0]
    own = copy_encoder(jax.jit(control.init)(KEY, *inputs, hint), params)
    assert own["params"]["down_blocks_0"] is params["params"]["down_blocks_0"]

    down, middle = jax.jit(control.apply)(own, *inputs, hint)
    assert not any(each.any() for each in (*down, middle))
    apply = jax.jit(base.apply)
    controlled = apply(params, *inputs, down_block_additional_residuals=down, mid_block_additional_residual=middle)
    np.testing.assert_array_equal(controlled, apply(params, *inputs))
    # It learns all the same: the zero layers first.
    sums = jax.jit(jax.grad(lambda own: sum(each.sum() for each in control.apply(own, *inputs, hint)[0])))
    gradients = sums(own)["params"]
    assert all(gradients[f"controlnet_down_blocks_{i}"]["kernel"].any() for i in range(4))
    assert not gradients["conv_in"]["kernel"].any()


@pytest.mark.slow
def test_channels_of_a_hint_are_reversed_where_it_was_trained_so():
    module, params = network("controlnet")
    given = values("controlnet")
    inputs = taken(given, *UNET)
    reverse = module.clone(config=replace(module.config, controlnet_conditioning_channel_order="bgr"))
    said = jax.jit(module.apply)(params, *inputs, given["controlnet_cond"])
    again = jax.jit(reverse.apply)(params, *inputs, given["controlnet_cond"][..., ::-1])
    jax.tree.map(np.testing.assert_array_equal, said, again)


def test_the_prior_looks_back_alone_if_there_is_a_mask():
    module, params = network("prior_unclip")
    given = values("prior_unclip")
    inputs = taken(given, "hidden_states", "timestep", "proj_embedding", "encoder_hidden_states")
    assert not np.allclose(given["unmasked"][1], given["out"][1], atol=1e-2)  # all of whose encodings are shown
    hidden = inputs[3].at[0, 3:].set(100.0)
    said = jax.jit(module.apply)(params, *inputs[:3], hidden, given["attention_mask"])
    np.testing.assert_allclose(said, given["out"], atol=1e-4)


@pytest.mark.slow
def test_text_states_that_are_masked_change_nothing():
    module, params = network("unet_2d_condition_sd")
    inputs = taken(values("unet_2d_condition_sd"), *UNET)
    mask = jnp.ones((2, 7)).at[:, 5:].set(0)
    apply = jax.jit(lambda states, mask: module.apply(params, *inputs[:2], states, encoder_attention_mask=mask))
    moved = inputs[2].at[:, 5:].add(3.0)
    np.testing.assert_allclose(apply(inputs[2], mask), apply(moved, mask), atol=1e-5)
    assert not np.allclose(apply(inputs[2], mask), apply(inputs[2], jnp.ones((2, 7))), atol=1e-3)


@pytest.mark.slow
def test_half_precision_is_near():
    module, params = network("unet_2d_condition_sd")
    assert TOLERANCE < errors("unet_2d_condition_sd", module.clone(dtype=jnp.bfloat16), params)["out"] < 0.2


# Sizes of the public models. (block_out_channels and all that differs from the default)
SDXL = UNet2DConditionConfig(
    block_out_channels=(320, 640, 1280),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    attention_head_dim=(5, 10, 20),
    transformer_layers_per_block=(1, 2, 10),
    cross_attention_dim=2048,
    addition_embed_type="text_time",
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
)
PUBLIC = {
    "Stable Diffusion 1": (UNet2DConditionModel(UNet2DConditionConfig(cross_attention_dim=768)), 859_520_964),
    "SDXL": (UNet2DConditionModel(SDXL), 2_567_463_684),
    "its ControlNet": (ControlNetModel(ControlNetConfig(cross_attention_dim=768)), 361_279_120),
    "CLIP ViT-L/14, text": (
        CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)),
        123_060_480,
    ),
    "OpenCLIP bigG, text": (
        CLIPTextModelWithProjection(
            CLIPTextConfig(
                hidden_size=1280,
                intermediate_size=5120,
                num_attention_heads=20,
                num_hidden_layers=32,
                projection_dim=1280,
            )
        ),
        694_659_840,
    ),
    "DDPM, CIFAR-10": (
        UNet2DModel(
            UNet2DConfig(
                block_out_channels=(128, 256, 256, 256),
                down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
                attention_head_dim=None,
            )
        ),
        35_746_307,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_public_sizes_have_the_public_numbers_of_parameters(name):
    module, count = PUBLIC[name]
    inputs, by_name = module.example_inputs()
    shapes = jax.eval_shape(lambda key: module.init(key, *inputs, **by_name), KEY)
    assert sum(prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == count


@pytest.mark.parametrize(
    ("kind", "given", "match"),
    [
        (UNet2DConditionConfig, {"attention_head_dim": [8, 8]}, "attention_head_dim: .* for 2 stages, and there are 4"),
        (UNet2DConditionConfig, {"mid_block_type": None}, "mid_block_type: None is not built"),
        (UNet2DConditionConfig, {"fancy": 1}, "fancy: 1 is a setting that"),
        (UNet2DConditionConfig, {"addition_embed_type": "text"}, "addition_embed_type"),
        (UNet2DConditionConfig, {"addition_embed_type": "text_time"}, "addition_time_embed_dim"),
        (UNet2DConfig, {"up_block_types": ["UpBlock2D"]}, "up_block_types: .* for 1 stages"),
        (CLIPTextConfig, {"num_attention_heads": 7}, "num_attention_heads: 7 do not divide"),
        (CLIPTextConfig, {"attention_dropout": 0.1}, "attention_dropout: 0.1 is not built"),
    ],
)
def test_settings_that_are_not_built_are_named(kind, given, match):
    with pytest.raises(InputError, match=match):
        kind.from_config(given)


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("unet_2d_condition_sd", {"class_labels": jnp.zeros(2, jnp.int32)}, "class_labels"),
        ("unet_2d_condition_sd2_unclip", {}, "class_labels"),
        ("unet_2d_condition_sdxl", {}, "added_cond_kwargs"),
    ],
)
def test_what_a_network_is_told_in_vain_or_has_to_be_told_is_named(name, options, match):
    module, params = network(name)
    with pytest.raises(InputError, match=match):
        jax.eval_shape(lambda: module.apply(params, *taken(values(name), *UNET), **options))


def test_images_of_other_sides_are_refused():
    module, params = network("clip_vision")
    with pytest.raises(InputError, match="image_size"):
        jax.eval_shape(lambda: module.apply(params, jnp.ones((1, 16, 12, 3))))


def test_golden_files_are_small():
    assert max(file.stat().st_size for file in GOLDEN.rglob("*")) < 300_000
