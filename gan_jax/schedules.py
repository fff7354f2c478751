"""Numbers that change while a run trains, as functions of the images seen: so they mean the same for any batch size."""

import jax.numpy as jnp

from gan_jax.config import Count, NonNegative, config
from gan_jax.types import Array, ArrayLike

__all__ = ["Cosine", "value_at"]


@config
class Cosine:
    """Half a cosine from one value to another, which then stays: `last + (first - last) (1 + cos(pi t)) / 2`.

    Attributes:
      first: at no images.
      last: at `images` and after, where t is 1.
      images: seen until then.
    """

    first: NonNegative
    last: NonNegative
    images: Count


def value_at(value: float | Cosine, images: ArrayLike) -> float | Array:
    """Return a number, or a schedule's value, float32, after so many images.

    >>> value_at(0.5, 300), [float(value_at(Cosine(1.0, 0.0, images=4), images)) for images in (0, 4, 9)]
    (0.5, [1.0, 0.0, 0.0])
    """
    if not isinstance(value, Cosine):
        return value
    t = jnp.minimum(jnp.asarray(images, jnp.float32) / value.images, 1)
    return value.last + (value.first - value.last) * ((1 + jnp.cos(jnp.pi * t)) / 2)
