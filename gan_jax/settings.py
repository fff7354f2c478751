"""The settings of a configuration: changed one by one by their dotted names, and kept as JSON."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from docstring_parser import parse as parse_docstring

from gan_jax.config import Choice, is_config, parse_value
from gan_jax.errors import InputError, within

__all__ = [
    "Setting",
    "differences",
    "flat",
    "from_json",
    "has_own_objects",
    "override",
    "resolved",
    "settings_of",
    "to_json",
]

T = TypeVar("T")

_OWN, _IMPORT, _CLASS = "own", "import", "class"  # keys of what JSON cannot hold: only known to the file, by path


class Setting(NamedTuple):
    """One setting of a configuration.

    Attributes:
      name: dotted.
      annotation: its type.
      value: in this configuration.
      help: what its configuration's docstring says of it.
    """

    name: str
    annotation: Any
    value: Any
    help: str


def settings_of(config: Any, prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of a configuration, those of nested ones under dotted names.

    What only Python can set is left out, as are configurations that are None.

    >>> from gan_jax.runs.experiment import Experiment
    >>> [setting.name for setting in settings_of(Experiment())][:3]
    ['data.source', 'data.dir', 'data.fraction']
    """
    hints = get_type_hints(type(config), include_extras=True)
    texts = {item.arg_name: item.description for item in parse_docstring(type(config).__doc__ or "").params}
    for field in fields(config):
        name, value = f"{prefix}{field.name}", getattr(config, field.name)
        if _has_text(hints[field.name]):
            yield Setting(name, hints[field.name], value, " ".join((texts.get(field.name) or "").split()))
        if is_config(value):
            yield from settings_of(value, f"{name}.")


def override(config: Any, name: str, text: str) -> Any:
    """Return a configuration with the setting of a dotted name read from a text.

    Raises:
      InputError: there is no such setting, or the text is no value of its.

    >>> from gan_jax.runs.experiment import Experiment
    >>> override(Experiment(), "gan.penalty.weight", "5").gan.penalty.weight
    5.0
    """
    head, _, rest = name.partition(".")
    if head not in {field.name for field in fields(config)}:
        raise InputError("there is no such setting", field=name)
    if rest and is_config(getattr(config, head)):
        with within(head):
            return replace(config, **{head: override(getattr(config, head), rest, text)})
    if rest:
        raise InputError("there is no such setting", field=name)
    annotation = get_type_hints(type(config), include_extras=True)[head]
    try:
        return replace(config, **{head: parse_value(annotation, text)})
    except InputError as error:
        raise InputError(error.reason, field=head) from None


def resolved(config: T) -> T:
    """Return a configuration with the numbers and names of its presets; a preset that changes then changes no run.

    A configuration with a method `resolved()` knows its own.

    >>> from gan_jax.runs.experiment import Experiment
    >>> resolved(Experiment()).gan.penalty.weight
    10.0
    """
    parts = {field.name: getattr(config, field.name) for field in fields(config)}  # pyright: ignore[reportArgumentType]
    parts = {name: resolved(value) for name, value in parts.items() if is_config(value)}
    config = replace(config, **parts) if parts else config  # pyright: ignore[reportArgumentType]
    return getattr(config, "resolved", lambda: config)()


def to_json(value: Any) -> Any:
    """Return a configuration as JSON can hold it: an object of the user's own as its import path, or as being its own.

    >>> from gan_jax.runs.experiment import Experiment
    >>> to_json(Experiment())["gan"]["penalty"]["name"]
    'wgan_gp'
    >>> to_json(map), to_json(lambda x: x)
    ({'import': 'builtins:map'}, {'own': '<lambda>'})
    """
    if is_config(value):
        nested = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        standard = type(value).__module__.startswith("gan_jax.")
        return nested if standard else {_CLASS: to_json(type(value))} | nested
    if isinstance(value, tuple) and type(value) is tuple:
        return [to_json(part) for part in value]
    if value is None or isinstance(value, str | int | float):
        return value
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if module and name and module != "__main__" and getattr(sys.modules.get(module), name, None) is value:
        return {_IMPORT: f"{module}:{name}"}
    return {_OWN: name or type(value).__name__}


def from_json(kind: type[T], settings: Mapping[str, Any], base: T | None = None) -> T:
    """Return the configuration that `to_json` gave these settings for; `base` has whatever is the user's own.

    Raises:
      InputError: a name is unknown, a value has the wrong type or is impossible, or something is the user's own and
        there is no base.

    >>> from gan_jax.runs.experiment import Experiment
    >>> from_json(Experiment, to_json(Experiment(seed=3))).seed
    3
    """
    hints = get_type_hints(kind, include_extras=True)
    for name in settings:
        if name not in hints:
            raise InputError("there is no such setting", field=name)
    values = {}
    for name, value in settings.items():
        with within(name):
            values[name] = _value(hints[name], value, getattr(base, name, None))
    return kind(**values)


def has_own_objects(settings: Any) -> bool:
    """Whether settings, as JSON holds them, leave something to the experiment file."""
    if isinstance(settings, Mapping):
        return _OWN in settings or any(map(has_own_objects, settings.values()))
    return isinstance(settings, list) and any(map(has_own_objects, settings))


def differences(before: Mapping[str, Any], after: Mapping[str, Any], free: tuple[str, ...] = ()) -> list[str]:
    """Name the settings that differ, each with its two values, but for those whose names begin as the free ones.

    >>> differences({"seed": 0, "steps": 5}, {"seed": 1, "steps": 6}, free=("steps",))
    ['seed: 0 became 1']
    """
    before, after = flat(before), flat(after)
    return [
        f"{name}: {before.get(name)} became {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if not name.startswith(free) and before.get(name) != after.get(name)
    ]


def _has_text(annotation: Any) -> bool:
    """Whether a command line can give a value of a type: all but configurations and what holds objects alone."""
    choices = [extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, Choice)]
    if choices:
        return all(extra.names for extra in choices)
    parts = get_args(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return any(_has_text(part) for part in parts if part is not NoneType)
    is_config_class = isinstance(annotation, type) and is_dataclass(annotation)
    return not is_config_class and all(map(_has_text, parts))


def _value(annotation: Any, value: Any, base: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, Mapping):
        return value
    if _IMPORT in value:
        return _import(value[_IMPORT])
    if _OWN in value:
        if base is None:
            raise InputError(f"{value[_OWN]} is an object of the program that trained the run; give its experiment")
        return base
    if _CLASS in value:
        cls = type(base) if _OWN in value[_CLASS] and base is not None else _value(Any, value[_CLASS], None)
        return from_json(cls, {name: part for name, part in value.items() if name != _CLASS}, base)
    return from_json(type(base) if is_config(base) else _config_in(annotation), value, base)


def _config_in(annotation: Any) -> type:
    """The configuration that a field's type names."""
    for part in (annotation, get_origin(annotation)):
        if isinstance(part, type) and is_dataclass(part):
            return part
    for part in get_args(annotation):
        with suppress(InputError):
            return _config_in(part)
    raise InputError("holds settings, but has none")


def _import(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{path} cannot be imported ({error})") from None
    return found


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by their dotted names.

    >>> flat({"gan": {"loss": "hinge"}, "seed": 0})
    {'gan.loss': 'hinge', 'seed': 0}
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found
