"""`gan-jax dream`: Deep Dream of a photograph, by EfficientNet-Lite0."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field
from rich.console import Console

from gan_jax.commands.options import Several, command_parser, out_path, parse, path_of, progress_bars, reader
from gan_jax.config import Count, Seed
from gan_jax.data.pictures import read_picture
from gan_jax.dream import (
    Objective,
    Picture,
    class_objective,
    guide_objective,
    layer_objective,
    mean_value,
    octave_shapes,
    zoom_frames,
)
from gan_jax.errors import InputError
from gan_jax.evaluation.features import FEATURES
from gan_jax.figures.animation import ANIMATED, STILL, save_animation
from gan_jax.files import expand_user
from gan_jax.types import Params

__all__ = ["main"]

_LAYERS = ("block_12",)
_GUIDE_SIDE = 256  # pixels, of the longer side: things of the guide are then seen as large as in the photograph

# Of each option that `dream` takes: its type, default and help.
_NUMBERS = {
    "octaves": (Count, 4, "sizes of the photograph to dream on, the last its own"),
    "octave_scale": (Annotated[float, Field(gt=1, le=16)], 1.4, "of each size to the one before"),
    "steps": (Count, 50, "of each octave"),
    "step_size": (Annotated[float, Field(gt=0, le=255)], 2.0, "mean change of a pixel in a step, of 255 grey levels"),
    "jitter": (Annotated[int, Field(ge=0, le=4096)], 32, "largest random shift in a step, in pixels"),
    "bands": (Annotated[int, Field(ge=0, le=12)], 4, "frequencies to make alike in the gradient; 0 leaves it as it is"),
    "tile": (Annotated[int, Field(ge=64, le=8192)], 512, "longest side of what the network sees at once, in pixels"),
}


def main(arguments: Sequence[str], console: Console) -> int:
    """Dream of a photograph, or fly into the dream."""
    parser = command_parser("dream", "Deep Dream: what a network sees in a photograph.")
    parser.add_argument("image", help="PNG, JPEG or other image file, gray or RGB")
    parser.add_argument("--out", help="by default dream.png; .png or .jpg, with several frames .png or .gif")
    parser.add_argument(
        "--layers", action=Several, annotation=tuple[str, ...], help="stem, block_0 to block_15, head; default block_12"
    )
    parser.add_argument("--channels", action=Several, annotation=tuple[int, ...], help="of the layers; by default all")
    parser.add_argument("--guide", help="image file whose like is sought, rather than more of whatever is seen")
    parser.add_argument(
        "--classes", action=Several, annotation=tuple[int, ...], help="of ImageNet, 0 to 999; not of layers"
    )
    for name, (annotation, default, text) in _NUMBERS.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=reader(annotation), default=default, help=f"{text}; by default {default}")
    parser.add_argument("--frames", type=reader(Count), default=1, help="several make an animation")
    parser.add_argument("--zoom", type=reader(Annotated[float, Field(ge=1, le=2)]), default=1.05, help="of each frame")
    parser.add_argument("--seed", type=reader(Seed), default=0, help="the same seed gives the same picture")
    parser.add_argument("--weights", help="file of the network's weights; by default those of the installed package")
    options = parse(parser, arguments)
    out = out_path(options.out, Path("dream.png"), *(STILL if options.frames == 1 else ANIMATED))
    image = _read(options.image)
    octave_shapes(*image.shape[:2], octaves=options.octaves, octave_scale=options.octave_scale)
    objective = _objective(options, _params(options.weights))

    numbers = {name: getattr(options, name) for name in _NUMBERS}
    frames, dreamed = [], image
    with progress_bars(console) as start:
        advance = start("dreaming", options.frames * options.octaves * options.steps)
        key, zoom = jax.random.key(options.seed), options.zoom
        for dreamed in zoom_frames(objective, key, image, frames=options.frames, zoom=zoom, advance=advance, **numbers):
            frames.append(np.asarray(jnp.round(dreamed)).astype(np.uint8))
    save_animation(out, frames)
    first, last = (float(mean_value(objective, each, tile=options.tile)) for each in (image, dreamed))
    times = f" ({last / first:.1f} times)" if first > 0 else ""  # a class may be less than likely
    print(f"objective: {first:.3g} of the photograph, {last:.3g} of the dream{times}")
    print(f"{len(frames)} of {image.shape[1]}x{image.shape[0]}: {out}")
    return 0


def _objective(options: Namespace, params: Params) -> Objective:
    """What the options say that is to grow."""
    if options.classes is not None:
        for field in ("layers", "channels", "guide"):
            if getattr(options, field) is not None:
                raise InputError("classes are not of a layer; leave it out, or --classes", field=field)
        return class_objective(params, options.classes)
    layers = _LAYERS if options.layers is None else options.layers
    if options.guide is None:
        return layer_objective(params, layers, channels=options.channels)
    guide = _read(options.guide, field="guide")
    scale = min(1, _GUIDE_SIDE / max(guide.shape))
    guide = jax.image.resize(guide, (*(max(1, round(scale * side)) for side in guide.shape[:2]), 3), "linear")
    return guide_objective(params, layers, guide, channels=options.channels)


def _read(name: str, *, field: str | None = None) -> Picture:
    """Read a photograph as float32 grey levels (H, W, 3)."""
    path = expand_user(name)
    if not path.is_file():
        raise InputError(f"there is no file {path}", field=field)
    try:
        image = read_picture(path)
    except InputError as error:
        raise InputError(error.reason, field=field) from None
    if image.shape[2] == 4:
        raise InputError(f"{path}: is RGBA; convert it to RGB, or to grayscale", field=field)
    return jnp.broadcast_to(jnp.asarray(image, jnp.float32), (*image.shape[:2], 3))


def _params(weights: str | None) -> Params:
    try:
        return FEATURES["efficientnet"](path_of(weights)).params
    except InputError as error:
        raise InputError(error.reason, field="weights") from None
