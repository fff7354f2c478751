"""Samples as their own features: points, and images so small that their Euclidean distance means something."""

from functools import partial
from pathlib import Path

import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.evaluation.features.network import FeatureNetwork, Features
from gan_jax.types import Array, Float, Images, Params

__all__ = ["coordinates", "load_coordinates", "load_pixels", "pixels"]


def pixels(params: Params, images: Images) -> Features:
    """Return pixels as vectors in [0, 1]; there are no parameters.

    >>> pixels(None, jnp.full((2, 8, 8, 1), 255, jnp.uint8)).vectors.shape
    (2, 64)
    """
    return Features(images.reshape(len(images), -1).astype(jnp.float32) / 255)


def coordinates(params: Params, points: Float[Array, "n d"]) -> Features:
    """Return points (N, D) as they are; there are no parameters.

    >>> coordinates(None, jnp.ones((3, 2))).vectors.shape
    (3, 2)
    """
    return Features(points.astype(jnp.float32))


def _load(name: str, apply, weights: Path | None = None) -> FeatureNetwork:
    if weights is not None:
        raise InputError(f"the features {name} have none; leave it out", field="weights")
    return FeatureNetwork(name, weights=None, resize="none", chunk=10_000, params=None, apply=apply)


load_pixels = partial(_load, "pixels", pixels)
load_coordinates = partial(_load, "coordinates", coordinates)
