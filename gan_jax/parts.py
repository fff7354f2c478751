"""How a batch is spread over devices, as one device's program sees it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gan_jax.types import Array


def together(function: Callable[[Array], Array], batches: Array, parts: int = 1) -> Array:
    """Map K batches (K, N, ...) by a function of samples `(N, ...) -> (N, ...)` in one pass; returns (K, N, ...).

    Where each batch lies in parts on as many devices, the pass takes the parts device by device, not batch by batch, so
    that no sample has to change devices.

    >>> import jax.numpy as jnp
    >>> together(lambda x: x**2, jnp.arange(6).reshape(3, 2)).tolist()
    [[0, 1], [4, 9], [16, 25]]
    """
    k, n, *shape = batches.shape
    mapped = function(batches.reshape(k, parts, n // parts, *shape).swapaxes(0, 1).reshape(k * n, *shape))
    shape = mapped.shape[1:]
    return mapped.reshape(parts, k, n // parts, *shape).swapaxes(0, 1).reshape(k, n, *shape)


class Parts(NamedTuple):
    """What a program has to say where a batch is in parts; by default there is one part, which is the whole.

    Noise is drawn for the whole batch and a part of it taken, so that it is the same on any number of devices.

    Attributes:
      count: how many parts there are; a batch is a multiple of it.
      take: `(whole, axis=0) -> part`, this device's part of an array that every device has.
      gather: `part -> whole`, (N, ...) of the parts along the first axis.
      mean: `tree -> tree`, the average over the devices of the means that each has taken over its part.
      together: `(function, batches) -> values`, the function above for batches that lie in such parts.
    """

    count: int = 1
    take: Callable[..., Array] = lambda whole, axis=0: whole
    gather: Callable[[Array], Array] = lambda part: part
    mean: Callable[[Any], Any] = lambda tree: tree
    together: Callable[..., Array] = together


WHOLE = Parts()
