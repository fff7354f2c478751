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
from gan_jax.text_to_image.scheduler import levels_of, read_scheduler
from gan_jax.tokenizer import Tokenizer, read_tokenizer
from gan_jax.types import Key

__all__ = ["TextToImage", "draw_images", "load"]

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
      params: theirs, "unet" and "autoencoder", and "text", a tuple.
      tokenizers: one for each text tower.
      zeros: whether no caption is told as zeros, not as an empty one.
    """

    networks: Networks
    params: dict[str, Any]
    tokenizers: tuple[Tokenizer, ...]
    zeros: bool


def load(folder: str | Path, *, dtype: DTypeLike | None = None, variant: str | None = None) -> TextToImage:
    """Read Stable Diffusion 1 or 2, or SDXL, from a folder with `model_index.json` and a folder for each part.

    Args:
      folder: as `save_pretrained` of diffusers' pipelines writes it.
      dtype, variant: as for `gan_jax.weights.load`.

    Raises:
      InputError: a part is missing, or is none that such a model has, or is not read; the message says which.
    """
    folder = expand_user(folder)
    if not (folder / "model_index.json").is_file():
        raise InputError(f"{folder}: has no model_index.json; a single network is read by gan_jax.weights.load")
    index = read_json_entries(folder / "model_index.json")
    towers = [name for name in ("text_encoder", "text_encoder_2") if _is_given(index, name)]
    read: dict[str, Any] = {name: _part(folder, name, dtype, variant) for name in (*towers, "unet", "vae")}
    if not towers:
        raise InputError(f"{folder}: has no text_encoder")
    scheduler = folder / "scheduler" / "scheduler_config.json"
    if not scheduler.is_file():
        raise InputError(f"{folder}: has no scheduler/scheduler_config.json")
    try:
        found = read_scheduler(read_json_entries(scheduler))
    except InputError as error:
        raise InputError(f"{scheduler}: {error}") from None
    modules, params = ({name: pair[i] for name, pair in read.items()} for i in range(2))
    tokenizers = (
        read_tokenizer(
            folder / name.replace("text_encoder", "tokenizer"), length=modules[name].config.max_position_embeddings
        )
        for name in towers
    )
    return TextToImage(
        Networks(tuple(modules[name] for name in towers), modules["unet"], modules["vae"], found),
        {"text": tuple(params[name] for name in towers), "unet": params["unet"], "autoencoder": params["vae"]},
        tuple(tokenizers),
        bool(index.get("force_zeros_for_empty_prompt", False)),
    )


def _is_given(index: dict[str, Any], name: str) -> bool:
    """Whether a part is there: an index says `[null, null]` of one that is not."""
    return isinstance(index.get(name), list) and index[name][0] is not None


def _part(folder: Path, name: str, dtype: DTypeLike | None, variant: str | None) -> tuple[Any, Any]:
    module, params = weights.load(folder / name, dtype=dtype, variant=variant)
    if not isinstance(module, _KINDS[name]):
        kinds = " or ".join(kind.__name__ for kind in _KINDS[name])
        raise InputError(f"{folder / name}: is a {type(module).__name__}, where {kinds} is read")
    return module, params


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
      control: a ControlNet, as `gan_jax.weights.load` reads it, and hints of this size.

    Raises:
      InputError: the size is no multiple of the autoencoder's factor, or is not given and not known.
    """
    networks = model.networks
    height, width, factor = _sides(networks, size)
    shape = (len(captions), height // factor, width // factor, networks.unet.config.in_channels)
    rows = [
        [jnp.asarray(tokenizer(texts)) for tokenizer in model.tokenizers]
        for texts in (captions, [negative] * len(captions))
    ]
    # Large images are drawn at their own size, from the upper left corner.
    sizes = jnp.tile(jnp.array([[height, width, 0, 0, height, width]], jnp.float32), (len(captions), 1))
    noise_key, draw_key = jax.random.split(key)
    options: dict[str, Any] = {"guidance": guidance, "sampler": sampler}
    options["sizes"] = sizes if networks.unet.config.addition_embed_type else None
    levels = levels_of(networks.scheduler, steps)

    @jax.jit
    def drawn(params: Any, key: Key, noise: Any, rows: Any, seen: Any) -> Any:
        own = None if control is None else control._replace(params=seen[0], hint=seen[1])
        told, untold = (encode_text(networks, params, row) for row in rows)
        if model.zeros and not negative:
            untold = TextStates(*jax.tree.map(jnp.zeros_like, tuple(told)))
        latents = draw_latents(networks, params, key, noise, told, untold, levels, control=own, **options)
        return jnp.clip(decode(networks, params, latents), -1, 1)

    noise, seen = jax.random.normal(noise_key, shape, jnp.float32), control and (control.params, control.hint)
    images = drawn(model.params, draw_key, noise, rows, seen)
    return np.asarray(jnp.round((images + 1) * 127.5).astype(jnp.uint8))


def _sides(networks: Networks, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """The height and width of images, and how many times less those of latents are."""
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
