"""Augmentations that critics see real and generated images through, so that few images are not learned by heart.

Each of `AUGMENTATIONS` is a pure function of one image, `(key, image (H, W, C), strength) -> image`, twice
differentiable. The strength, in [0, 1], is the probability that a transformation is made: at 0 the image is the same,
bit for bit. `augment` applies several to a batch, and `adapt` moves the strength by the signs of the critic's scores.

>>> import jax, jax.numpy as jnp
>>> images = jnp.linspace(-1, 1, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3)
>>> keys = jax.random.split(jax.random.key(0), 2)
>>> changed = augment(["color", "cutout"], keys, images, strength=1.0)
>>> changed.shape, bool((augment(["color", "cutout"], keys, images, strength=0.0) == images).all())
((2, 8, 8, 3), True)
"""

from collections.abc import Callable, Sequence

import jax

from gan_jax.augment.ada import ada_color, ada_cutout, blit, geometry
from gan_jax.augment.adapt import AdaptiveStrength, adapt
from gan_jax.augment.diff_augment import color, cutout, translation
from gan_jax.augment.filters import ada_filter, ada_noise
from gan_jax.augment.image import Augmentation
from gan_jax.errors import InputError
from gan_jax.types import Array, ArrayLike, Float, Key, Keys, Samples

__all__ = ["AUGMENTATIONS", "AdaptiveStrength", "Augmentation", "adapt", "augment", "check_shape"]

AUGMENTATIONS: dict[str, Augmentation] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "blit": blit,
    "geometry": geometry,
    "ada_color": ada_color,
    "ada_filter": ada_filter,
    "ada_noise": ada_noise,
    "ada_cutout": ada_cutout,
}
"""The first three are DiffAugment's, the others ADA's."""


def augment(
    augmentations: Sequence[str | Callable[..., Array]], keys: Keys, images: Samples, strength: ArrayLike
) -> Float[Array, "n h w c"]:
    """Apply augmentations, one after the other, to images (N, H, W, C) with a key (N,) each."""
    functions = [AUGMENTATIONS[each] if isinstance(each, str) else each for each in augmentations]

    def one(key: Key, image: Array) -> Array:
        for function, own in zip(functions, jax.random.split(key, len(functions)), strict=True):
            image = function(own, image, strength)
        return image

    return jax.vmap(one)(keys, images)


def check_shape(augmentations: Sequence[str | Callable[..., Array]], shape: tuple[int, ...]) -> None:
    """Raise if an augmentation has no meaning for samples of a shape.

    Raises:
      InputError: they are no images, or have channels that are no colors.

    >>> check_shape(["ada_color"], (8, 8, 2))
    Traceback (most recent call last):
    gan_jax.errors.InputError: policies: ada_color turns hues, and these images have 2 channels; choose color
    """
    if len(shape) != 3:
        raise InputError(f"they are of images (H, W, C), these data are {shape}; leave them out", field="policies")
    if ("ada_color" in augmentations or ada_color in augmentations) and shape[2] not in (1, 3):
        reason = f"ada_color turns hues, and these images have {shape[2]} channels; choose color"
        raise InputError(reason, field="policies")
