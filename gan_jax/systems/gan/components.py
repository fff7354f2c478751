"""The configurations of what a GAN is made of: networks, penalty, constraint; each builds its own."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.config import Choice, Count, Name, NonNegative, Positive, config
from gan_jax.constraints import CONSTRAINTS, UNCONSTRAINED, Constraint
from gan_jax.errors import InputError
from gan_jax.networks import CRITICS, GENERATORS, PRESETS
from gan_jax.networks.activations import ACTIVATIONS
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
)
from gan_jax.schedules import Cosine, value_at
from gan_jax.systems.gan.game import is_conditional

__all__ = [
    "ConstraintConfig",
    "CriticConfig",
    "GeneratorConfig",
    "NameOrFunction",
    "PenaltyConfig",
    "is_module",
    "is_penalty",
    "told_classes",
]

# Fields that networks of both kinds may have.
_CHOSEN = ("width", "max_width", "depth", "blocks", "group_size", "patch", "mapping_depth")

NameOrFunction = str | Callable[..., Any]


def is_module(value: Any) -> bool:
    """Whether a value is a class of Flax modules."""
    return isinstance(value, type) and issubclass(value, nn.Module)


def told_classes(name: Any, classes: int, conditional: bool) -> int:
    """How many classes a network is told of: all if it is to be, or if its class says that it takes labels."""
    return classes if conditional or getattr(name, "conditional", False) else 0


def is_penalty(value: Any) -> bool:
    """Whether a value is a penalty."""
    return isinstance(value, Penalty | PlainPenalty)


@config
class GeneratorConfig:
    """The network that maps noise to samples.

    Attributes:
      name: kind of network; in Python also a Flax module class with a field `shape`.
      width: features of the widest hidden layer (mlp), of the layer nearest to the image (dcgan), of all (resnet); the
        network's own by default.
      depth: hidden layers (mlp) or halvings of the image (all others); the network's own by default.
      latent: length of a noise vector.
      preset: published settings of the fields that are not given, from `gan_jax.networks.PRESETS`, as "cifar10".
      max_width: features of the widest layer (r3gan, stylegan2); the network's own by default.
      blocks: residual blocks at each size (r3gan); the network's own by default.
      group_size: features of each group of a convolution (r3gan); the network's own by default.
      patch: height and width of the patches that an image is made of (r3gan); the network's own by default.
      mapping_depth: layers from noise to styles (stylegan2); the network's own by default.
    """

    name: Annotated[str | type[nn.Module], Choice(GENERATORS, is_module, "a Flax module class")] = "mlp"
    width: Count | None = None
    depth: Count | None = None
    latent: Count = 128
    preset: Name | None = None
    max_width: Count | None = None
    blocks: Count | None = None
    group_size: Count | None = None
    patch: Count | None = None
    mapping_depth: Count | None = None

    def build(self, shape: tuple[int, ...], classes: int, precision: str) -> nn.Module:
        """Return the module for samples of a shape and labels of so many classes, 0 to be told none.

        Raises:
          InputError: the network has no such field; the message names it.
        """
        return _module(GENERATORS, self, {}, precision, classes, shape=shape)


@config
class CriticConfig:
    """The network that scores samples.

    Attributes:
      name: kind of network; in Python also a Flax module class.
      width: features of the widest hidden layer (mlp), of the layer nearest to the image (dcgan), of all (resnet); the
        network's own by default.
      depth: hidden layers (mlp, deep_sets twice) or halvings of the image; the network's own by default.
      set_size: samples that are scored together (deep_sets, stylegan2); the network's own by default.
      mapping_depth: layers from labels to styles (stylegan2); the network's own by default.
      residual: whether each stage adds the image before it (stylegan2); the network's own by default.
      activation: between the layers (mlp, dcgan); the network's own by default.
      preset: published settings of the fields that are not given, from `gan_jax.networks.PRESETS`, as "cifar10".
      max_width: features of the widest layer (r3gan, stylegan2); the network's own by default.
      blocks: residual blocks at each size (r3gan); the network's own by default.
      group_size: features of each group of a convolution (r3gan); the network's own by default.
      patch: height and width of the patches that an image is cut into (r3gan); the network's own by default.
    """

    name: Annotated[str | type[nn.Module], Choice(CRITICS, is_module, "a Flax module class")] = "mlp"
    width: Count | None = None
    depth: Count | None = None
    set_size: Count | None = None
    mapping_depth: Count | None = None
    residual: bool | None = None
    activation: Annotated[NameOrFunction, Choice(ACTIVATIONS, callable, "a function")] | None = None
    preset: Name | None = None
    max_width: Count | None = None
    blocks: Count | None = None
    group_size: Count | None = None
    patch: Count | None = None

    def build(self, classes: int, precision: str) -> nn.Module:
        """Return the module, for labels of so many classes, 0 to be told none.

        Raises:
          InputError: the network has no such field; the message names it.

        >>> CriticConfig(width=8).build(classes=0, precision="float32").width
        8
        """
        own = {"set_size": self.set_size, "residual": self.residual}
        own |= {"activation": _named(ACTIVATIONS, self.activation)}
        return _module(CRITICS, self, own, precision, classes)


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
        penalty = _named(PENALTIES, self.name)
        weight = partial(value_at, self.weight) if isinstance(self.weight, Cosine) else self.weight
        numbers = {"weight": weight, "every": self.every}
        penalty = penalty._replace(**{name: value for name, value in numbers.items() if value is not None})
        if self.points is not None:
            penalty = penalty._replace(points=as_points(_named(POINTS, self.points)))
        if isinstance(penalty, PlainPenalty):
            for field in ("slope", "shape", "bound"):
                if getattr(self, field) is not None:
                    raise InputError(f"{self.name} has no {field} to choose; leave it out", field=field)
            return penalty
        if self.slope is not None:
            penalty = penalty._replace(slope=_named(SLOPES, self.slope))
        return penalty._replace(shape=self._shape(penalty.shape))

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
    """The hard Lipschitz constraint of the critic, beside the penalty or instead of it.

    Attributes:
      name: from `gan_jax.constraints.CONSTRAINTS`; in Python also a function `(*, bound, windows) -> Constraint`.
      bound: of what it bounds, its own by default: parameters (weight_clipping), the norm of each layer
        (spectral_normalization, conv_spectral_normalization, bjorck), the score (gradient_normalization).
    """

    name: Annotated[NameOrFunction, Choice(CONSTRAINTS, callable, "a function", ("none",))] = "none"
    bound: Positive | None = None

    def build(self, critic: nn.Module, shape: tuple[int, ...]) -> Constraint:
        """Return the constraint, with the geometry of a critic's convolutions for samples of a shape."""
        if self.name == "none":
            return UNCONSTRAINED
        factory = _named(CONSTRAINTS, self.name)
        bound = {} if self.bound is None else {"bound": self.bound}
        labels = (jax.ShapeDtypeStruct((1,), jnp.int32),) * is_conditional(critic)
        geometry = conv_windows(critic, jax.ShapeDtypeStruct((1, *shape), jnp.float32), *labels)
        return factory(windows=geometry, **bound)


