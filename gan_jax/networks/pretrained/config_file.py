"""Configurations of public networks, as the `config.json` beside their weights gives them."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from gan_jax.config import short
from gan_jax.errors import InputError

__all__ = ["per_stage", "read_config"]

T = TypeVar("T")


def read_config(
    kind: type[T],
    given: Mapping[str, Any],
    *,
    fixed: Mapping[str, Any],
    ignored: Collection[str] = (),
    strict: bool = True,
) -> T:
    """Return a configuration of a kind, a frozen dataclass, from a mapping in the form of diffusers or transformers.

    Args:
      kind: its fields are the settings that are read; lists become tuples.
      given: settings by name; names that begin with an underscore say where the file is from.
      fixed: settings of which one value is built.
      ignored: settings that change no value in inference.
      strict: whether there are no others.

    Raises:
      InputError: a setting is unknown, has another value than the one that is built, or is impossible.

    >>> from gan_jax.config import Count, config
    >>> @config
    ... class Widths:
    ...     widths: tuple[Count, ...] = (8,)
    >>> read_config(Widths, {"widths": [4, 4], "act_fn": "silu"}, fixed={"act_fn": "silu"})
    Widths(widths=(4, 4))
    >>> read_config(Widths, {"act_fn": "relu"}, fixed={"act_fn": "silu"})
    Traceback (most recent call last):
    gan_jax.errors.InputError: act_fn: 'relu' is not built, only 'silu'
    """
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    for name, value in given.items():
        if name in fixed and value != fixed[name]:
            raise InputError(f"{short(value)} is not built, only {short(fixed[name])}", field=name)
        if strict and name not in names and name not in fixed and name not in ignored and not name.startswith("_"):
            raise InputError(f"{short(value)} is a setting that {kind.__name__} does not know", field=name)
    return kind(**{name: _tuples(value) for name, value in given.items() if name in names})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def per_stage(value: Any, count: int, name: str) -> tuple[Any, ...]:
    """Return a value for each of so many stages, of one for all or of one for each.

    Raises:
      InputError: there are values for another number of stages; the message names the setting.

    >>> per_stage(2, 3, "layers_per_block"), per_stage((1, 2), 2, "layers_per_block")
    ((2, 2, 2), (1, 2))
    """
    values = value if isinstance(value, tuple) else (value,) * count
    if len(values) != count:
        raise InputError(f"{short(value)} is for {len(values)} stages, and there are {count}", field=name)
    return values
