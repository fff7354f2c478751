"""Make `golden/`: tiny random networks of diffusers and transformers, what they are given, and what they say.

    pip install -e ".[parity]" && python tests/networks/pretrained/make_golden.py

Each folder is as `save_pretrained` writes it; `values.safetensors` beside the weights has inputs and outputs, images as
(N, C, H, W). Weights are rounded to half precision, which they are stored in, and all is computed in float32. Every
parameter is random, biases and scales too, so that none can be left out or mistaken for another without a difference.
The first convolutions are small, so that what is added to variances is seen.
"""

import gzip
import json
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    PriorTransformer,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from safetensors.torch import save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

GOLDEN = Path(__file__).parent / "golden"
SMALL = 3e-3
SMALL_LAYERS = (
    "conv_in.weight",
    "conv_in.bias",
    "down_blocks.0.resnets.0.conv2.weight",
    "down_blocks.0.resnets.0.conv2.bias",
)
CONTEXT, TOKENS = 16, 7


def randomize(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Draw all parameters anew, rounded to half precision."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name and name.endswith("weight") and parameter.ndim == 1:
                value = 1 + 0.3 * noise
            elif parameter.ndim < 2 or "embedding" in name:
                value = 0.3 * noise
            else:
                value = noise / parameter[0].numel() ** 0.5
            small = name.endswith(SMALL_LAYERS) and "cond_embedding" not in name and "up_blocks" not in name
            parameter.copy_((SMALL * value if small else value).half().float())
    return model.float().eval()


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def write(name: str, model: torch.nn.Module, values: dict[str, torch.Tensor]) -> None:
    folder = GOLDEN / name
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.detach().clone().contiguous() for key, value in values.items()}, folder / "values.safetensors"
    )
    model.half().save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        print(name, file.name, file.stat().st_size)
    model.float()


def unet_condition(form: str) -> UNet2DConditionModel:
    options = {
        "sd": {
            "block_out_channels": (8, 16),
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "attention_head_dim": 2,
        },
        "sd2_unclip": {
            "block_out_channels": (8, 16),
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "attention_head_dim": (2, 4),
            "use_linear_projection": True,
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": 6,
        },
        "sdxl": {
            "block_out_channels": (8, 8, 16),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": (1, 2, 4),
            "transformer_layers_per_block": (1, 1, 2),
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + 10,
        },
        "sdxl_refiner": {
            "block_out_channels": (8, 16),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": (2, 4),
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 5 * 8 + 10,
        },
    }[form]
    common = {"layers_per_block": 1, "cross_attention_dim": CONTEXT, "norm_num_groups": 4, "sample_size": 8}
    return UNet2DConditionModel(**common, **options)


def conditions(n: int) -> dict[str, torch.Tensor]:
    return {
        "timestep": torch.tensor([17, 613][:n]),
        "encoder_hidden_states": normal(n, TOKENS, CONTEXT, seed=3),
    }


def make_unets() -> None:
    for seed, form in enumerate(("sd", "sd2_unclip", "sdxl", "sdxl_refiner")):
        model = randomize(unet_condition(form), seed)
        inputs = {"sample": normal(2, 4, 7, 6, seed=2), **conditions(2)}
        more, extra = {}, {}
        if form == "sd2_unclip":
            more = {"class_labels": normal(2, 6, seed=4)}
        if form.startswith("sdxl"):
            numbers = torch.tensor([[64.0, 48, 0, 5, 56, 48], [1024, 768, 3, 0, 512, 512]])
            extra = {
                "text_embeds": normal(2, 10, seed=5),
                "time_ids": numbers if form == "sdxl" else numbers[:, :5],
            }
        added = {"added_cond_kwargs": extra} if extra else {}
        sample = model(*inputs.values(), **more, **added).sample
        write(f"unet_2d_condition_{form}", model, {**inputs, **more, **extra, "out": sample})

    base = randomize(unet_condition("sd"), 0)
    control = ControlNetModel.from_unet(base, conditioning_embedding_out_channels=(4, 6))
    control = randomize(control, 7)
    inputs = {"sample": normal(2, 4, 8, 6, seed=2), **conditions(2)}
    hint = normal(2, 3, 16, 12, seed=6)
    said = control(*inputs.values(), hint, 0.7)
    down, middle = said.down_block_res_samples, said.mid_block_res_sample
    out = base(*inputs.values(), down_block_additional_residuals=down, mid_block_additional_residual=middle).sample
    values = {f"down_{i}": each for i, each in enumerate(down)} | {"middle": middle, "out": out}
    write("controlnet", control, {**inputs, "controlnet_cond": hint, **values})


