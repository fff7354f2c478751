"""What a system measures on data that it was trained on and on others: whether its critic fits the ones too well."""

from collections.abc import Callable
from functools import lru_cache

import jax
import numpy as np

from gan_jax.data.images import preprocess
from gan_jax.data.sources import Dataset
from gan_jax.types import Array, Key, Samples

MAX_SAMPLES = 1000  # samples are enough for its statistics
_CHUNK = 500  # measured at a time

Statistics = dict[str, dict[str, float]]


def diagnose(run, data: Dataset, *, count: int, seed: int) -> dict[str, Statistics]:
    """Measure a system per sample on `count` training and `count` held-out data, both with the same noise.

    Returns, for `"train"` and `"held_out"`, of what `System.evaluate` measures (for a GAN the Wasserstein estimate, the
    critic's loss and its gradient norms) the mean, the standard deviation and quantiles.

    Raises:
      ValueError: `count` is larger than either part of the data.
    """
    if count > min(len(data.train), len(data.held_out)):
        raise ValueError(f"{count} is more than the {len(data.train)} training or {len(data.held_out)} held-out data")
    choose_key, measure_key = jax.random.split(jax.random.key(seed))
    chosen = [part[np.asarray(jax.random.permutation(choose_key, len(part))[:count])] for part in data]
    return {name: _measure(run, measure_key, part) for name, part in zip(Dataset._fields, chosen, strict=True)}


def _measure(run, key: Key, data: np.ndarray) -> Statistics:
    measure = _measurer(run.system.evaluate)
    chunks = [
        jax.device_get(measure(run.state, jax.random.fold_in(key, start), data[start : start + _CHUNK]))
        for start in range(0, len(data), _CHUNK)
    ]
    return {name: _statistics(np.concatenate([chunk[name] for chunk in chunks])) for name in chunks[0]}


@lru_cache(maxsize=4)  # one program for every time that a run is measured
def _measurer(evaluate: Callable[..., dict[str, Array]]) -> Callable[..., dict[str, Array]]:
    def measure(state, key: Key, batch: Samples) -> dict[str, Array]:
        return evaluate(state, key, preprocess(batch))

    return jax.jit(measure)


def _statistics(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    statistics = {"mean": values.mean(), "sd": values.std(), "q05": low, "median": median, "q95": high}
    return {name: float(value) for name, value in (statistics | {"max": values.max()}).items()}
