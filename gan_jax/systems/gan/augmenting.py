"""The augmentations that the critic sees all images through: which, how strong, and what is drawn for each image."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp

from gan_jax.augment import AUGMENTATIONS, AdaptiveStrength, adapt, augment, check_shape
from gan_jax.config import Choice, Count, Probability, config
from gan_jax.errors import InputError
from gan_jax.schedules import Cosine, value_at
from gan_jax.types import Array, ArrayLike, Key, Samples, UInt32

__all__ = ["UNAUGMENTED", "Adapted", "AugmentConfig", "Draws"]

Draws = UInt32[Array, "*n 2"]
"""A key for each image, as numbers: what an augmentation of it is drawn from, in every pass of a step."""

Adapted = AdaptiveStrength | tuple[()]
"""The strength that a run carries, if it is adapted."""


@config
class AugmentConfig:
    """Augmentations of real and generated images before the critic, in every pass of either network's step.

    Attributes:
      policies: from `gan_jax.augment.AUGMENTATIONS`, one after the other; none by default. In Python also functions
        `(key, image, strength) -> image`.
      strength: the probability of each, or a schedule; where there is a target, the one to begin with.
      target: of the mean sign of the critic's scores of real images, at which the strength is held (ADA, 0.6); by
        default it is not adapted.
      images: in which an adapted strength goes from 0 to 1.
    """

    policies: tuple[Annotated[Any, Choice(AUGMENTATIONS, callable, "a function")], ...] = ()
    strength: Probability | Cosine = 1.0
    target: Probability | None = None
    images: Count = 500_000

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise if what is chosen does not fit samples of a shape.

        Raises:
          InputError: it does not.
        """
        if self.policies:
            check_shape(self.policies, shape)
        if self.target is not None and isinstance(self.strength, Cosine):
            raise InputError("is adapted to the target, and follows a schedule; give one of the two", field="strength")

    def start(self) -> Adapted:
        """Return what a run carries of the strength before its first step; nothing where it is not adapted."""
        if self.target is None or not self.policies or isinstance(self.strength, Cosine):
            return ()
        return AdaptiveStrength.start(self.strength)

    def strength_at(self, state: Adapted, images: ArrayLike) -> ArrayLike:
        """Return the strength now, after so many images."""
        return state.strength if isinstance(state, AdaptiveStrength) else value_at(self.strength, images)

    def draw(self, key: Key, *shape: int) -> Draws | None:
        """Draw keys for images of a shape (..., N), as numbers (..., N, 2); None where there is nothing to augment."""
        return jax.random.key_data(jax.random.split(key, shape)) if self.policies else None

    def apply(self, draws: Draws | None, images: Samples, strength: ArrayLike) -> Samples:
        """Return the images as the critic sees them."""
        if draws is None:
            return images
        return augment(self.policies, jax.random.wrap_key_data(draws), images, strength)

    def after(self, state: Adapted, sign: Array, images: int) -> Adapted:
        """Return what is carried after a step, given the mean sign of the scores of its real images."""
        if not isinstance(state, AdaptiveStrength):
            return ()
        return adapt(state, sign, images=images, target=jnp.float32(self.target), span=self.images)


UNAUGMENTED = AugmentConfig()
"""The critic sees images as they are."""
