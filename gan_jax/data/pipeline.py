"""Batches of data that lie on the device, drawn inside the compiled step: nothing is copied from the host."""

import jax

from gan_jax.data.images import preprocess
from gan_jax.types import Images, Key, Samples


def draw_batch(key: Key, data: Images | Samples, count: int, noise: float = 0.0) -> Samples:
    """Draw `count` samples with replacement, map images to [-1, 1], and add `noise * U[-1, 1)` to each number.

    Noise of about a grey level makes a smooth density of data that lie on few levels, which a critic would otherwise
    tell from any generator's. Takes uint8 images (N, H, W, C) or float32 points (N, D), returns float32 (count, ...).

    Source: Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models, section 3.1.

    >>> import jax.numpy as jnp
    >>> draw_batch(jax.random.key(0), jnp.full((3, 2, 2, 1), 255, jnp.uint8), 5).shape
    (5, 2, 2, 1)
    """
    index_key, noise_key = jax.random.split(key)
    batch = preprocess(data[jax.random.randint(index_key, (count,), 0, len(data))])
    return batch + noise * jax.random.uniform(noise_key, batch.shape, minval=-1) if noise else batch
