"""What is to grow in a picture: what EfficientNet-Lite0's layers and channels see, their likeness to a guide, classes.

Layers are read before relu6, which has no slope beyond 6.

Source: Mordvintsev, Olah, Tyka (2015), Inceptionism: going deeper into neural networks.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from gan_jax.errors import InputError
from gan_jax.networks.efficientnet import LAYERS, EfficientNetLite0
from gan_jax.types import Array, Float, Params, PerSample

__all__ = ["CLASSES", "Objective", "Picture", "activations", "class_objective", "guide_objective", "layer_objective"]

Picture = Float[Array, "h w 3"]
"""Grey levels, 0 to 255, float32 and not rounded."""

Objective = Callable[[Float[Array, "n h w 3"]], PerSample]
"""Maps pictures (N, H, W, 3) to what is to grow, (N,)."""

CLASSES = 1000
"""How many classes ImageNet has."""

_MATCHES = 1024  # places of a guide that each place of the picture is compared with


def layer_objective(params: Params, layers: Sequence[str], *, channels: Sequence[int] | None = None) -> Objective:
    """Return the objective `sum_l mean a_l^2 / 2` of the activations of some layers: more of whatever is seen there.

    Args:
      params: of `EfficientNetLite0`.
      layers: names in `LAYERS`.
      channels: of each of the layers; by default all.

    Raises:
      InputError: there is no such layer or channel.
    """
    read = _reader(layers, channels)

    def value(params: Params, images: Array) -> PerSample:
        return sum((jnp.square(a).mean(axis=(1, 2, 3)) / 2 for a in read(params, images)), jnp.zeros(len(images)))

    return Partial(value, params)


def guide_objective(
    params: Params, layers: Sequence[str], guide: Picture, *, channels: Sequence[int] | None = None
) -> Objective:
    """Return the objective `sum_l mean_x max_y <a_l(x), g_l(y)> / C`: each place x more like a place y of the guide.

    Layers and channels are those of `layer_objective`; of a layer with more places, 1024 of the guide are compared.

    Raises:
      InputError: there is no such layer or channel.
    """
    read = _reader(layers, channels)
    seen = []
    for found in jax.jit(read)(params, guide[None]):
        places = found.reshape(-1, found.shape[-1])
        seen.append(places[np.linspace(0, len(places) - 1, min(len(places), _MATCHES)).astype(int)])

    def value(params: Params, seen: list[Array], images: Array) -> PerSample:
        pairs = zip(read(params, images), seen, strict=True)
        best = ((a @ places.T).max(axis=-1).mean(axis=(1, 2)) / places.shape[1] for a, places in pairs)
        return sum(best, jnp.zeros(len(images)))

    return Partial(value, params, seen)


def class_objective(params: Params, classes: Sequence[int]) -> Objective:
    """Return the objective that is the mean logit of some of ImageNet's classes, counted from 0.

    Raises:
      InputError: there is no such class.
    """
    chosen = _chosen(classes, CLASSES, field="classes", of="ImageNet")

    def value(params: Params, images: Array) -> PerSample:
        logits: Any = EfficientNetLite0().apply(params, _normalized(images))
        return logits[1][:, chosen].mean(axis=1)

    return Partial(value, params)


def activations(params: Params, images: Float[Array, "n h w 3"], layers: Sequence[str]) -> list[Float[Array, "n ..."]]:
    """Return what layers of EfficientNet-Lite0 make of pictures, (N, H / stride, W / stride, C) each, before relu6."""
    _, state = EfficientNetLite0().apply(
        params, _normalized(images), capture_intermediates=lambda module, _: module.name in layers
    )
    found: Any = state
    return [found["intermediates"][layer]["__call__"][0] for layer in layers]


def _reader(layers: Sequence[str], channels: Sequence[int] | None) -> Callable[[Params, Array], list[Array]]:
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown or not layers:
        got = f"{unknown[0]!r} is no layer" if unknown else "names no layer"
        raise InputError(f"{got}; choose from {', '.join(LAYERS)}", field="layers")
    if channels is None:
        return partial(activations, layers=layers)
    fewest = min(layers, key=LAYERS.__getitem__)
    chosen = _chosen(channels, LAYERS[fewest], field="channels", of=fewest)
    return lambda params, images: [a[..., chosen] for a in activations(params, images, layers)]


def _chosen(numbers: Sequence[int], count: int, *, field: str, of: str) -> np.ndarray:
    wrong = [number for number in numbers if not 0 <= number < count]
    if wrong or not numbers:
        got = f"{wrong[0]} is not among" if wrong else "names none of"
        raise InputError(f"{got} the {field} of {of}, which are 0 to {count - 1}", field=field)
    return np.asarray(numbers)


def _normalized(images: Array) -> Array:
    return (images - 127) / 128
