"""Stable Diffusion and SDXL as a system: images of captions, with a hint if there is a ControlNet."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import weights
from gan_jax.errors import InputError
from gan_jax.files import expand_user
from gan_jax.networks.pretrained import ControlNetModel
from gan_jax.systems.pretrained.reading import refuse_training
from gan_jax.systems.system import State, System
from gan_jax.text_to_image import REFINED_FROM, Control, Networks, Sizes, TextToImage, draw_of_tokens, load, sides
from gan_jax.text_to_image.pipeline import open_folder, open_part
from gan_jax.types import Batch, Key, Samples, Spec

__all__ = ["CONTROL", "REFINER", "parts_of", "spec_of", "system_of"]

CONTROL, REFINER = "controlnet", "refiner"
_OPTIONS = ("sampler", "steps", "guidance", "size", "original_size", "crop", "refined_from")


def spec_of(config: Any) -> tuple[Spec, tuple[str, ...]]:
    """Return the shape of an image of the size that the networks were trained on; there are no classes."""
    networks = open_folder(config.folder, variant=config.variant).networks
    height, width, _ = sides(networks)
    channels = networks.autoencoder.config.out_channels
    return {"sample": jax.ShapeDtypeStruct((height, width, channels), jnp.float32)}, ()


def parts_of(config: Any) -> dict[str, Path]:
    """Return the folders of the networks."""
    folder = expand_user(config.folder)
    own = ("text_encoder", "text_encoder_2", "unet", "vae")
    names = (*own, CONTROL, *(f"{REFINER}/{name}" for name in own))
    return {name: folder / name for name in names if (folder / name).is_dir()}


def system_of(config: Any) -> System:
    """Return the system of a `Pretrained`."""
    folder = expand_user(config.folder)
    refiner = folder / REFINER if (folder / REFINER).is_dir() else None
    model = open_folder(folder, variant=config.variant, refiner=refiner)
    control = open_part(folder / CONTROL, (ControlNetModel,), None) if (folder / CONTROL).is_dir() else None
    computed = partial(_computed, precision=config.precision)

    def in_precision(model: TextToImage) -> TextToImage:
        text, unet, autoencoder, scheduler = model.networks
        networks = Networks(tuple(map(computed, text)), computed(unet), computed(autoencoder), scheduler)
        return model._replace(networks=networks, refiner=model.refiner and in_precision(model.refiner))

    model = in_precision(model)

    def init(key: Key, spec: Spec) -> State:
        params = load(folder, variant=config.variant, refiner=refiner).params
        return params | ({"control": weights.load(folder / CONTROL)[1]} if control is not None else {})

    return System(
        init=init,
        update=refuse_training,
        sample=partial(_sample, config, model, control and computed(control)),
        metrics={},
        counts={},
        options={"sample": _OPTIONS},
        evaluations=config.steps * (1 if config.guidance == 1 else 2),
        drawn_with=lambda state: state,
        is_read=True,
        conditions=("tokens", "negative", *(("hint",) if control is not None else ())),
        tokenize=model.tokenize,
    )


def _computed(module: Any, precision: str) -> Any:
    return module.clone(dtype=jnp.dtype(precision))


def _sample(
    config: Any,
    model: TextToImage,
    control: Any,
    state: State,
    key: Key,
    n: int,
    condition: Batch | None = None,
    *,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    size: tuple[int, int] | None = None,
    original_size: tuple[int, int] | None = None,
    crop: tuple[int, int] | None = None,
    refined_from: float | None = None,
) -> Samples:
    """Draw n images of `condition["tokens"]`, by default of the empty caption."""
    given = {name: jnp.asarray(value) for name, value in (condition or {}).items()}
    sized = bool(model.networks.unet.config.addition_embed_type)
    for name, value in (("original_size", original_size), ("crop", crop)):
        if value is not None and not sized:
            raise InputError("these networks are told no sizes, as SDXL's are; leave it out", field=name)
    if refined_from is not None and model.refiner is None:
        raise InputError("these networks have no refiner; leave it out", field="refined_from")
    seen = None
    if "hint" in given:
        height, width, _ = sides(model.networks, size)
        shape = given["hint"].shape[1:3]
        if shape != (height, width):
            reason = f"the hint is {shape[0]}x{shape[1]}, the images are {height}x{width}"
            raise InputError(f"{reason}; give --size {shape[0]}x{shape[1]}", field="hint")
        seen = Control(control, state["control"], given["hint"].astype(jnp.float32) / 255)
    return draw_of_tokens(
        model,
        state,
        key,
        given["tokens"] if "tokens" in given else jnp.asarray(model.tokenize([""] * n)),
        given.get("negative"),
        steps=config.steps if steps is None else steps,
        guidance=config.guidance if guidance is None else guidance,
        sampler=sampler or config.sampler,
        size=size,
        sizes=Sizes(original_size, crop or (0, 0)),
        control=seen,
        refined_from=REFINED_FROM if refined_from is None else refined_from,
    )
