"""Published settings of networks, as data."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Preset"]


class Preset(NamedTuple):
    """The fields of two networks that belong together, as published.

    Attributes:
      generator: of the generator's module.
      critic: of the critic's.

    >>> Preset(generator={"width": 64}, critic={}).generator["width"]
    64
    """

    generator: Mapping[str, Any]
    critic: Mapping[str, Any]
