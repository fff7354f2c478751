"""A penalty as data: where the critic is held, how its slope is taken, what is asked of it, how much and how often."""

from inspect import signature
from typing import NamedTuple

import jax

from gan_jax.penalties.critic_pass import CriticPass, score_batch
from gan_jax.penalties.points import Points
from gan_jax.penalties.shapes import Shape
from gan_jax.penalties.slopes import Slope, gradient
from gan_jax.types import Critic, Key, Samples, Scores


class Penalty(NamedTuple):
    """Points x slope x shape, each a function of its own, and numbers; `weight * mean(penalty)` joins the loss.

    Attributes:
      points: where the critic is held, as the functions of `POINTS`.
      shape: what is asked of its slope there, as those of `SHAPES`.
      slope: how steep it is, as those of `SLOPES`.
      weight: what the penalty's mean is multiplied by.
      bound: the Lipschitz constant asked for, in score per unit of data; None takes the shape's own, or has none.
      every: critic steps from one penalty to the next; the penalty then has a step of its own, `every` times as heavy.
      losses: names of the losses that it fits; none for all.
      paper: where it comes from.

    >>> import jax.numpy as jnp
    >>> from gan_jax.penalties.points import at_fake
    >>> from gan_jax.penalties.shapes import one_sided
    >>> penalty = Penalty(at_fake, one_sided, weight=5.0, bound=2.0)
    >>> real, fake = jnp.zeros((2, 2)), jnp.array([[3.0, 4.0], [0.0, 1.0]])
    >>> penalty(lambda x: (x**2).sum(axis=1) / 2, jax.random.key(0), real=real, fake=fake).tolist()
    [9.0, 0.0]
    """

    points: Points
    shape: Shape
    slope: Slope = gradient
    weight: float = 1.0
    bound: float | None = None
    every: int = 1
    losses: tuple[str, ...] = ()
    paper: str = ""

    def __call__(self, critic: Critic, key: Key, *, real: Samples, fake: Samples) -> Scores:
        """Return one value per point, before its weight and at every call; takes (N, ...) twice, of one dtype."""
        points_key, slope_key = jax.random.split(key)
        scored = score_batch(critic, self.points, points_key, real=real, fake=fake)
        return self.asked(self.slope(scored, slope_key))

    def of(self, scored: CriticPass, key: Key) -> tuple[Scores, Scores]:
        """Return slopes and penalties of what has been evaluated at its points, those of all devices."""
        slope = scored.sharding.all_gather(self.slope(scored, key))
        return slope, self.asked(slope)

    def asked(self, slope: Scores) -> Scores:
        """Return the shape of slopes under the bound."""
        return self.shape(slope) if self.bound is None else self.shape(slope, self.bound)


def has_bound(shape: Shape) -> bool:
    """Whether a shape knows a Lipschitz bound to keep to.

    >>> from gan_jax.penalties.shapes import one_sided, zero_centered
    >>> has_bound(one_sided), has_bound(zero_centered)
    (True, False)
    """
    return "bound" in signature(shape).parameters
