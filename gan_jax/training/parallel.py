"""Data parallelism: all devices hold the same data and the same state, and each takes its part of every batch.

A plan says how. The system is built with its parts, and `loop.train` told the plan. Batch, loss and everything random
mean the same whatever the number of devices, up to the order of sums, so that a run may go on with another number.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gan_jax.errors import InputError
from gan_jax.parts import WHOLE, Parts, together
from gan_jax.types import Array

_AXIS = "data"
_EVERYWHERE = PartitionSpec()


class Plan(NamedTuple):
    """How a run uses its devices.

    Attributes:
      parts: what the system is built with.
      place: `tree -> tree`, its arrays copied, whole, to every device.
      compile: `(function, state, *rest) -> function`, compiled for such arguments, which lie whole on every device as
        its results do; the state is donated.
    """

    parts: Parts
    place: Callable[[Any], Any]
    compile: Callable[..., Callable]


def _compile(function: Callable, *arguments, **options) -> Callable:
    return jax.jit(function, donate_argnums=0, **options).lower(*arguments).compile()


ALONE = Plan(WHOLE, jax.device_put, _compile)
"""One device, the one that jax takes by default."""


def by_jit(mesh: Mesh) -> Plan:
    """A program of whole arrays, which the compiler spreads over the devices as batch and noise are spread."""

    def take(whole: Array, axis: int = 0) -> Array:
        return lax.with_sharding_constraint(whole, NamedSharding(mesh, PartitionSpec(*[None] * axis, _AXIS)))

    everywhere = NamedSharding(mesh, _EVERYWHERE)
    parts = Parts(count=mesh.size, take=take, together=partial(together, parts=mesh.size))
    return Plan(parts, partial(_place, mesh), partial(_compile, in_shardings=everywhere, out_shardings=everywhere))


def by_shard_map(mesh: Mesh) -> Plan:
    """A program of one device's part, which says itself what the devices exchange."""

    def compiled(function: Callable, *arguments) -> Callable:
        # Unchecked, a device's gradient is that of its own loss; checked, that of the sum of all.
        mapped = jax.shard_map(function, mesh=mesh, in_specs=_EVERYWHERE, out_specs=_EVERYWHERE, check_vma=False)
        return _compile(mapped, *arguments)

    return Plan(_exchanging(mesh.size), partial(_place, mesh), compiled)


def by_pmap(mesh: Mesh) -> Plan:
    """The program of `by_shard_map`, by the transformation that came before it."""

    def compiled(function: Callable, *arguments) -> Callable:
        # There must be something to map over: the devices' numbers. All else is whole on every device.
        numbers = np.arange(mesh.size, dtype=np.int32)
        spread = NamedSharding(mesh, PartitionSpec(_AXIS))
        numbers = jax.make_array_from_callback(numbers.shape, spread, numbers.__getitem__)
        mapped = jax.pmap(
            lambda _, *arguments: function(*arguments),
            axis_name=_AXIS,
            in_axes=(0, *[None] * len(arguments)),
            out_axes=None,
            donate_argnums=1,
            devices=list(mesh.devices),
        )
        return partial(mapped.lower(numbers, *arguments).compile(), numbers)

    return Plan(_exchanging(mesh.size), partial(_place, mesh), compiled)


def _exchanging(count: int) -> Parts:
    def take(whole: Array, axis: int = 0) -> Array:
        size, rest = divmod(whole.shape[axis], count)
        if rest:
            raise ValueError(f"axis {axis} of {whole.shape} cannot be shared by {count} devices")
        return lax.dynamic_slice_in_dim(whole, lax.axis_index(_AXIS) * size, size, axis)

    return Parts(
        count=count,
        take=take,
        gather=partial(lax.all_gather, axis_name=_AXIS, tiled=True),
        mean=partial(lax.pmean, axis_name=_AXIS),
    )


def _place(mesh: Mesh, tree: Any) -> Any:
    everywhere = NamedSharding(mesh, _EVERYWHERE)
    return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(everywhere, np.asarray(leaf)), tree)


MODES: dict[str, Callable[[Mesh], Plan]] = {"jit": by_jit, "shard_map": by_shard_map, "pmap": by_pmap}


def plan(count: int | None = None, mode: str = "jit") -> Plan:
    """Return the plan of a mode, one of `MODES`, for the first `count` devices that jax sees, by default all.

    Raises:
      InputError: there are fewer.

    >>> plan(1).parts.count
    1
    """
    devices = jax.devices()
    if count is not None and count > len(devices):
        raise InputError(f"--devices: {count} are more than the {len(devices)} that jax sees")
    return MODES[mode](Mesh(devices[:count], (_AXIS,)))
