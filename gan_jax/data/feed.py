"""Batches of images that lie on the device, drawn inside the compiled step: nothing is copied from the host."""

import jax

from gan_jax.data.images import to_float
from gan_jax.types import Images, Key, Samples


def draw(key: Key, images: Images, count: int) -> Samples:
    """Draw `count` images with replacement and map them to [-1, 1].

    Takes uint8 images (N, H, W, C), returns float32 (count, H, W, C).

    >>> import jax.numpy as jnp
    >>> draw(jax.random.key(0), jnp.full((3, 2, 2, 1), 255, jnp.uint8), 5).shape
    (5, 2, 2, 1)
    """
    index = jax.random.randint(key, (count,), 0, len(images))
    return to_float(images[index])
