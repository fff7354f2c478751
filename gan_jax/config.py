"""Configurations: frozen dataclasses whose values are checked when they are made, in Python as on a command line."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import wraps
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_core import core_schema

from gan_jax.errors import InputError, nearest

__all__ = [
    "Choice",
    "Count",
    "Decay",
    "Fraction",
    "Name",
    "NonNegative",
    "Positive",
    "Probability",
    "Seed",
    "config",
    "input_error",
    "is_config",
    "parse_value",
    "short",
]

T = TypeVar("T")

# Numbers have 32 bits on the device, where a larger float would be infinite and a smaller one zero.
_LARGEST, _SMALLEST = 3e38, 2e-38
Count = Annotated[int, Field(gt=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NonNegative = Annotated[float, Field(ge=0, le=_LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=_SMALLEST, le=_LARGEST, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Fraction = Annotated[float, Field(ge=_SMALLEST, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]

_WHOLE = re.compile(r"\d+(\.\d*)?[eE]\+?\d{1,2}")  # a count as 1e4

_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, extra="forbid")


@dataclass_transform(frozen_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a frozen dataclass that refuses wrong values when it is constructed.

    Raises:
      InputError: from the constructor; a value has the wrong type or is impossible, or a field is unknown.

    >>> @config
    ... class Training:
    ...     steps: Count = 10
    >>> Training(steps=0)
    Traceback (most recent call last):
    gan_jax.errors.InputError: steps: input should be greater than 0, got 0
    """
    made: Any = checked_dataclass(frozen=True, config=_STRICT)(cls)
    construct = made.__init__

    @wraps(construct)
    def __init__(self, *args, **kwargs):
        try:
            construct(self, *args, **kwargs)
        except ValidationError as error:
            raise input_error(error, [field.name for field in fields(made)]) from None

    made.__init__ = __init__
    return made


@dataclass(frozen=True, eq=False)
class Choice:
    """Annotates a field that holds a name in a registry, or an object of the user's own.

    Attributes:
      registry: objects by name.
      accepts: whether an object will do; by default none does.
      kind: what `accepts` takes, in words.
      extra: names beside those of the registry.
      meant: other words for its names, which a message then suggests.

    >>> Activation = Annotated[Any, Choice({"relu": max}, callable, "a function")]
    >>> parse_value(Activation, "relu")
    'relu'
    >>> parse_value(Activation, "rleu")
    Traceback (most recent call last):
    gan_jax.errors.InputError: must be one of relu, or in Python a function; got 'rleu'; did you mean relu?
    """

    registry: Mapping[str, Any]
    accepts: Callable[[Any], bool] = lambda value: False
    kind: str = ""
    extra: tuple[str, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (*self.extra, *self.registry)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> Any:
        if value in self.names if isinstance(value, str) else self.accepts(value):
            return value
        allowed = [f"one of {', '.join(self.names)}"] if self.names else []
        allowed += [f"{'in Python ' if self.names else ''}{self.kind}"] if self.kind else []
        near = nearest(self.meant.get(value, value), self.names) if isinstance(value, str) else ""
        raise ValueError(f"must be {', or '.join(allowed)}; got {short(value)}{near}")


def parse_value(annotation: Any, text: str) -> Any:
    """Read a value of a field's type from a command line; `null` is None, and commas or spaces separate several values.

    Raises:
      InputError: the text is no such value.

    >>> parse_value(Count, "1e4"), parse_value(float | None, "null"), parse_value(tuple[str, ...], "a,b")
    (10000, None, ('a', 'b'))
    """
    adapter = TypeAdapter(annotation, config=None if is_dataclass(annotation) else _STRICT)
    try:
        if text == "null":
            return adapter.validate_python(None)
        several = next((each for each in _alternatives(annotation) if get_origin(each) is tuple), None)
        if several:
            parts = text.strip("[]()").replace(",", " ").split()
            return adapter.validate_python(tuple(parse_value(get_args(several)[0], part) for part in parts))
        if int in _alternatives(annotation) and _WHOLE.fullmatch(text) and float(text).is_integer():
            text = str(int(float(text)))
        return adapter.validate_strings(text)
    except ValidationError as error:
        raise input_error(error, []) from None


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types that a type allows."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(each for part in get_args(annotation) for each in _alternatives(part))
    return (annotation,)


def input_error(error: ValidationError, positions: list[str]) -> InputError:
    """Return the first of pydantic's complaints in one line; `positions` are the fields of positional arguments."""
    first = error.errors()[0]
    place = [positions[part] if isinstance(part, int) and part < len(positions) else part for part in first["loc"][:1]]
    at_fault = str(place[0]) if place else None
    if first["type"] == "unexpected_keyword_argument":
        return InputError(f"there is no such field; choose one of {', '.join(positions)}", field=at_fault)
    reason = str(first.get("ctx", {}).get("error", "")) or f"{_lowered(first['msg'])}, got {short(first['input'])}"
    return InputError(" ".join(reason.split()), field=at_fault)


def is_config(value: Any) -> bool:
    """Whether a value is a configuration: an instance of a dataclass, but not one that is a function, as a shape is."""
    return is_dataclass(value) and not callable(value)


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def short(value: Any) -> str:
    """Return a value as messages show it.

    >>> short(10**99)
    '100000000000000000000000000000000000000000000000000000000...'
    """
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
