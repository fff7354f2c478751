"""A text-to-image model of several networks, read from a folder of diffusers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.typing import DTypeLike

from gan_jax import weights
from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries
from gan_jax.networks import pretrained
from gan_jax.text_to_image.drawing import Networks
from gan_jax.text_to_image.scheduler import Scheduler, read_scheduler
from gan_jax.tokenizer import Tokenizer, read_tokenizer
from gan_jax.types import Int

__all__ = ["TextToImage", "load", "open_folder", "open_part", "scheduler_of"]

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
      params: theirs, "unet", "autoencoder", "text", a tuple, and perhaps "refiner"; empty where they are not read.
      tokenizers: one for each text tower.
      zeros: whether no caption is told as zeros, not as an empty one.
      refiner: what draws the last steps, with the same autoencoder.
    """

    networks: Networks
    params: dict[str, Any]
    tokenizers: tuple[Tokenizer, ...]
    zeros: bool
    refiner: "TextToImage | None" = None

    def tokenize(self, captions: Sequence[str]) -> Int[np.ndarray, "n towers k"]:
        """Return the tokens of captions, a row for each text tower, those of a refiner last."""
        own = np.stack([tokenizer(captions) for tokenizer in self.tokenizers], axis=1)
        return own if self.refiner is None else np.concatenate([own, self.refiner.tokenize(captions)], axis=1)


def load(
    folder: str | Path,
    *,
    refiner: str | Path | None = None,
    dtype: DTypeLike | None = None,
    variant: str | None = None,
) -> TextToImage:
    """Read Stable Diffusion 1 or 2, or SDXL, from a folder with `model_index.json` and a folder for each part.

    Args:
      folder: as `save_pretrained` of diffusers' pipelines writes it.
      refiner: another such folder, SDXL's refiner, of which the autoencoder is not read.
      dtype, variant: as for `gan_jax.weights.load`.

    Raises:
      InputError: a part is missing, or is none that such a model has, or is not read; the message says which.
    """
    model = open_folder(folder, variant=variant, refiner=refiner)

    def params(part: Path) -> Any:
        return weights.load(part, dtype=dtype, variant=variant)[1]

    def read(folder: Path) -> dict[str, Any]:
        towers = _towers(read_json_entries(folder / _INDEX))
        return {"text": tuple(params(folder / name) for name in towers), "unet": params(folder / "unet")}

    found = read(expand_user(folder)) | {"autoencoder": params(expand_user(folder) / "vae")}
    return model._replace(params=found if refiner is None else found | {"refiner": read(expand_user(refiner))})


def open_folder(folder: str | Path, *, variant: str | None = None, refiner: str | Path | None = None) -> TextToImage:
    """Return the model of a folder without its parameters: configurations and tokenizers alone are read.

    Raises:
      InputError: as `load`.
    """
    model = _opened(expand_user(folder), variant)
    if refiner is None:
        return model
    second = _opened(expand_user(refiner), variant, model.networks.autoencoder)
    for name, of_base, of_refiner in (
        ("channels", *(each.networks.unet.config.in_channels for each in (model, second))),
        ("tokens of a caption", *(each.networks.text[0].config.max_position_embeddings for each in (model, second))),
    ):
        if of_base != of_refiner:
            raise InputError(f"{refiner}: has {of_refiner} {name}, what it refines {of_base}; give its own refiner")
    return model._replace(refiner=second)


def _opened(folder: Path, variant: str | None, autoencoder: Any = None) -> TextToImage:
    """The model of a folder, by its own autoencoder or another's."""
    if not (folder / _INDEX).is_file():
        raise InputError(f"{folder}: has no model_index.json; a single network is read by gan_jax.weights.load")
    index = read_json_entries(folder / _INDEX)

    def module(name: str) -> Any:
        return open_part(folder / name, _KINDS[name], variant)

    towers = {name: module(name) for name in _towers(index)}
    if not towers:
        raise InputError(f"{folder}: has no text_encoder")
    tokenizers = (
        read_tokenizer(folder / name.replace("text_encoder", "tokenizer"), length=tower.config.max_position_embeddings)
        for name, tower in towers.items()
    )
    networks = Networks(
        tuple(towers.values()), module("unet"), autoencoder or module("vae"), scheduler_of(folder / "scheduler")
    )
    return TextToImage(networks, {}, tuple(tokenizers), bool(index.get("force_zeros_for_empty_prompt", False)))


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
