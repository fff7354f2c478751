"""Data parallelism: all devices hold the same state, and each takes its shard of every batch.

By `by_jit` the state may be sharded too, for networks that do not fit one device. A `DataParallel` says how a run uses
its devices: the system is built with its sharding, and `loop.train` is given it. Batch, loss and everything random mean
the same whatever the number of devices, up to the order of sums, so that a run may go on with another number.

Devices may be of several hosts, each a process of its own: then arrays are made of what each host has.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding

from gan_jax.data.pipeline import Share
from gan_jax.errors import InputError
from gan_jax.networks.direct import by_eigen
from gan_jax.sharding import UNSHARDED, BatchSharding, concat, concat_apply
from gan_jax.types import Array

__all__ = ["SINGLE_DEVICE", "STRATEGIES", "DataParallel", "by_jit", "by_pmap", "by_shard_map", "data_parallel"]

_AXIS = "data"
_REPLICATED = PartitionSpec()
_SMALLEST_SHARDED = 4096  # numbers; to exchange fewer takes longer than it saves


class DataParallel(NamedTuple):
    """How a run uses its devices.

    Attributes:
      sharding: what the system is built with.
      replicate: `tree -> tree`, its arrays copied, whole, to every device.
      layout: `shapes -> shardings`, where the arrays of a state lie.
      compile: `(function, state, *rest) -> function`, a function to `(state, result)` compiled for such arguments. The
        state is donated, and lies afterwards as before; the result is whole on every device.
      share: `(n) -> share`, which of a batch's n samples this host reads; None where the program takes whole batches.
    """

    sharding: BatchSharding
    replicate: Callable[[Any], Any]
    layout: Callable[[Any], Any]
    compile: Callable[..., Callable]
    share: Callable[[int], Share] | None = None


def _compile(function: Callable, *arguments, **options) -> Callable:
    with by_eigen() as compiler_options:
        return jax.jit(function, donate_argnums=0, **options).lower(*arguments).compile(compiler_options)


def _single(shapes: Any) -> Any:
    device = SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda _: device, shapes)


SINGLE_DEVICE = DataParallel(UNSHARDED, jax.device_put, _single, _compile)
"""One device, the one that jax takes by default."""


def by_jit(mesh: Mesh, *, shard_state: bool = False) -> DataParallel:
    """A program of whole arrays, which the compiler spreads over the devices as batch and noise are sharded.

    Args:
      mesh: of one axis.
      shard_state: whether each device keeps a part of every large array of the state, and gets the others' when it
        needs them; by default it has all.
    """

    def shard(whole: Any, axis: int = 0) -> Any:
        spread = NamedSharding(mesh, PartitionSpec(*[None] * axis, _AXIS))
        return jax.tree.map(lambda leaf: lax.with_sharding_constraint(leaf, spread), whole)

    replicated = NamedSharding(mesh, _REPLICATED)
    sharding = BatchSharding(
        mesh.size,
        shard=shard,
        concat=partial(concat, device_count=mesh.size),
        concat_apply=partial(concat_apply, device_count=mesh.size),
    )

    layout = partial(_layout, mesh, smallest=_SMALLEST_SHARDED if shard_state else None)

    def compiled(function: Callable, *arguments) -> Callable:
        where = jax.tree.map(lambda leaf: leaf.sharding if _is_spread(leaf) else replicated, arguments)
        with jax.set_mesh(mesh):
            return _compile(function, *arguments, in_shardings=where, out_shardings=(where[0], replicated))

    return DataParallel(sharding, partial(_replicate, mesh), layout, compiled, partial(_share, mesh))


def by_shard_map(mesh: Mesh) -> DataParallel:
    """A program of one device's shard, which says itself what the devices exchange."""

    def compiled(function: Callable, *arguments) -> Callable:
        # Unchecked, a device's gradient is that of its own loss; checked, that of the sum of all.
        mapped = jax.shard_map(function, mesh=mesh, in_specs=_REPLICATED, out_specs=_REPLICATED, check_vma=False)
        return _compile(mapped, *arguments)

    return DataParallel(_collectives(mesh.size), partial(_replicate, mesh), partial(_layout, mesh), compiled)


