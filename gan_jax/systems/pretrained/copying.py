"""The files of public networks, copied into a run and hashed on the way."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from gan_jax import weights
from gan_jax.errors import InputError
from gan_jax.files import expand_user
from gan_jax.networks.pretrained import ControlNetModel
from gan_jax.systems.pretrained.prompts import CONTROL
from gan_jax.text_to_image.pipeline import open_folder
from gan_jax.weights.weight_files import find

__all__ = ["control_files", "copy_files", "files_to_copy", "refiner_files"]

_BLOCK = 1 << 24  # bytes
_OTHERS = ("tokenizer", "tokenizer_2", "scheduler")
_WORDS = ("merges.txt",)


def files_to_copy(config: Any) -> list[Path]:
    """Return the files that the networks of a `Pretrained` are read from, by their paths in its folder.

    Raises:
      InputError: the weights of one do not fit its configuration; the message names it and them.
    """
    folder, found = expand_user(config.folder), set()
    for name, part in config.parts().items():
        variant = None if name == CONTROL else config.variant
        weights.check(part, variant)
        found.update(find(part, variant))
    for part in (folder, *config.parts().values(), *(folder / name for name in _OTHERS)):
        found.update(part.glob("*.json"))
        found.update(part / name for name in _WORDS if (part / name).is_file())
    return sorted(file.relative_to(folder) for file in found)


def control_files(folder: Path, base: Any) -> list[str]:
    """Return the names of the files of a ControlNet that belongs to the U-Net of a `Pretrained`.

    Raises:
      InputError: its weights do not fit its configuration, or it is no ControlNet or one of another U-Net.
    """
    control, unet = cast(Any, weights.check(folder)), cast(Any, weights.open_module(base.parts()["unet"], base.variant))
    if not isinstance(control, ControlNetModel):
        raise InputError(f"{folder}: is a {type(control).__name__}, where ControlNetModel is read")
    for name in ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim"):
        own, of_unet = getattr(control.config, name), getattr(unet.config, name)
        if own != of_unet:
            raise InputError(f"{folder}: has {name} {own}, the U-Net {of_unet}; give one that was trained for it")
    return [file.name for file in (*sorted(folder.glob("*.json")), *find(folder))]


def refiner_files(refiner: Any, base: Any) -> list[Path]:
    """Return the files of a refiner, a `Pretrained` that goes on with what another draws, but for its autoencoder's.

    Raises:
      InputError: its weights do not fit its configuration, or it draws other latents than the base.
    """
    open_folder(base.folder, variant=base.variant, refiner=refiner.folder)
    return [file for file in files_to_copy(refiner) if file.parts[0] != "vae"]


def copy_files(sources: dict[str, Path], folder: Path, advance: Callable[[int], None]) -> dict[str, str]:
    """Copy files to their paths in a folder, and return the SHA-256 of each; `advance` is told of bytes."""
    hashes = {}
    for name, source in sources.items():
        target, total = folder / name, hashlib.sha256()
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, target.open("wb") as written:
            while block := read.read(_BLOCK):
                total.update(block)
                written.write(block)
                advance(len(block))
        hashes[name] = total.hexdigest()
    return hashes
