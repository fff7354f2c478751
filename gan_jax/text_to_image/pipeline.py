"""A text-to-image model of several networks, read from a folder of diffusers, and images of captions by it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from gan_jax import weights
from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries
from gan_jax.networks import pretrained
from gan_jax.text_to_image.drawing import Control, Networks, TextStates, decode, draw_latents, encode_text
from gan_jax.text_to_image.scheduler import Scheduler, levels_of, read_scheduler
from gan_jax.tokenizer import Tokenizer, read_tokenizer
from gan_jax.types import Array, Float, Int, Key

__all__ = [
    "Sizes",
    "TextToImage",
    "draw_images",
    "draw_of_tokens",
    "load",
    "open_folder",
    "open_part",
    "scheduler_of",
    "sides",
]

_INDEX = "model_index.json"
_KINDS: dict[str, tuple[type, ...]] = {
    "unet": (pretrained.UNet2DConditionModel,),
    "vae": (pretrained.AutoencoderKL,),
    "text_encoder": (pretrained.CLIPTextModel, pretrained.CLIPTextModelWithProjection),
    "text_encoder_2": (pretrained.CLIPTextModelWithProjection,),
}


class TextToImage(NamedTuple):
    """A text-to-image model.

    Attributes:
      networks: without parameters.
      params: theirs, "unet" and "autoencoder", and "text", a tuple; empty where they are not read.
      tokenizers: one for each text tower.
      zeros: whether no caption is told as zeros, not as an empty one.
    """

    networks: Networks
    params: dict[str, Any]
    tokenizers: tuple[Tokenizer, ...]
    zeros: bool

    def tokenize(self, captions: Sequence[str]) -> Int[np.ndarray, "n towers k"]:
        """Return the tokens of captions, a row for each text tower."""
        return np.stack([tokenizer(captions) for tokenizer in self.tokenizers], axis=1)


class Sizes(NamedTuple):
    """What SDXL is told of an image's size, beside the size that it is drawn at.

    Attributes:
      original: height and width of the picture that it is of; the image's own by default.
      crop: how much of that is cut off above and on the left.
    """

    original: tuple[int, int] | None = None
    crop: tuple[int, int] = (0, 0)


_OWN_SIZES = Sizes()


def load(folder: str | Path, *, dtype: DTypeLike | None = None, variant: str | None = None) -> TextToImage:
    """Read Stable Diffusion 1 or 2, or SDXL, from a folder with `model_index.json` and a folder for each part.

    Args:
      folder: as `save_pretrained` of diffusers' pipelines writes it.
      dtype, variant: as for `gan_jax.weights.load`.

    Raises:
      InputError: a part is missing, or is none that such a model has, or is not read; the message says which.
    """
    model, folder = open_folder(folder, variant=variant), expand_user(folder)

    def params(name: str) -> Any:
        return weights.load(folder / name, dtype=dtype, variant=variant)[1]

    read = {
        "text": tuple(map(params, _towers(read_json_entries(folder / _INDEX)))),
        "unet": params("unet"),
        "autoencoder": params("vae"),
    }
    return model._replace(params=read)


def open_folder(folder: str | Path, *, variant: str | None = None) -> TextToImage:
    """Return the model of a folder without its parameters: configurations and tokenizers alone are read.

    Raises:
      InputError: as `load`.
    """
    folder = expand_user(folder)
    if not (folder / _INDEX).is_file():
        raise InputError(f"{folder}: has no model_index.json; a single network is read by gan_jax.weights.load")
    index = read_json_entries(folder / _INDEX)
    towers = _towers(index)
    modules: dict[str, Any] = {
        name: open_part(folder / name, _KINDS[name], variant) for name in (*towers, "unet", "vae")
    }
    if not towers:
        raise InputError(f"{folder}: has no text_encoder")
    tokenizers = (
        read_tokenizer(
            folder / name.replace("text_encoder", "tokenizer"), length=modules[name].config.max_position_embeddings
        )
        for name in towers
    )
    return TextToImage(
        Networks(
            tuple(modules[name] for name in towers), modules["unet"], modules["vae"], scheduler_of(folder / "scheduler")
        ),
        {},
        tuple(tokenizers),
        bool(index.get("force_zeros_for_empty_prompt", False)),
    )


def _towers(index: dict[str, Any]) -> list[str]:
    """The text towers that are there, of SDXL's refiner only the second: an index says `[null, null]` of others."""
    names = ("text_encoder", "text_encoder_2")
    return [name for name in names if isinstance(index.get(name), list) and index[name][0] is not None]


