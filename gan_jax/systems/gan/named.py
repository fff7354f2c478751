"""What may be given by its name in a registry, or, in Python, as the object itself."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["NameOrFunction", "named"]

NameOrFunction = str | Callable[..., Any]


def named(registry: Mapping[str, Any], value: Any) -> Any:
    """Return the object of a name, or the object itself.

    >>> named({"one": 1}, "one"), named({"one": 1}, 2)
    (1, 2)
    """
    return registry[value] if isinstance(value, str) else value
