"""The exponential moving average of the generator's parameters, which draws the samples."""

import jax.numpy as jnp

from gan_jax.config import NonNegative, Positive, config
from gan_jax.schedules import Cosine, value_at
from gan_jax.types import Array

__all__ = ["HalfLife", "ema_decay"]


@config
class HalfLife:
    """How long the average remembers, in images: the same for any batch size and number of devices.

    Attributes:
      images: after so many, what was is worth a half.
      ramp: at most this fraction of the images seen so far; None for no such limit.
    """

    images: NonNegative | Cosine
    ramp: Positive | None = 0.05


def ema_decay(setting: float | HalfLife, step: Array, images_each: int) -> Array:
    """Return the average's decay in an iteration: a decay approached as `(1 + t) / (10 + t)`, or `2^(-images / life)`.

    Takes a decay or a half-life, the iterations done before, int32, and the images that each sees.

    Source: Karras et al. (2020), Training generative adversarial networks with limited data (the half-life).

    >>> step = jnp.int32(100)
    >>> round(float(ema_decay(0.999, step, 64)), 4), float(ema_decay(HalfLife(32.0), step, 64))
    (0.9182, 0.25)
    """
    if not isinstance(setting, HalfLife):
        return jnp.minimum(setting, (1 + step) / (10 + step))
    seen = step.astype(jnp.float32) * images_each
    life = jnp.asarray(value_at(setting.images, seen), jnp.float32)
    if setting.ramp is not None:
        life = jnp.minimum(life, setting.ramp * seen)
    return 0.5 ** (images_each / jnp.maximum(life, 1e-8))
