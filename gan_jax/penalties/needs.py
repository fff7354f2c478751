"""What a function says that it needs, also within `functools.partial` and `jax.jit`, which change no value."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar, cast

import jax

__all__ = ["Need", "needed_by", "needs", "unwrapped"]

Need = Literal["anchored", "float32", "images"]
"""A loss that is `anchored`, a critic that computes in float32, or samples (N, H, W, C)."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def needs(*what: Need) -> Callable[[_Function], _Function]:
    """Return a decorator by which a slope, or a plain penalty's value, says what it needs.

    >>> sorted(needed_by(needs("images", "float32")(lambda scored, key: scored.scores)))
    ['float32', 'images']
    """

    def decorate(function: _Function) -> _Function:
        vars(function)["needs"] = frozenset(what)
        return function

    return decorate


def needed_by(function: Callable[..., Any]) -> frozenset[Need]:
    """Return what a function says that it needs; nothing, if it says nothing.

    >>> needed_by(jax.jit(partial(needs("images")(lambda scored, key: key), key=None)))
    frozenset({'images'})
    """
    return getattr(unwrapped(function), "needs", frozenset())


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what partial and compiled functions are made of, and others as they are.

    >>> unwrapped(jax.jit(partial(max, 1))) is max
    True
    """
    while isinstance(function, partial | jax.stages.Wrapped):
        function = function.func if isinstance(function, partial) else cast(Any, function).__wrapped__
    return function