def by_pmap(mesh: Mesh) -> DataParallel:
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
        with by_eigen() as compiler_options:
            return partial(mapped.lower(numbers, *arguments).compile(compiler_options), numbers)

    return DataParallel(_collectives(mesh.size), partial(_replicate, mesh), partial(_layout, mesh), compiled)


def _collectives(device_count: int) -> BatchSharding:
    def shard_of(whole: Array, axis: int) -> Array:
        size, rest = divmod(whole.shape[axis], device_count)
        if rest:
            raise ValueError(f"axis {axis} of {whole.shape} cannot be shared by {device_count} devices")
        return lax.dynamic_slice_in_dim(whole, lax.axis_index(_AXIS) * size, size, axis)

    return BatchSharding(
        device_count,
        shard=lambda whole, axis=0: jax.tree.map(partial(shard_of, axis=axis), whole),
        all_gather=partial(lax.all_gather, axis_name=_AXIS, tiled=True),
        mean=partial(lax.pmean, axis_name=_AXIS),
        axis_name=_AXIS,
    )


def _replicate(mesh: Mesh, tree: Any) -> Any:
    replicated = NamedSharding(mesh, _REPLICATED)
    return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(replicated, np.asarray(leaf)), tree)


def _layout(mesh: Mesh, shapes: Any, *, smallest: int | None = None) -> Any:
    """Shardings along the longest axis that the devices divide, of arrays of at least `smallest` numbers."""

    def where(leaf: Any) -> NamedSharding:
        axes = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
        if smallest is None or leaf.size < smallest or not axes:
            return NamedSharding(mesh, _REPLICATED)
        longest = max(axes, key=lambda axis: leaf.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*[None] * longest, _AXIS))

    return jax.tree.map(where, shapes)


def _is_spread(leaf: Any) -> bool:
    sharding = getattr(leaf, "sharding", None)
    return isinstance(sharding, NamedSharding) and not sharding.is_fully_replicated


def _share(mesh: Mesh, size: int) -> Share:
    """The samples that this host's devices take of each batch, as `by_jit` shards it."""
    samples = NamedSharding(mesh, PartitionSpec(_AXIS))
    spread = NamedSharding(mesh, PartitionSpec(None, None, _AXIS))
    indices: Any = samples.addressable_devices_indices_map((size,))
    slices = {index.indices(size) for (index,) in indices.values()}

    def join(mine: np.ndarray) -> Array:
        shape = (*mine.shape[:2], size, *mine.shape[3:])
        return jax.make_array_from_process_local_data(spread, mine, shape)

    return Share(size, np.concatenate([np.arange(*index) for index in sorted(slices)]), join)


STRATEGIES: dict[str, Callable[[Mesh], DataParallel]] = {
    "jit": by_jit,
    "jit_sharded_state": partial(by_jit, shard_state=True),
    "shard_map": by_shard_map,
    "pmap": by_pmap,
}


def data_parallel(count: int | None = None, strategy: str = "jit") -> DataParallel:
    """Return the data parallelism of a strategy, one of `STRATEGIES`, over the first `count` devices, by default all.

    Where there are several hosts, each gives as many of its own.

    Raises:
      InputError: there are fewer, or the hosts cannot have equal parts of them.

    >>> data_parallel(1).sharding.device_count
    1
    """
    devices, hosts = jax.devices(), jax.process_count()
    count = len(devices) if count is None else count
    if count % hosts:
        raise InputError(f"{count} is no multiple of the {hosts} processes", field="devices")
    if count > len(devices):
        raise InputError(f"{count} are more than the {len(devices)} that jax sees", field="devices")
    of_each = [[device for device in devices if device.process_index == host] for host in range(hosts)]
    fewest = min(map(len, of_each))
    if count > hosts * fewest:
        raise InputError(f"a process has only {fewest}; give at most {hosts * fewest}", field="devices")
    return STRATEGIES[strategy](Mesh([device for own in of_each for device in own[: count // hosts]], (_AXIS,)))
