"""What turns samples into the vectors that the scores compare."""

import jax.numpy as jnp

from gan_jax.types import Array, Float, Images


def pixels(images: Images) -> Float[Array, "n d"]:
    """Raw pixels as vectors in [0, 1]: for images so small and plain that their distance means something.

    >>> pixels(jnp.full((2, 8, 8, 1), 255, jnp.uint8)).shape
    (2, 64)
    """
    return images.reshape(len(images), -1).astype(jnp.float32) / 255


def coordinates(points: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Points as they are.

    >>> coordinates(jnp.ones((3, 2))).shape
    (3, 2)
    """
    return points


FEATURES = {"pixels": pixels, "coordinates": coordinates}
