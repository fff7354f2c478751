"""How strong an augmentation has to be: as the signs of the critic's scores of real images say."""

from typing import NamedTuple

import jax.numpy as jnp

from gan_jax.types import Array, ArrayLike, Float, Int

__all__ = ["AdaptiveStrength", "adapt"]

_INTERVAL = 4  # steps between two changes


class AdaptiveStrength(NamedTuple):
    """What is carried from step to step.

    Attributes:
      strength: in [0, 1], float32.
      sign_sum: of the mean signs since the last change, float32.
      steps: since then, int32.
    """

    strength: Float[Array, ""]
    sign_sum: Float[Array, ""]
    steps: Int[Array, ""]

    @classmethod
    def start(cls, strength: float) -> "AdaptiveStrength":
        """Return the state before any step."""
        return cls(jnp.float32(strength), jnp.float32(0), jnp.int32(0))


def adapt(state: AdaptiveStrength, sign: Array, *, images: int, target: ArrayLike, span: int) -> AdaptiveStrength:
    """Take the mean sign of a step's real scores; every fourth step move the strength up or down by `4 images / span`.

    `r = mean sign(D(real))` over these steps is near 0 where the critic tells nothing and 1 where it knows every real
    image: above the target the strength grows, below it shrinks. It stays in [0, 1]; the authors' code has no upper
    bound, and augmentations that are always made leak into the samples.

    Args:
      state: before.
      sign: mean over the batch of the sign of its scores, ().
      images: in the batch.
      target: of r; the paper's is 0.6.
      span: images in which the strength goes from 0 to 1; the paper's are 500,000.

    Source: Karras et al. (2020), Training generative adversarial networks with limited data.

    >>> state = AdaptiveStrength.start(0.5)
    >>> for sign in (1.0, 1.0, 0.9, 0.9):
    ...     state = adapt(state, jnp.float32(sign), images=64, target=0.6, span=2_560)
    >>> round(float(state.strength), 6), int(state.steps)
    (0.6, 0)
    """
    total, steps = state.sign_sum + sign, state.steps + 1
    due = steps == _INTERVAL
    move = jnp.sign(total / _INTERVAL - target) * (_INTERVAL * images / span)
    strength = jnp.where(due, jnp.clip(state.strength + move, 0, 1), state.strength)
    return AdaptiveStrength(strength, jnp.where(due, 0, total), jnp.where(due, 0, steps))
