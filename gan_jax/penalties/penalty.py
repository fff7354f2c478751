"""A penalty as data: what it is computed from, how heavy it is, how often it is taken, and which losses it fits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from gan_jax.errors import InputError
from gan_jax.losses import LOSSES, Loss
from gan_jax.penalties.critic_pass import CriticPass, score_batch
from gan_jax.penalties.needs import Need, needed_by, unwrapped
from gan_jax.penalties.plain import Value
from gan_jax.penalties.shapes import Shape
from gan_jax.penalties.slopes import Slope, gradient
from gan_jax.types import Array, ArrayLike, Float, Key, PerSample, PyTree, Samples, Scores

__all__ = ["Penalty", "PlainPenalty", "check_loss"]

Schedule = Callable[[ArrayLike], ArrayLike]


def _values(
    self: Any,
    critic: Callable[..., Scores],
    key: Key,
    *,
    real: Samples,
    fake: Samples,
    condition: PyTree[Array] | None = None,
) -> Float[Array, " m"]:
    """Return one value per point, without weight; arguments and errors are those of `score_batch`.

    A critic that takes labels gets them by `condition`, an array (N,), or a tree of arrays, that belongs to the pairs.
    """
    points_key, terms_key = jax.random.split(key)
    scored = score_batch(critic, self.points, points_key, real=real, fake=fake, condition=condition)
    return self.terms(scored, terms_key)["penalty"]


class Penalty(NamedTuple):
    """A shape of the critic's slope at points; `weight * mean(shape(slope(points)))` is added to the critic's loss.

    Attributes:
      points: where it is taken, one of `POINTS` or a function `(key, *, real, fake) -> points`.
      shape: what a slope costs, as made by one of `SHAPES`, or any function `(slope) -> (M,)`.
      slope: how steep the critic is there, one of `SLOPES` or a function `(scored, key) -> (M,)`.
      weight: the factor of the penalty's mean, or a function of the images seen that gives it.
      every: the penalty is taken at every so many critic steps, then in a step of its own and `every` times as heavy.
      losses: the losses that it fits; none listed, all.
      needs_anchored: whether it fits only losses that are `anchored`.
      paper: its source.

    >>> import jax.numpy as jnp
    >>> from gan_jax.penalties.points import at_fake
    >>> from gan_jax.penalties.shapes import one_sided
    >>> penalty = Penalty(at_fake, one_sided(bound=2.0), weight=5.0)
    >>> real, fake = jnp.zeros((2, 2)), jnp.array([[3.0, 4.0], [0.0, 1.0]])
    >>> penalty(lambda x: (x**2).sum(axis=1) / 2, jax.random.key(0), real=real, fake=fake).tolist()
    [9.0, 0.0]
    """

    points: Callable[..., Samples]
    shape: Shape
    slope: Slope = gradient
    weight: float | Schedule = 1.0
    every: int = 1
    losses: tuple[Loss, ...] = ()
    needs_anchored: bool = False
    paper: str = ""

    __call__ = _values

    def terms(self, scored: CriticPass, key: Key) -> dict[str, PerSample]:
        """Return the "penalty" (M,) and the "slope" (M,) at the points of all devices."""
        slope = scored.sharding.all_gather(self.slope(scored, key))  # first, since a shape may be of the whole batch
        return {"penalty": self.shape(slope), "slope": slope}

    @property
    def needs(self) -> frozenset[Need]:
        """What the penalty, or its slope, says that it needs.

        >>> from gan_jax.penalties.presets import PENALTIES
        >>> PENALTIES["finite_difference_r1"].needs
        frozenset({'float32'})
        """
        return needed_by(self.slope) | _anchored(self)


class PlainPenalty(NamedTuple):
    """A penalty that is not a function of a slope: `value(scored, key)`; otherwise as `Penalty`.

    Attributes:
      points: as in `Penalty`.
      value: its value at each point, a function `(scored, key) -> (M,)`.
      weight, every, losses, needs_anchored, paper: as in `Penalty`.

    >>> import jax.numpy as jnp
    >>> from gan_jax.penalties.points import at_both
    >>> small_scores = PlainPenalty(at_both, lambda scored, key: scored.scores**2, weight=0.001)
    >>> small_scores(lambda x: x[:, 0], jax.random.key(0), real=jnp.full((1, 1), 3.0), fake=jnp.ones((1, 1))).tolist()
    [9.0, 1.0]
    """

    points: Callable[..., Samples]
    value: Value
    weight: float | Schedule = 1.0
    every: int = 1
    losses: tuple[Loss, ...] = ()
    needs_anchored: bool = False
    paper: str = ""

    __call__ = _values

    def terms(self, scored: CriticPass, key: Key) -> dict[str, PerSample]:
        """Return the "penalty" (M,) at the points of all devices."""
        return {"penalty": scored.sharding.all_gather(self.value(scored, key))}

    @property
    def needs(self) -> frozenset[Need]:
        """What the penalty, or its value, says that it needs.

        >>> from gan_jax.penalties.presets import PENALTIES
        >>> PENALTIES["lecam"].needs
        frozenset({'anchored'})
        """
        return needed_by(self.value) | _anchored(self)


def check_loss(penalty: Penalty | PlainPenalty, loss: Loss) -> None:
    """Refuse a penalty that does not fit a loss.

    Raises:
      InputError: it is not among the losses that the penalty lists, or is not anchored where the penalty needs it. A
        loss of compiled or partial functions is that of the functions themselves.

    >>> from gan_jax.penalties.presets import PENALTIES
    >>> check_loss(PENALTIES["gan_qp"], LOSSES["hinge"])
    Traceback (most recent call last):
    gan_jax.errors.InputError: penalty: it fits the losses wasserstein only; choose one of these, or another penalty
    """

    listed = [_functions(loss) for loss in penalty.losses]

    def fits(loss: Loss) -> bool:
        return (not listed or _functions(loss) in listed) and (loss.anchored or "anchored" not in penalty.needs)

    if not fits(loss):
        names = ", ".join(name for name, other in LOSSES.items() if fits(other)) or "that it lists"
        raise InputError(f"it fits the losses {names} only; choose one of these, or another penalty", field="penalty")


def _functions(loss: Loss) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return unwrapped(loss.critic), unwrapped(loss.generator)


def _anchored(penalty: Penalty | PlainPenalty) -> frozenset[Need]:
    return frozenset({"anchored"}) if penalty.needs_anchored else frozenset()
