"""Images as they are stored (uint8) and as networks see them (float32 in [-1, 1])."""

import jax.numpy as jnp

from gan_jax.types import Images, Samples


def to_float(images: Images) -> Samples:
    """Map 0..255 to float32 in [-1, 1].

    >>> to_float(jnp.array([0, 255], jnp.uint8)).tolist()
    [-1.0, 1.0]
    """
    return images.astype(jnp.float32) / 127.5 - 1


def to_uint8(images: Samples) -> Images:
    """Map [-1, 1] to the nearest of 0..255; values outside are clipped. The inverse of `to_float`.

    >>> to_uint8(jnp.array([-1.0, 0.999, 2.0])).tolist()
    [0, 255, 255]
    """
    return jnp.clip(jnp.round((images.astype(jnp.float32) + 1) * 127.5), 0, 255).astype(jnp.uint8)


def preprocess(data: Images | Samples) -> Samples:
    """Data as networks see them: uint8 images mapped to [-1, 1], anything else as it is.

    >>> preprocess(jnp.array([255], jnp.uint8)).tolist(), preprocess(jnp.array([7.0])).tolist()
    ([1.0], [7.0])
    """
    return to_float(data) if data.dtype == jnp.uint8 else data


def postprocess(samples: Samples) -> Images | Samples:
    """What a network has drawn as it is kept: images (N, H, W, C) as uint8, points (N, D) as they are.

    >>> postprocess(jnp.ones((2, 8, 8, 1))).dtype, postprocess(jnp.ones((2, 2))).dtype
    (dtype('uint8'), dtype('float32'))
    """
    return to_uint8(samples) if samples.ndim == 4 else samples