def _named(registry: Mapping[str, Any], value: Any) -> Any:
    """The object of a name, or the object itself."""
    return registry[value] if isinstance(value, str) else value


def _module(
    registry: Mapping[str, type[nn.Module]], config: Any, own: Mapping[str, Any], precision: str, classes: int, **given
) -> nn.Module:
    """The module of a network's name, or class, with the fields that are chosen and those that it has of the others."""
    kind = _named(registry, config.name)
    label = config.name if isinstance(config.name, str) else config.name.__name__
    fields = kind.__dataclass_fields__
    chosen = {field: getattr(config, field) for field in _CHOSEN} | dict(own)
    chosen = {field: value for field, value in chosen.items() if value is not None}
    for field in chosen:
        if field not in fields:
            raise InputError(f"{label} has no {field} to choose; leave it out", field=field)
    if config.preset is not None:
        presets = PRESETS.get(label, {})
        if config.preset not in presets:
            reason = f"{label} has {', '.join(presets) or 'none'}, not {config.preset}"
            raise InputError(reason, field="preset")
        preset = {name: value for name, value in presets[config.preset].items() if name in fields}
        chosen = {**preset, **chosen}
    if precision != "float32" and "dtype" not in fields:
        raise InputError(f"{label} has no field dtype, so that it cannot compute in {precision}; add one")
    common = {"dtype": precision} if "dtype" in fields else {}
    if classes and "classes" not in fields and not getattr(kind, "conditional", False):
        raise InputError(f"{label} takes no labels; choose another network, or leave gan.conditional out")
    common |= {"classes": classes} if "classes" in fields else {}
    return kind(**chosen, **common, **given)