def make_unet_2d() -> None:
    common = {"sample_size": 8, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    ddpm = {
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": None,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
    }
    classes = {
        "down_block_types": ("AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D"),
        "attention_head_dim": 4,
        "num_class_embeds": 3,
    }
    for seed, (name, form) in enumerate({"ddpm": ddpm, "classes": classes}.items(), start=20):
        model = randomize(UNet2DModel(**common, **form), seed)
        inputs = {"sample": normal(2, 3, 8, 6, seed=2), "timestep": torch.tensor([17, 613])}
        inputs |= {"class_labels": torch.tensor([2, 0])} if name == "classes" else {}
        write(f"unet_2d_{name}", model, {**inputs, "out": model(*inputs.values()).sample})


def make_autoencoder() -> None:
    model = AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.13025,
    )
    model = randomize(model, 30)
    images, latents = normal(2, 3, 10, 8, seed=2), normal(2, 4, 5, 4, seed=3)
    posterior = model.encode(images).latent_dist
    values = {"sample": images, "mean": posterior.mean, "log_variance": posterior.logvar, "latents": latents}
    values |= {"decoded": model.decode(latents).sample, "out": model(images).sample, "kl": posterior.kl()}
    write("autoencoder_kl", model, values)


def make_prior() -> None:
    common = {"num_attention_heads": 2, "attention_head_dim": 4, "num_layers": 2, "embedding_dim": 6}
    normed = {"norm_in_type": "layer", "embedding_proj_norm_type": "layer", "embedding_proj_dim": 5}
    for seed, (name, form) in enumerate({"unclip": {}, "normed": normed}.items(), start=40):
        model = randomize(PriorTransformer(num_embeddings=5, **common, **form), seed)
        width = form.get("embedding_proj_dim", 6)
        inputs = {
            "hidden_states": normal(2, 6, seed=2),
            "timestep": torch.tensor([17, 613]),
            "proj_embedding": normal(2, width, seed=3),
            "encoder_hidden_states": normal(2, 5, 6, seed=4),
        }
        mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
        unmasked = model(*inputs.values()).predicted_image_embedding
        masked = model(*inputs.values(), mask).predicted_image_embedding
        scaled = model.post_process_latents(masked)
        values = {"attention_mask": mask.int(), "unmasked": unmasked, "out": masked, "scaled": scaled}
        write(f"prior_{name}", model, inputs | values)


TEXT = {
    "vocab_size": 40,
    "hidden_size": CONTEXT,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 9,
    "bos_token_id": 38,
    "projection_dim": 10,
}
VISION = {
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 12,
    "patch_size": 4,
    "projection_dim": 10,
}
# The largest token of each text, the first that ends one, and the last differ.
IDS = torch.tensor([[38, 5, 9, 37, 37, 37, 37], [38, 1, 39, 2, 8, 37, 37]])


