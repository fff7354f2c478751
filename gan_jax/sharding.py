"""Data parallelism as one device's program sees it: how a batch is sharded over devices, and what they exchange."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, PartitionSpec

from gan_jax.errors import InputError
from gan_jax.types import Array, Key, PyTree

__all__ = ["UNSHARDED", "BatchSharding", "apply_each", "concat", "concat_apply", "in_micro_batches", "map_shards"]


def concat(*batches: PyTree[Array], device_count: int = 1) -> PyTree[Array]:
    """Join K batches, trees of leaves (N, ...), to one of (K N, ...).

    Where each batch is sharded over devices, the K N samples lie device by device, not batch by batch, so that no
    sample has to change devices.

    >>> concat(jnp.array([0, 1]), jnp.array([2, 3])).tolist()
    [0, 1, 2, 3]
    >>> concat(jnp.array([0, 1]), jnp.array([2, 3]), device_count=2).tolist()
    [0, 2, 1, 3]
    """

    def join(*leaves: Array) -> Array:
        if device_count == 1:
            return jnp.concatenate(leaves)
        shards = [leaf.reshape(device_count, -1, *leaf.shape[1:]) for leaf in leaves]
        return jnp.stack(shards, axis=1).reshape(-1, *leaves[0].shape[1:])

    return jax.tree.map(join, *batches)


def concat_apply(function: Callable[[Any], Any], batches: PyTree[Array], device_count: int = 1) -> PyTree[Array]:
    """Apply a function of samples to K batches in one pass: leaves (K, N, ...) go in as (K N, ...) and come back.

    They lie as by `concat`. All leaves are reordered alike: a sample's label goes with it, as another leaf.

    >>> batches = {"sample": jnp.arange(6).reshape(3, 2), "label": jnp.ones((3, 2), int)}
    >>> concat_apply(lambda batch: batch["sample"] + 10 * batch["label"], batches).tolist()
    [[10, 11], [12, 13], [14, 15]]
    """
    k, n = jax.tree.leaves(batches)[0].shape[:2]

    def join(leaf: Array) -> Array:
        shards = leaf.reshape(k, device_count, n // device_count, *leaf.shape[2:])
        return shards.swapaxes(0, 1).reshape(k * n, *leaf.shape[2:])

    def split(leaf: Array) -> Array:
        shards = leaf.reshape(device_count, k, n // device_count, *leaf.shape[1:])
        return shards.swapaxes(0, 1).reshape(k, n, *leaf.shape[1:])

    return jax.tree.map(split, function(jax.tree.map(join, batches)))


def apply_each(function: Callable[[Any], Any], batches: PyTree[Array]) -> PyTree[Array]:
    """Apply a function to K batches one by one, where it treats a sample by its batch: leaves (K, N, ...) as above.

    >>> apply_each(lambda batch: batch - batch.mean(), jnp.array([[1.0, 3.0], [4.0, 8.0]])).tolist()
    [[-1.0, 1.0], [-2.0, 2.0]]
    """
    count = jax.tree.leaves(batches)[0].shape[0]
    each = [function(jax.tree.map(lambda leaf, i=i: leaf[i], batches)) for i in range(count)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)


def in_micro_batches(
    function: Callable[[Any], Any], batch: PyTree[Array], size: int | None, device_count: int = 1
) -> PyTree[Array]:
    """Apply a function of samples to a batch, leaves (N, ...), `size` samples at a time; None takes all at once.

    The values are those of one pass, and so are derivatives of every order, but what lies between a part's samples and
    its values is forgotten and computed again where a derivative needs it: memory is that of one part, time that of
    another pass forward for each derivative. Gradients in what the function closes over, as parameters, accumulate over
    the parts. A batch that `size` does not divide is taken at once, and so is one that is no larger.

    >>> in_micro_batches(lambda x: x**2, jnp.arange(4.0), 2).tolist()
    [0.0, 1.0, 4.0, 9.0]
    """
    n = len(jax.tree.leaves(batch)[0])
    if size is None or n <= size or n % size:
        return function(batch)
    # Each part has samples of every device.
    shards = (device_count, n // size, size // device_count)

    def split(leaf: Array) -> Array:
        return leaf.reshape(*shards, *leaf.shape[1:]).swapaxes(0, 1).reshape(n // size, size, *leaf.shape[1:])

    def join(leaf: Array) -> Array:
        parts = leaf.reshape(n // size, device_count, size // device_count, *leaf.shape[2:])
        return parts.swapaxes(0, 1).reshape(n, *leaf.shape[2:])

    # In a loop the compiler cannot merge what is computed again with what was forgotten.
    forgetful = jax.checkpoint(function, prevent_cse=False)
    return jax.tree.map(join, jax.lax.map(forgetful, jax.tree.map(split, batch)))


def map_shards(function: Callable[[Array, Array], Array], batch: Array, whole: Array) -> Array:
    """Apply a function of samples (N, ...) and of something that all share, each device to its own shard.

    Where a program of whole arrays is spread over the devices of a mesh (`jax.set_mesh`), the compiler is told so, that
    cannot know of reshaped batches that they are sharded, and would gather them on every device. Elsewhere, and where
    the devices cannot share N samples evenly, the function is applied as it is.

    >>> map_shards(lambda batch, whole: batch * whole, jnp.arange(3), jnp.array(2)).tolist()
    [0, 2, 4]
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or set(mesh.axis_types) != {AxisType.Auto} or len(batch) % mesh.size:
        return function(batch, whole)
    shards = PartitionSpec(mesh.axis_names)
    return jax.shard_map(function, mesh=mesh, in_specs=(shards, PartitionSpec()), out_specs=shards)(batch, whole)


