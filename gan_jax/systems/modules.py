"""From the fields of a configuration to a Flax module."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, replace
from typing import Any, TypeVar

import flax.linen as nn

from gan_jax.errors import InputError

__all__ = ["build_module", "is_module", "with_own_fields"]

T = TypeVar("T")

_OTHERS = {"name", "latent", "preset"}  # no fields of a network


def is_module(value: Any) -> bool:
    """Whether a value is a class of Flax modules."""
    return isinstance(value, type) and issubclass(value, nn.Module)


def build_module(
    config: Any, kind: type[nn.Module], *, presets: Mapping[str, Any], classes: int, precision: str, **given: Any
) -> Any:
    """Return the module of a class with the fields that a configuration chooses, and those that it has of the others.

    Args:
      config: a dataclass with the network's `name`, and fields that are None where they are the network's own.
      kind: the class of the module.
      presets: published settings by name, one of which `config.preset` may choose.
      classes: of the labels that it is told; 0 for none.
      precision: that its layers compute in.
      **given: more of its fields.

    Raises:
      InputError: the network has no such field, or no such preset; the message names it.
    """
    label = config.name if isinstance(config.name, str) else config.name.__name__
    fields = kind.__dataclass_fields__
    chosen = {field: getattr(config, field) for field in config.__dataclass_fields__ if field not in _OTHERS}
    chosen = {field: value for field, value in chosen.items() if value is not None}
    for field in chosen:
        if field not in fields:
            raise InputError(f"{label} has no {field} to choose; leave it out", field=field)
    preset = getattr(config, "preset", None)
    if preset is not None:
        if preset not in presets:
            raise InputError(f"{label} has {', '.join(presets) or 'none'}, not {preset}", field="preset")
        chosen = {**presets[preset], **chosen}
    if precision != "float32" and "dtype" not in fields:
        raise InputError(f"{label} has no field dtype, so that it cannot compute in {precision}; add one")
    if classes and "classes" not in fields and not getattr(kind, "conditional", False):
        raise InputError(f"{label} takes no labels; choose another network, or leave conditional out")
    given |= {"dtype": precision} if "dtype" in fields else {}
    given |= {"classes": classes} if "classes" in fields else {}
    return kind(**chosen, **given)


def with_own_fields(config: T, kind: type[nn.Module], preset: Mapping[str, Any]) -> T:
    """Return a module's configuration with the numbers of the preset, or the module's own, where it has none."""
    found = {}
    for name, field in kind.__dataclass_fields__.items():
        value = preset.get(name, field.default)
        if name not in _OTHERS and getattr(config, name, "") is None and value is not MISSING:
            found[name] = value
    for name, value in found.items():
        if isinstance(value, int | float | tuple):
            with suppress(InputError):  # as 0 for none, which only null says in a configuration
                config = replace(config, **{name: value})  # pyright: ignore[reportArgumentType]
    return config
