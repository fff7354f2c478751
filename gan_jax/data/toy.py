"""Two-dimensional distributions that are known exactly: where their modes lie, and how wide they are."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Float, Key

__all__ = ["TOYS", "Mixture", "Points", "SwissRoll", "gaussians_8", "gaussians_25", "modes_of"]

Points = Float[Array, "n 2"]


class Mixture(NamedTuple):
    """Equal parts of round Gaussians.

    Attributes:
      modes: their centres, (K, 2) float32.
      sd: the standard deviation of each along each axis.

    >>> gaussians_25().modes.shape
    (25, 2)
    """

    modes: Float[Array, "k 2"]
    sd: float

    def sample(self, key: Key, count: int) -> Points:
        """Draw float32 points (count, 2).

        >>> gaussians_8().sample(jax.random.key(0), 5).shape
        (5, 2)
        """
        mode_key, noise_key = jax.random.split(key)
        centres = self.modes[jax.random.randint(mode_key, (count,), 0, len(self.modes))]
        return centres + self.sd * jax.random.normal(noise_key, (count, 2), jnp.float32)


def gaussians_8() -> Mixture:
    """Eight Gaussians on a circle of radius 1.414, of standard deviation 0.014.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, section 4 (radius 2 and standard deviation
    0.02, divided by 1.414).

    >>> round(float(jnp.linalg.norm(gaussians_8().modes[3])), 3)
    1.414
    """
    angles = np.arange(8) * (np.pi / 4)
    return Mixture(jnp.asarray(2 / 1.414 * np.stack([np.cos(angles), np.sin(angles)], 1), jnp.float32), 0.02 / 1.414)


def gaussians_25() -> Mixture:
    """Twenty-five Gaussians on a square grid of spacing 0.707, of standard deviation 0.018.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, section 4 (spacing 2 and standard deviation
    0.05, divided by 2.828).

    >>> gaussians_25().modes.max().round(3).item()
    1.4140000343322754
    """
    line = np.arange(-4, 5, 2) / 2.828
    return Mixture(jnp.asarray(np.stack(np.meshgrid(line, line), -1).reshape(25, 2), jnp.float32), 0.05 / 2.828)


class SwissRoll(NamedTuple):
    """A spiral `t (cos t, sin t) / 7.5`, t uniform on [1.5 pi, 4.5 pi), blurred by round Gaussian noise.

    Attributes:
      sd: the standard deviation of the noise along each axis.

    Source: Marsland (2009), Machine learning: an algorithmic perspective; Gulrajani et al. (2017), Improved training of
    Wasserstein GANs, section 4 (noise 0.25, divided by 7.5 with the rest).

    >>> SwissRoll().sample(jax.random.key(0), 5).shape
    (5, 2)
    """

    sd: float = 0.25 / 7.5

    def sample(self, key: Key, count: int) -> Points:
        """Draw float32 points (count, 2)."""
        angle_key, noise_key = jax.random.split(key)
        t = jax.random.uniform(angle_key, (count,), jnp.float32, minval=1.5 * np.pi, maxval=4.5 * np.pi)
        roll = jnp.stack([t * jnp.cos(t), t * jnp.sin(t)], axis=1) / 7.5
        return roll + self.sd * jax.random.normal(noise_key, (count, 2), jnp.float32)


TOYS: dict[str, Callable[[], Mixture | SwissRoll]] = {
    "8gaussians": gaussians_8,
    "25gaussians": gaussians_25,
    "swissroll": SwissRoll,
}


def modes_of(source: str) -> np.ndarray | None:
    """Return the modes (K, 2) of the toy distribution of a name; None if it has none, or is no toy.

    >>> modes_of("8gaussians").shape, modes_of("swissroll"), modes_of("digits")
    ((8, 2), None, None)
    """
    toy = TOYS[source]() if source in TOYS else None
    return np.asarray(toy.modes) if isinstance(toy, Mixture) else None