def text_values(model: torch.nn.Module, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    said = model(ids, output_hidden_states=True)
    values = {"input_ids": ids, "last_hidden_state": said.last_hidden_state}
    values |= {f"hidden_{i}": state for i, state in enumerate(said.hidden_states)}
    if "text_embeds" in said:
        return values | {"text_embeds": said.text_embeds}
    return values | {"pooler_output": said.pooler_output}


def make_clip() -> None:
    legacy = randomize(CLIPTextModel(CLIPTextConfig(**TEXT, hidden_act="quick_gelu", eos_token_id=2)), 50)
    write("clip_text", legacy, text_values(legacy, IDS))
    new = CLIPTextConfig(**TEXT, hidden_act="gelu", eos_token_id=37, pad_token_id=37)
    projected = randomize(CLIPTextModelWithProjection(new), 51)
    write("clip_text_with_projection", projected, text_values(projected, IDS))

    images = normal(3, 3, 12, 12, seed=2)
    vision = randomize(CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, hidden_act="gelu")), 52)
    said = vision(images, output_hidden_states=True)
    values = {"pixel_values": images, "last_hidden_state": said.last_hidden_state, "image_embeds": said.image_embeds}
    write("clip_vision", vision, values | {f"hidden_{i}": state for i, state in enumerate(said.hidden_states)})

    # In transformers' form a part may be a mapping; a CLIP of OpenAI's has quick_gelu in both.
    both = CLIPConfig(text_config={**TEXT, "eos_token_id": 2}, vision_config=VISION, projection_dim=10)
    model = randomize(CLIPModel(both), 53)
    said = model(IDS, images)
    names = ("logits_per_image", "logits_per_text", "text_embeds", "image_embeds")
    write("clip", model, {"input_ids": IDS, "pixel_values": images, **{name: said[name] for name in names}})


def make_samples() -> None:
    """Whole samples of 20 steps of DDIM with guidance, by the networks above."""
    unet = randomize(unet_condition("sd"), 0)
    text = randomize(CLIPTextModel(CLIPTextConfig(**TEXT, hidden_act="quick_gelu", eos_token_id=2)), 50)
    autoencoder = AutoencoderKL.from_pretrained(GOLDEN / "autoencoder_kl", torch_dtype=torch.float32).eval()
    ids, nothing = IDS[:1], torch.tensor([[38, 37, 37, 37, 37, 37, 37]])
    told, untold = text(ids).last_hidden_state, text(nothing).last_hidden_state
    latents = normal(1, 4, 8, 8, seed=9)
    values = {"input_ids": ids, "nothing": nothing, "latents": latents}
    forms = {
        "stable_diffusion": {"steps_offset": 1, "set_alpha_to_one": False},
        "trailing": {
            "timestep_spacing": "trailing",
            "steps_offset": 1,
            "prediction_type": "v_prediction",
        },
    }
    for name, form in forms.items():
        scheduler = DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, **form
        )
        pipeline = StableDiffusionPipeline(
            autoencoder, text, None, unet, scheduler, None, None, requires_safety_checker=False
        )
        pipeline.set_progress_bar_config(disable=True)
        options = {"prompt_embeds": told, "negative_prompt_embeds": untold, "latents": latents}
        options |= {"num_inference_steps": 20, "guidance_scale": 4.0, "height": 16, "width": 16}
        drawn = pipeline(**options, output_type="latent").images
        image = autoencoder.decode(drawn / autoencoder.config.scaling_factor).sample
        values |= {f"{name}.drawn": drawn, f"{name}.image": image}
        (GOLDEN / "samples").mkdir(exist_ok=True)
        scheduler.save_pretrained(GOLDEN / "samples" / name)
    values |= make_sdxl_sample(autoencoder, latents)
    save_file(values, GOLDEN / "samples" / "values.safetensors")


