"""Batches of images that lie on the device, drawn inside the compiled step: nothing is copied from the host."""

import jax

from gan_jax.data.images import to_float
from gan_jax.types import Images, Key, Samples


def draw(key: Key, images: Images, count: int, noise: float = 0.0) -> Samples:
    """Draw `count` images with replacement, map them to [-1, 1], and add `noise * U[-1, 1)` to each pixel.

    Noise of about a grey level makes a smooth density of data that lie on few levels, which a critic would otherwise
    tell from any generator's. Takes uint8 images (N, H, W, C), returns float32 (count, H, W, C).

    Source: Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models, section 3.1.

    >>> import jax.numpy as jnp
    >>> draw(jax.random.key(0), jnp.full((3, 2, 2, 1), 255, jnp.uint8), 5).shape
    (5, 2, 2, 1)
    """
    index_key, noise_key = jax.random.split(key)
    batch = to_float(images[jax.random.randint(index_key, (count,), 0, len(images))])
    return batch + noise * jax.random.uniform(noise_key, batch.shape, minval=-1) if noise else batch
