"""DiffAugment's policies, published for a strength of 1: each is always made.

Source: Zhao et al. (2020), Differentiable augmentation for data-efficient GAN training.
"""

import jax
import jax.numpy as jnp

from gan_jax.augment.image import Image, moved, sometimes, uniform, with_box
from gan_jax.types import ArrayLike, Key

__all__ = ["color", "cutout", "translation"]


def color(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Brightness, saturation and contrast: `x + U[-1/2, 1/2)`, then about means, times `U[0, 2)` and `U[1/2, 3/2)`.

    The second mean is each pixel's over the channels, the third that of the whole image.

    >>> color(jax.random.key(0), jnp.zeros((4, 4, 2)), 1.0).shape
    (4, 4, 2)
    """
    brightness, saturation, contrast, *whether = jax.random.split(key, 6)
    image = sometimes(whether[0], strength, image + uniform(brightness, -0.5, 0.5), image)
    gray = image.mean(axis=2, keepdims=True)
    image = sometimes(whether[1], strength, (image - gray) * uniform(saturation, 0, 2) + gray, image)
    mean = image.mean(keepdims=True)
    return sometimes(whether[2], strength, (image - mean) * uniform(contrast, 0.5, 1.5) + mean, image)


def translation(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Move by up to an eighth of either side, whole pixels; zeros come in.

    >>> translation(jax.random.key(0), jnp.ones((8, 8, 1)), 1.0).shape
    (8, 8, 1)
    """
    down, right, whether = jax.random.split(key, 3)
    shifts = [
        jax.random.randint(key, (), -int(side / 8 + 0.5), int(side / 8 + 0.5) + 1, jnp.int32)
        for key, side in zip((down, right), image.shape[:2], strict=True)
    ]
    return sometimes(whether, strength, moved(image, *shifts, reflect=False), image)


def cutout(key: Key, image: Image, strength: ArrayLike) -> Image:
    """Set to zero a box of half of either side, wherever its center is in the image.

    >>> int((cutout(jax.random.key(1), jnp.ones((8, 8, 1)), 1.0) == 0).sum()) in range(4, 17)
    True
    """
    down, right, whether = jax.random.split(key, 3)
    h, w, _ = image.shape
    center = jnp.floor(uniform(down, 0, h + 1)), jnp.floor(uniform(right, 0, w + 1))
    return sometimes(whether, strength, with_box(image, center, (h // 2, w // 2)), image)
