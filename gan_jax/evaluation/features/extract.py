"""Features of many samples: a chunk at a time, sharded over all devices, cached on disk."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gan_jax.data.dataset import sha256
from gan_jax.errors import InputError, one_line
from gan_jax.evaluation.features.network import FeatureNetwork, Features, SamplesLike
from gan_jax.files import atomic_write, cache_folder
from gan_jax.scores.frechet import Moments, merge, moments

__all__ = ["cached", "extract", "extract_moments"]

Devices = Sequence[jax.Device]

_FORMAT = 3  # of the cached files


def extract(
    network: FeatureNetwork,
    samples: SamplesLike,
    *,
    devices: Devices | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Features:
    """Return the features of samples (N, ...) as NumPy arrays.

    Args:
      network: maps samples to features, `network.chunk` of them at a time on each device.
      samples: uint8 images (N, H, W, C) or float32 points (N, D).
      devices: that share each chunk; by default all, or one CPU.
      advance: is called with the number of samples of each chunk that is done.

    >>> from gan_jax.evaluation.features.plain import load_pixels
    >>> extract(load_pixels(), np.zeros((7, 4, 4, 1), np.uint8)).vectors.shape
    (7, 16)
    """
    chunks = []
    for part, features in _chunks(network, samples, devices):
        chunks.append(jax.tree.map(lambda leaf, part=part: np.asarray(leaf)[: len(part)], features))
        advance(len(part))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *chunks)


def extract_moments(
    network: FeatureNetwork,
    batches: Iterable[SamplesLike],
    *,
    devices: Devices | None = None,
) -> Moments:
    """Return the moments of the features of batches (N, ...) in sum, with one batch at a time in memory.

    >>> from gan_jax.evaluation.features.plain import load_pixels
    >>> extract_moments(load_pixels(), (np.full((5, 2, 2, 1), i, np.uint8) for i in range(4))).n.item()
    20
    """
    total = None
    for batch in batches:
        for part, features in _chunks(network, batch, devices):
            of_chunk = _moments(features.vectors[: len(part)])
            total = of_chunk if total is None else _merge(total, of_chunk)
    if total is None:
        raise ValueError("there are no batches")
    return total


_moments, _merge = jax.jit(moments), jax.jit(merge)


def _chunks(network: FeatureNetwork, samples: SamplesLike, devices: Devices | None):
    """Yield each chunk of the samples, and its features, which padding follows: all chunks have one compiled shape."""
    devices = devices or (jax.devices() if jax.default_backend() != "cpu" else jax.devices()[:1])
    apply = jax.jit(network.apply)
    mesh = Mesh(np.asarray(devices), ("data",))
    params = jax.device_put(network.params, NamedSharding(mesh, PartitionSpec()))
    size = -(-min(network.chunk * len(devices), len(samples)) // len(devices)) * len(devices)
    for start in range(0, len(samples), size):
        part = np.asarray(samples[start : start + size])
        padded = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
        yield part, apply(params, jax.device_put(padded, NamedSharding(mesh, PartitionSpec("data"))))


def cached(network: FeatureNetwork, samples: SamplesLike, **options) -> Features:
    """Return what `extract` does, cached on disk under a hash of the samples and the network's weights.

    Features of networks without weights are not cached: they are computed sooner than read. An entry that holds another
    key, or other numbers than were written, is made anew. Where the cache cannot be written, a line on stderr says so.
    """
    if network.weights is None:
        return extract(network, samples, **options)
    key = _key(network, samples)
    try:
        file = cache_folder() / f"features-{key[:32]}.safetensors"
    except InputError as error:
        _say_once(error.reason)
        return extract(network, samples, **options)
    features = _read(file, key)
    if features is None:
        features = extract(network, samples, **options)
        _write(file, key, features)
    return features


def _key(network: FeatureNetwork, samples: SamplesLike) -> str:
    origin = f"{_FORMAT} {network.name} {network.weights} {network.resize} {sha256({'sample': np.asarray(samples)})}"
    return hashlib.sha256(origin.encode()).hexdigest()


def _read(file: Path, key: str) -> Features | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as entry:
            arrays = {name: entry.get_tensor(name) for name in entry.keys()}  # noqa: SIM118 - it is no mapping
            whole = (entry.metadata() or {}) == _about(key, arrays)
        return Features(arrays["vectors"], arrays.get("logits")) if whole else None
    except (OSError, SafetensorError, KeyError):  # missing or damaged
        return None


def _write(file: Path, key: str, features: Features) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in features._asdict().items() if leaf is not None}
    try:
        with atomic_write(file) as part:
            save_file(arrays, part, _about(key, arrays))
    except (OSError, SafetensorError) as error:
        _say_once(f"{file.parent}: cannot be written ({one_line(error)}); choose another folder by GAN_JAX_CACHE")


def _about(key: str, arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    """What an entry says of itself, so that neither a file that was exchanged nor a changed one passes for it."""
    return {"key": key, "sha256": sha256(arrays)}


@cache
def _say_once(reason: str) -> None:
    print(f"gan-jax: features are not kept for the next time; {reason}", file=sys.stderr)
