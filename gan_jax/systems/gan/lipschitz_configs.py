"""The configurations of what keeps a GAN's networks Lipschitz: penalties and constraints; each builds its own."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.config import Choice, Count, NonNegative, Positive, config
from gan_jax.constraints import CONSTRAINTS, UNCONSTRAINED, Constraint, leaving_out
from gan_jax.errors import InputError
from gan_jax.networks.geometry import conv_windows
from gan_jax.penalties import (
    PENALTIES,
    POINTS,
    SHAPES,
    SLOPES,
    BoundedShape,
    Penalty,
    PlainPenalty,
    as_points,
    suggested_gamma,
)
from gan_jax.schedules import Cosine, value_at
from gan_jax.systems.gan.game import is_conditional
from gan_jax.systems.gan.named import NameOrFunction, named

__all__ = ["ConstraintConfig", "PenaltyConfig", "is_penalty"]


def is_penalty(value: Any) -> bool:
    """Whether a value is a penalty."""
    return isinstance(value, Penalty | PlainPenalty)


@config
class PenaltyConfig:
    """The soft Lipschitz constraint: a published penalty, and whatever is to differ from it.

    Attributes:
      name: from `gan_jax.penalties.PENALTIES`, or "none" for no penalty at all; in Python also a penalty of one's own.
        What follows is its own by default.
      points: where the critic is held; in Python also a function `(key, *, real, fake) -> points`.
      slope: how its steepness there is taken; in Python also a function `(critic_pass, key) -> (M,)`.
      shape: the penalty of a slope; in Python also a function `(slope) -> (M,)`.
      weight: lambda, what the penalty's mean is multiplied by, or a schedule.
      bound: the Lipschitz constant demanded, in score per unit of data, where the shape has one.
      every: critic steps from one penalty to the next, which is then as many times as heavy.
    """

    name: Annotated[str | Penalty | PlainPenalty, Choice(PENALTIES, is_penalty, "a penalty", ("none",))] = "wgan_gp"
    points: Annotated[NameOrFunction, Choice(POINTS, callable, "a function")] | None = None
    slope: Annotated[NameOrFunction, Choice(SLOPES, callable, "a function")] | None = None
    shape: Annotated[NameOrFunction, Choice(SHAPES, callable, "a function")] | None = None
    weight: NonNegative | Cosine | None = None
    bound: NonNegative | None = None
    every: Count | None = None

    def build(self) -> Penalty | PlainPenalty | None:
        """Return the penalty of this name with what is chosen to differ from it; None for "none".

        Raises:
          InputError: what is chosen is nothing that the penalty has.

        >>> PenaltyConfig("r1", weight=4.0).build().weight
        4.0
        """
        if self.name == "none":
            return None
        penalty = named(PENALTIES, self.name)
        weight = partial(value_at, self.weight) if isinstance(self.weight, Cosine) else self.weight
        numbers = {"weight": weight, "every": self.every}
        penalty = penalty._replace(**{name: value for name, value in numbers.items() if value is not None})
        if self.points is not None:
            penalty = penalty._replace(points=as_points(named(POINTS, self.points)))
        if isinstance(penalty, PlainPenalty):
            for field in ("slope", "shape", "bound"):
                if getattr(self, field) is not None:
                    raise InputError(f"{self.name} has no {field} to choose; leave it out", field=field)
            return penalty
        if self.slope is not None:
            penalty = penalty._replace(slope=named(SLOPES, self.slope))
        return penalty._replace(shape=self._shape(penalty.shape))

    def resolved(self) -> "PenaltyConfig":
        """Return the same with the names and numbers of the preset, where none are given.

        >>> PenaltyConfig("r1").resolved().weight, PenaltyConfig("r1").resolved().points
        (10.0, 'real')
        """
        if self.name == "none":
            return self
        preset = PenaltyConfig(self.name).build()
        assert preset is not None
        found: dict[str, Any] = {"weight": preset.weight, "every": preset.every}
        found["points"] = next((name for name, points in POINTS.items() if as_points(points) == preset.points), None)
        if isinstance(preset, Penalty):
            found["slope"] = next((name for name, slope in SLOPES.items() if slope is preset.slope), None)
            found["shape"] = next((name for name, shape in SHAPES.items() if shape() == preset.shape), None)
            shape = self._shape(preset.shape)
            found["bound"] = shape.bound if isinstance(shape, BoundedShape) else None
        given = {name: getattr(self, name) for name in found}
        return replace(self, **{name: found[name] if value is None else value for name, value in given.items()})

    def hint(self, shape: tuple[int, ...], batch_size: int) -> str | None:
        """Return what is suggested for images of a shape where no weight is given, with the rule; None elsewhere.

        >>> PenaltyConfig("r1").hint((32, 32, 3), batch_size=64)
        "penalty r1 has its weight of 10; for StyleGAN2's critic 0.0002 x 32 x 32 / 64 = 0.0032 (Karras et al., 2020)"
        >>> PenaltyConfig("r1", weight=1.0).hint((32, 32, 3), batch_size=64)
        """
        if not isinstance(self.name, str) or self.weight is not None or len(shape) != 3:
            return None
        times = {"r1": "", "r2": "", "r1_r2": "2 x "}.get(self.name)
        if times is None:
            return None
        gamma = suggested_gamma(shape, batch_size) * (2 if times else 1)
        rule = f"{times}0.0002 x {shape[0]} x {shape[1]} / {batch_size} = {gamma:.2g} (Karras et al., 2020)"
        return f"penalty {self.name} has its weight of {PENALTIES[self.name].weight:g}; for StyleGAN2's critic {rule}"

    def _shape(self, preset):
        """The shape with its bound: the one chosen, or else the preset's, or else the shape's own."""
        shape = preset
        if self.shape is not None:
            shape = SHAPES[self.shape]() if isinstance(self.shape, str) else self.shape
            if isinstance(shape, BoundedShape) and isinstance(preset, BoundedShape) and isinstance(self.shape, str):
                shape = replace(shape, bound=preset.bound)
        if self.bound is None:
            return shape
        if not isinstance(shape, BoundedShape):
            name = self.shape if isinstance(self.shape, str) else "the penalty's shape"
            raise InputError(f"{name} has no bound to keep to; leave it out", field="bound")
        return replace(shape, bound=self.bound)


@config
class ConstraintConfig:
    """The hard Lipschitz constraint of a network, beside a penalty or instead of it.

    Attributes:
      name: from `gan_jax.constraints.CONSTRAINTS`; in Python also a function `(*, bound, windows) -> Constraint`.
      bound: of what it bounds, its own by default: parameters (weight_clipping), the norm of each layer
        (spectral_normalization, conv_spectral_normalization, bjorck), the score (gradient_normalization).
    """

    name: Annotated[NameOrFunction, Choice(CONSTRAINTS, callable, "a function", ("none",))] = "none"
    bound: Positive | None = None

    def build(self, module: nn.Module, example: jax.ShapeDtypeStruct) -> Constraint:
        """Return the constraint, with the geometry of a network's convolutions for inputs like an example (1, ...).

        What the network's class names as `unconstrained`, parameters at the top of its tree, is left out.
        """
        if self.name == "none":
            return UNCONSTRAINED
        factory = named(CONSTRAINTS, self.name)
        bound = {} if self.bound is None else {"bound": self.bound}
        labels = (jax.ShapeDtypeStruct((1,), jnp.int32),) * is_conditional(module)
        constraint = factory(windows=conv_windows(module, example, *labels), **bound)
        free = getattr(module, "unconstrained", ())
        return leaving_out(constraint, free) if free else constraint