def make_sdxl_sample(autoencoder: AutoencoderKL, latents: torch.Tensor) -> dict[str, torch.Tensor]:
    """A sample of SDXL's U-Net, told text states, sizes and a crop; untold, zeros in place of the text."""
    unet = randomize(unet_condition("sdxl"), 2)
    common = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    scheduler = DDIMScheduler(**common, steps_offset=1)
    pipeline = StableDiffusionXLPipeline(autoencoder, None, None, None, None, unet, scheduler, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    states, pooled = normal(1, TOKENS, CONTEXT, seed=10), normal(1, 10, seed=11)
    options = {"prompt_embeds": states, "pooled_prompt_embeds": pooled, "latents": latents}
    options |= {
        f"negative_{name}": torch.zeros_like(options[name]) for name in ("prompt_embeds", "pooled_prompt_embeds")
    }
    options |= {"num_inference_steps": 20, "guidance_scale": 4.0, "height": 16, "width": 16}
    options |= {"original_size": (64, 48), "crops_coords_top_left": (3, 5), "target_size": (16, 16)}
    drawn = pipeline(**options, output_type="latent").images
    (GOLDEN / "samples" / "sdxl").mkdir(exist_ok=True)
    scheduler.save_pretrained(GOLDEN / "samples" / "sdxl")

    # The same begun, and its last fifth drawn by a refiner.
    begun = pipeline(**options, denoising_end=0.8, output_type="latent").images
    refiner = StableDiffusionXLImg2ImgPipeline(
        autoencoder,
        None,
        None,
        None,
        None,
        randomize(unet_condition("sdxl_refiner"), 3),
        DDIMScheduler(**common, steps_offset=1),
        requires_aesthetics_score=True,
        add_watermarker=False,
    )
    refiner.set_progress_bar_config(disable=True)
    options = {name: value for name, value in options.items() if name not in ("latents", "height", "width")}
    options |= {f"negative_{name}": 0.5 * options[name] for name in ("prompt_embeds", "pooled_prompt_embeds")}
    options["negative_crops_coords_top_left"] = options["crops_coords_top_left"]
    refined = refiner(**options, image=begun, denoising_start=0.8, output_type="latent").images
    return {"sdxl.states": states, "sdxl.pooled": pooled, "sdxl.drawn": drawn, "sdxl.refined": refined}


def make_tokens() -> None:
    """Tokens of the captions by CLIP's real vocabulary, and of that what they take of it."""
    captions = json.loads((Path(__file__).parents[2] / "captions.json").read_text("utf-8"))
    file = Path(find_spec("open_clip").origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(file.read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    letters = list(bytes_to_unicode().values())
    names = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges)]
    vocabulary = {name: i for i, name in enumerate([*names, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges)
    rows = tokenizer(captions, padding="max_length", max_length=77, truncation=True).input_ids

    ranks, used = {pair: i for i, pair in enumerate(merges)}, set()
    backend = tokenizer.backend_tokenizer
    for caption in captions:
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(caption)):
            used |= merges_of(word, ranks)
    folder = GOLDEN / "tokenizer"
    folder.mkdir(exist_ok=True)
    kept = sorted({token for row in rows for token in row} | {vocabulary["<|startoftext|>"]})
    names = list(vocabulary)
    (folder / "vocab.json").write_text(json.dumps({names[token]: token for token in kept}, ensure_ascii=False))
    pairs = sorted(used, key=ranks.__getitem__)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in pairs))
    lengths = [row.index(vocabulary["<|endoftext|>"]) + 1 for row in rows]
    short = [row[:77] if "<|endoftext|>" in c else row[:n] for c, row, n in zip(captions, rows, lengths, strict=True)]
    (folder / "tokens.json").write_text(json.dumps(short))


def merges_of(word: str, ranks: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The merges that a word takes."""
    parts, used = [*word[:-1], word[-1] + "</w>"], set()
    while pairs := [pair for pair in pairwise(parts) if pair in ranks]:
        first = min(pairs, key=ranks.__getitem__)
        used.add(first)
        at = next(i for i in range(len(parts) - 1) if (parts[i], parts[i + 1]) == first)
        parts[at : at + 2] = ["".join(first)]
    return used


def main() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        make_unets()
        make_unet_2d()
        make_autoencoder()
        make_prior()
        make_clip()
        make_samples()
    make_tokens()
    for file in GOLDEN.rglob("*config.json"):  # where it was written is of no use elsewhere
        settings = {key: value for key, value in json.loads(file.read_text()).items() if key != "_name_or_path"}
        file.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
