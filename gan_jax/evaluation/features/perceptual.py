"""Features of images by which a reconstruction is compared, differentiable by the image."""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.evaluation.features import digits, efficientnet
from gan_jax.networks.classifier import SIDE, DigitClassifier
from gan_jax.networks.efficientnet import SIDE as LARGE_SIDE
from gan_jax.networks.efficientnet import EfficientNetLite0
from gan_jax.types import Array, Samples

__all__ = ["PERCEPTUAL"]

Perceive = Callable[[Samples], Array]
"""`images (N, H, W, C) in [-1, 1] -> vectors (N, D)`."""


def _of_digits() -> Perceive:
    params = digits.load().params

    def perceive(images: Samples) -> Array:
        if images.shape[3] != 1:
            raise InputError(f"digits takes gray images (N, H, W, 1), got {images.shape}; choose efficientnet")
        x = (images + 1) / 2
        if images.shape[1:3] != (SIDE, SIDE):
            x = jax.image.resize(x, (len(x), SIDE, SIDE, 1), "bilinear", antialias=True)
        return cast(tuple[Array, Array], DigitClassifier().apply(params, x))[0]

    return perceive


def _of_efficientnet() -> Perceive:
    params = efficientnet.load().params

    def perceive(images: Samples) -> Array:
        if images.shape[3] not in (1, 3):
            raise InputError(f"efficientnet takes images (N, H, W, 1 or 3), got {images.shape}")
        n, _, _, c = images.shape
        x = jax.image.resize(images, (n, LARGE_SIDE, LARGE_SIDE, c), "bilinear", antialias=True)
        x = jnp.broadcast_to(x, (n, LARGE_SIDE, LARGE_SIDE, 3))
        return cast(tuple[Array, Array], EfficientNetLite0().apply(params, x))[0]

    return perceive


PERCEPTUAL: dict[str, Callable[[], Any]] = {"digits": _of_digits, "efficientnet": _of_efficientnet}
"""By name, functions that load a network and return its features, `images in [-1, 1] -> vectors (N, D)`."""