def open_part(folder: Path, kinds: tuple[type, ...], variant: str | None = None) -> Any:
    """Return the module of a network that is of one of some kinds.

    Raises:
      InputError: it is of another, or as `gan_jax.weights.open_module`.
    """
    module = weights.open_module(folder, variant)
    if not isinstance(module, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise InputError(f"{folder}: is a {type(module).__name__}, where {names} is read")
    return module


def scheduler_of(folder: Path) -> Scheduler:
    """Return what a folder's `scheduler_config.json` says.

    Raises:
      InputError: there is none, or it has settings that are not built.
    """
    file = folder / "scheduler_config.json"
    if not file.is_file():
        raise InputError(f"{folder.parent}: has no {folder.name}/{file.name}")
    try:
        return read_scheduler(read_json_entries(file))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def draw_images(
    model: TextToImage,
    key: Key,
    captions: Sequence[str],
    *,
    negative: str = "",
    steps: int = 30,
    guidance: float = 7.5,
    sampler: str = "dpm_2m",
    size: tuple[int, int] | None = None,
    sizes: Sizes = _OWN_SIZES,
    control: Control | None = None,
) -> np.ndarray:
    """Return an image of each caption, uint8 (N, H, W, C).

    Args:
      model: from `load`.
      key: of all that is random.
      captions: N texts.
      negative: what all are pushed away from.
      steps: of the sampler.
      guidance: w of `U + w (C - U)`; 1 for none.
      sampler: from `gan_jax.diffusion.SAMPLERS`.
      size: height and width; those that the U-Net was trained on by default.
      sizes: what SDXL is told beside it.
      control: a ControlNet, as `gan_jax.weights.load` reads it, and hints of this size.

    Raises:
      InputError: the size is no multiple of the autoencoder's factor, or is not given and not known.
    """
    options: dict[str, Any] = {"steps": steps, "guidance": guidance, "sampler": sampler, "size": size, "sizes": sizes}

    @jax.jit
    def drawn(params: Any, key: Key, told: Array, untold: Array | None, seen: Any) -> Array:
        own = None if control is None else control._replace(params=seen[0], hint=seen[1])
        images = draw_of_tokens(model, params, key, told, untold, control=own, **options)
        return jnp.round((images + 1) * 127.5).astype(jnp.uint8)

    told = model.tokenize(captions)
    untold = model.tokenize([negative] * len(captions)) if negative else None
    seen = control and (control.params, control.hint)
    return np.asarray(drawn(model.params, key, told, untold, seen))


def draw_of_tokens(
    model: TextToImage,
    params: Any,
    key: Key,
    told: Int[Array, "n towers k"],
    untold: Int[Array, "n towers k"] | None = None,
    *,
    steps: int = 30,
    guidance: float = 7.5,
    sampler: str = "dpm_2m",
    size: tuple[int, int] | None = None,
    sizes: Sizes = _OWN_SIZES,
    control: Control | None = None,
) -> Float[Array, "n h w c"]:
    """Return an image of each row of tokens, in [-1, 1]: a pure function, of which a program can be made.

    Takes the model's parameters, and tokens of the captions and of what they are pushed away from, by
    `TextToImage.tokenize`; by default they are pushed away from no caption. All else, and what is raised, is as for
    `draw_images`.
    """
    networks, n = model.networks, len(told)
    height, width, factor = sides(networks, size)
    latents_of = (n, height // factor, width // factor, networks.unet.config.in_channels)
    added = None
    if networks.unet.config.addition_embed_type:
        row = [*(sizes.original or (height, width)), *sizes.crop, height, width]
        added = jnp.tile(jnp.array([row], jnp.float32), (n, 1))
    noise_key, draw_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, latents_of, jnp.float32)

    def encoded(rows: Array) -> TextStates:
        return encode_text(networks, params, [rows[:, tower] for tower in range(len(networks.text))])

    states = encoded(told)
    if untold is None and model.zeros:
        other = TextStates(*jax.tree.map(jnp.zeros_like, tuple(states)))
    else:
        other = encoded(jnp.asarray(model.tokenize([""] * n)) if untold is None else untold)
    latents = draw_latents(
        networks,
        params,
        draw_key,
        noise,
        states,
        other,
        levels_of(networks.scheduler, steps),
        guidance=guidance,
        sampler=sampler,
        sizes=added,
        control=control,
    )
    return jnp.clip(decode(networks, params, latents), -1, 1)


def sides(networks: Networks, size: tuple[int, int] | None = None) -> tuple[int, int, int]:
    """Return the height and width of images, and how many times less those of latents are.

    Raises:
      InputError: the size is no multiple of that, or is not given and not known.
    """
    factor = 2 ** (len(networks.autoencoder.config.block_out_channels) - 1)
    trained = networks.unet.config.sample_size
    if size is None and trained is None:
        raise InputError("the U-Net does not say what it was trained on; give height and width", field="size")
    if size is None:
        size = trained if isinstance(trained, tuple) else (trained, trained)
        size = (size[0] * factor, size[1] * factor)
    if min(size) < factor or size[0] % factor or size[1] % factor:
        raise InputError(f"{size[0]}x{size[1]} are no multiples of {factor}", field="size")
    return *size, factor
