"""The input pipeline: batches for a compiled loop, from data that lie on the device or are streamed from the host.

Which samples iteration i takes is a function of the key and of i alone, the same for either pipeline: so a run is the
same byte for byte, whichever it has, and its position in the data is its iteration.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.dataset import Source
from gan_jax.data.images import preprocess
from gan_jax.data.large_arrays import available_memory
from gan_jax.data.order import Order, with_replacement
from gan_jax.data.prefetch import Prefetcher
from gan_jax.errors import InputError
from gan_jax.types import Array, ArrayLike, Batch, Key, PyTree, Samples, Spec

__all__ = [
    "Pipeline",
    "Replicate",
    "Share",
    "batch_spec",
    "dequantize",
    "fits",
    "preprocess_batch",
    "resident",
    "step_keys",
    "streamed",
]

_ITERATIONS, _BLOCK_BYTES = 16, 1 << 26  # that are copied to the device at a time, at most

Replicate = Callable[[Any], Any]
"""Copies a tree of arrays to every device."""


class Share(NamedTuple):
    """The part of each batch that one of several hosts reads.

    Attributes:
      size: samples of a batch of one step; an iteration takes one or several batches.
      mine: int (m,), which of the batch's samples are this host's.
      join: of arrays (iterations, batches, m, ...), each host's own, makes those of all, spread over the devices.
    """

    size: int
    mine: np.ndarray
    join: Callable[[np.ndarray], Array]


class Pipeline(NamedTuple):
    """Where the batches of a training loop come from.

    Attributes:
      spec: of the batches, without the batch axis: float32 samples, and whatever belongs to them.
      fetch: `(start, stop) -> arrays`, on the devices, from which the batches of these iterations are taken.
      batch: `(arrays, key, step) -> batch`, inside the compiled loop; the key is that of `step_keys`.
      position: `(step) -> position`, what a checkpoint of that step holds.
      resume: `(position) -> None`, goes on from a checkpoint; raises `InputError` where its data are others.
      max_iterations: how many iterations one fetch serves at most; None for any number.
      close: `() -> None`, lets go of threads and memory.
    """

    spec: Spec
    fetch: Callable[[int, int], PyTree[Array]]
    batch: Callable[[PyTree[Array], Key, ArrayLike], Batch]
    position: Callable[[int], dict[str, Any]]
    resume: Callable[[dict[str, Any]], None]
    max_iterations: int | None = None
    close: Callable[[], None] = lambda: None


def resident(
    source: Source,
    *,
    size: int,
    order: Order | None = None,
    dequantization: float = 0.0,
    mirror: bool = False,
    replicate: Replicate = jax.device_put,
) -> Pipeline:
    """Keep all data on every device, so that nothing is copied from the host while a run trains.

    Args:
      source: of the samples.
      size: samples in the batch of one iteration.
      order: which samples each iteration takes, from `gan_jax.data.order`; by default drawn with replacement.
      dequantization: half-width of the uniform noise on each number of a sample, as in `dequantize`.
      mirror: whether every image is as often mirrored, left and right, as it is not.
      replicate: copies arrays to the devices.

    >>> from gan_jax.data.dataset import ArraySource
    >>> pipeline = resident(ArraySource({"sample": np.zeros((5, 2, 2, 1), np.uint8)}), size=3)
    >>> batch_key, _ = step_keys(jax.random.key(0), 7)
    >>> pipeline.batch(pipeline.fetch(7, 8), batch_key, 7)["sample"].shape
    (3, 2, 2, 1)
    """
    arrays = replicate(source.batch(slice(None)))
    order = order or _usual_order(source, size)

    def batch(arrays: PyTree[Array], key: Key, step: ArrayLike) -> Batch:
        index_key, noise_key = jax.random.split(key)
        indices = order(index_key, step)
        taken = {name: array[indices] for name, array in arrays.items()}
        return preprocess_batch(taken, noise_key, dequantization, mirror)

    return Pipeline(
        spec=batch_spec(source),
        fetch=lambda start, stop: arrays,
        batch=batch,
        position=partial(_position, source),
        resume=partial(_resume, source, lambda step: None),
    )


def fits(source: Source) -> bool:
    """Whether a source takes at most a quarter of a device's memory, or of the machine's where that is the device's.

    >>> from gan_jax.data.dataset import ArraySource
    >>> fits(ArraySource({"sample": np.zeros((5, 2, 2, 1), np.uint8)}))
    True
    """
    size = len(source) * sum(array.nbytes for array in source.batch(slice(0, 1)).values())
    memory = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit") or available_memory()
    return size <= memory // 4


def streamed(
    source: Source,
    key: Key,
    *,
    size: int,
    order: Order | None = None,
    dequantization: float = 0.0,
    mirror: bool = False,
    replicate: Replicate = jax.device_put,
    max_iterations: int | None = None,
    share: Share | None = None,
) -> Pipeline:
    """Read the batches of some iterations at a time on the host, ahead of the device, which holds no more than these.

    Args:
      source, size, order, dequantization, mirror, replicate: as for `resident`.
      key: of the run, from which `step_keys` are made.
      max_iterations: how many iterations are copied to the device at a time; by default 16, fewer of large batches.
      share: what this host reads, where several share the reading; by default it reads all.
    """
    order = order or _usual_order(source, size)
    if max_iterations is None:
        bytes_each = size * sum(array.nbytes for array in source.batch(slice(0, 1)).values())
        max_iterations = max(1, min(_ITERATIONS, _BLOCK_BYTES // bytes_each))
    host_key = jax.device_put(key, jax.local_devices(backend="cpu")[0])  # what it computes, it computes there

    @jax.jit
    def indices_of(key: Key, step: ArrayLike) -> Array:
        index_key, _ = jax.random.split(step_keys(key, step)[0])
        return order(index_key, step)

    def read(step: int) -> dict[str, np.ndarray]:
        indices = np.asarray(indices_of(host_key, np.int32(step)))
        return source.batch(indices if share is None else indices.reshape(-1, share.size)[:, share.mine].ravel())

    prefetcher = Prefetcher(read, ahead=2 * max_iterations)

    def fetch(start: int, stop: int) -> PyTree[Array]:
        batches = [prefetcher.get(step) for step in range(start, stop)]
        batches += [batches[-1]] * (max_iterations - len(batches))  # of one shape, for one compilation
        stacked = {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
        if share is None:
            return replicate({"start": np.int32(start), "batches": stacked})
        parts = {name: leaf.reshape(len(leaf), -1, len(share.mine), *leaf.shape[2:]) for name, leaf in stacked.items()}
        batches = {name: share.join(part) for name, part in parts.items()}
        return {"start": replicate(np.int32(start)), "batches": batches}

    def batch(arrays: PyTree[Array], key: Key, step: ArrayLike) -> Batch:
        _, noise_key = jax.random.split(key)
        row = step - arrays["start"]
        taken = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, row, keepdims=False), arrays["batches"])
        if share is not None:
            taken = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), taken)
        return preprocess_batch(taken, noise_key, dequantization, mirror)

    return Pipeline(
        spec=batch_spec(source),
        fetch=fetch,
        batch=batch,
        position=partial(_position, source),
        resume=partial(_resume, source, prefetcher.seek),
        max_iterations=max_iterations,
        close=prefetcher.close,
    )


def step_keys(key: Key, step: ArrayLike) -> tuple[Key, Key]:
    """Return the keys of an iteration: of its batch, and of its update."""
    batch_key, update_key = jax.random.split(jax.random.fold_in(key, jnp.asarray(step)))
    return batch_key, update_key


def preprocess_batch(batch: Batch, key: Key, dequantization: float, mirror: bool = False) -> Batch:
    """Return a batch as a system is trained on it: samples in [-1, 1] (or points as they are), dequantized, mirrored.

    >>> black = {"sample": jnp.zeros((2, 1, 1, 1), jnp.uint8)}
    >>> preprocess_batch(black, jax.random.key(0), 0.0)["sample"].ravel().tolist()
    [-1.0, -1.0]
    """
    samples = preprocess(jnp.asarray(batch["sample"]))
    if dequantization:
        samples = dequantize(key, samples, dequantization)
    if mirror:
        turned = jax.random.bernoulli(jax.random.fold_in(key, 1), shape=(len(samples), 1, 1, 1))
        samples = jnp.where(turned, samples[:, :, ::-1], samples)
    return {**batch, "sample": samples}


def dequantize(key: Key, samples: Samples, half_width: float) -> Samples:
    """Add `half_width * U[-1, 1)` to each number.

    Noise of about a gray level makes a smooth density of data that lie on few levels, which a critic would otherwise
    tell from any generator's.

    Source: Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models, section 3.1.

    >>> bool((abs(dequantize(jax.random.key(0), jnp.zeros((3, 2)), 0.1)) <= 0.1).all())
    True
    """
    return samples + half_width * jax.random.uniform(key, samples.shape, samples.dtype, minval=-1)


def batch_spec(source: Source) -> Spec:
    """Return shapes and dtypes of one sample as networks see it, and of what belongs to it."""
    spec = {}
    for name, array in source.batch(slice(0, 1)).items():
        dtype = jnp.float32 if name == "sample" else jax.dtypes.canonicalize_dtype(array.dtype)
        spec[name] = jax.ShapeDtypeStruct(array.shape[1:], dtype)
    return spec


def _usual_order(source: Source, size: int) -> Order:
    return with_replacement(jax.random.key(0), size, len(source))


def _position(source: Source, step: int) -> dict[str, Any]:
    return {"iteration": step, "fingerprint": source.fingerprint}


def _resume(source: Source, seek: Callable[[int], None], position: dict[str, Any]) -> None:
    if position["fingerprint"] != source.fingerprint:
        raise InputError("these are other data than the run was trained on; give its own", field="data")
    seek(position["iteration"])
