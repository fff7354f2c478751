"""Images as they are stored (uint8) and as networks see them (float32 in [-1, 1])."""

import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Float, Shaped, UInt8

__all__ = ["Levels", "postprocess", "preprocess", "to_float", "to_uint8"]

Levels = UInt8[Array | np.ndarray, "..."]
"""Images as they are stored: 0 to 255."""


def to_float(images: Levels) -> Float[Array, "..."]:
    """Map 0..255 to float32 in [-1, 1].

    >>> to_float(jnp.array([0, 255], jnp.uint8)).tolist()
    [-1.0, 1.0]
    """
    return jnp.asarray(images).astype(jnp.float32) / 127.5 - 1


def to_uint8(images: Float[Array, "..."]) -> UInt8[Array, "..."]:
    """Map [-1, 1] to the nearest of 0..255; values outside are clipped. The inverse of `to_float`.

    >>> to_uint8(jnp.array([-1.0, 0.999, 2.0])).tolist()
    [0, 255, 255]
    """
    return jnp.clip(jnp.round((images.astype(jnp.float32) + 1) * 127.5), 0, 255).astype(jnp.uint8)


def preprocess(data: Levels | Float[Array | np.ndarray, "..."]) -> Float[Array, "..."]:
    """Data as networks see them: uint8 images mapped to [-1, 1], anything else as it is.

    >>> preprocess(jnp.array([255], jnp.uint8)).tolist(), preprocess(jnp.array([7.0])).tolist()
    ([1.0], [7.0])
    """
    return to_float(data) if data.dtype == jnp.uint8 else jnp.asarray(data)


def postprocess(samples: Float[Array, "n ..."]) -> Shaped[Array, "n ..."]:
    """What a network has drawn as it is kept: images (N, H, W, C) as uint8, points (N, D) as they are.

    >>> postprocess(jnp.ones((2, 8, 8, 1))).dtype, postprocess(jnp.ones((2, 2))).dtype
    (dtype('uint8'), dtype('float32'))
    """
    return to_uint8(samples) if samples.ndim == 4 else samples