class BatchSharding(NamedTuple):
    """What a program has to say where batches are sharded over devices; by default there is one device.

    Every function takes trees of arrays, so that what belongs to a sample stays with it. Noise is drawn for the whole
    batch and then sharded, so that it is the same on any number of devices; only what a network draws itself, by
    `own_key`, depends on how many there are.

    Attributes:
      device_count: how many devices share a batch, whose size is a multiple of it.
      shard: `(whole, axis=0) -> shard`, this device's shard of arrays that every device has.
      all_gather: `shard -> whole`, the shards of all devices along the first axis.
      mean: `tree -> tree`, the mean over devices of the means that each has taken over its shard.
      axis_name: of the axis that the devices are mapped over, for networks that take means over the batch; None where
        each program sees whole batches.
      concat: `(*batches) -> batch`, the function above for batches that are sharded so.
      concat_apply: `(function, batches) -> values`, likewise the function above; `apply_each` for a
        function that treats a sample by its batch.
      micro_batch: how many samples of all devices pass a network at a time; None for all.
    """

    device_count: int = 1
    shard: Callable[..., Any] = lambda whole, axis=0: whole
    all_gather: Callable[[Any], Any] = lambda shard: shard
    mean: Callable[[Any], Any] = lambda tree: tree
    axis_name: str | None = None
    concat: Callable[..., Any] = concat
    concat_apply: Callable[..., Any] = concat_apply
    micro_batch: int | None = None

    def check(self, batch_size: int) -> None:
        """Raise if the devices cannot share a batch evenly.

        Raises:
          InputError: they cannot.
        """
        if batch_size % self.device_count:
            raise InputError(f"{batch_size} is no multiple of the {self.device_count} devices", field="batch_size")

    def with_micro_batch(self, size: int | None, batch_size: int, set_size: int = 1) -> "BatchSharding":
        """Return the same, whose batches pass a network in parts of a size; each holds whole sets on every device.

        Raises:
          InputError: a batch cannot be cut so.
        """
        least = set_size * self.device_count
        if size is not None and batch_size % size:
            raise InputError(f"{size} does not divide the batch of {batch_size}", field="micro_batch")
        if size is not None and size % least:
            reason = f"{size} is no multiple of {least}, sets of {set_size} samples on {self.device_count} devices"
            raise InputError(reason, field="micro_batch")
        return self._replace(micro_batch=size)

    def in_micro_batches(self, function: Callable[[Any], Any], batch: Any) -> Any:
        """Apply a function to this device's shard as `in_micro_batches` does, `micro_batch` samples at a time."""
        size = self.micro_batch
        if size is None or self.axis_name is None:
            return in_micro_batches(function, batch, size, self.device_count)
        return in_micro_batches(function, batch, size // self.device_count)

    def own_key(self, key: Key) -> Key:
        """Return a key for what a network draws itself, as dropout: each device's, where each has a shard."""
        return key if self.axis_name is None else jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))


UNSHARDED = BatchSharding()
