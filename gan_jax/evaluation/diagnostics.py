"""What a system measures per sample, on training and on held-out data: a difference tells that it overfits."""

from collections.abc import Mapping
from functools import lru_cache

import jax
import numpy as np

from gan_jax.data.dataset import Dataset, Source
from gan_jax.data.pipeline import preprocess_batch
from gan_jax.evaluation.samples import chunk_size
from gan_jax.systems.system import Metric, State, System
from gan_jax.types import Batch, Key, PerSample

__all__ = ["MAX_SAMPLES", "Statistics", "diagnose", "history"]

MAX_SAMPLES = 1000
"""More samples hardly change the statistics."""

Statistics = dict[str, dict[str, float]]
"""By the name of a measurement, its "mean", "sd", "q05", "median", "q95" and "max" over samples."""


def diagnose(
    system: System, state: State, data: Dataset, *, count: int, seed: int, dequantization: float = 0.0
) -> dict[str, Statistics]:
    """Apply `system.diagnose` to training and to held-out data, with the same noise, prepared as they are in training.

    Args:
      system: measures; one without `diagnose` gives an empty dictionary.
      state: of the system.
      data: uint8 images, which the system gets in [-1, 1], or float32 points; whatever else belongs to a sample it gets
        as it is.
      count: samples of either part of the data.
      seed: of the choice of samples, of their noise and of the system's.
      dequantization: half-width of the noise on the data, as in training.

    Returns:
      Statistics by the part of the data, "train" and "held_out".

    Raises:
      ValueError: `count` is larger than either part.

    >>> import jax.numpy as jnp
    >>> from gan_jax.data.dataset import from_arrays
    >>> system = System(None, None, None, {}, {}, diagnose=lambda state, key, batch: {"x": batch["sample"][:, 0]})
    >>> data = from_arrays({"sample": np.ones((9, 1), np.float32)}, {"sample": np.zeros((5, 1), np.float32)})
    >>> found = diagnose(system, None, data, count=4, seed=0)
    >>> found["train"]["x"]["mean"], found["held_out"]["x"]["max"]
    (1.0, 0.0)
    """
    if system.diagnose is None:
        return {}
    if count > min(len(data.train), len(data.held_out)):
        raise ValueError(f"{count} is more than the {len(data.train)} training or {len(data.held_out)} held-out data")
    choose_key, measure_key = jax.random.split(jax.random.key(seed))

    def statistics(source: Source) -> Statistics:
        order = jax.random.permutation(jax.random.clone(choose_key), len(source))  # meant to be the same of either
        chosen = source.batch(np.asarray(order[:count]))
        return _statistics(_measure(system, state, measure_key, chosen, dequantization))

    return {"train": statistics(data.train), "held_out": statistics(data.held_out)}


def history(statistics: Mapping[str, Statistics], metrics: Mapping[str, Metric]) -> dict[str, float]:
    """Return the numbers of a diagnosis that a run records over time, by `Metric.history`.

    A measurement `x` gives, for "train", its mean on training data as `x_train`; for "held_out", `x_held_out`; for
    "gap", the former mean minus the latter as `x_gap`; for "quantiles", `x_q05`, `x_median` and `x_q95` on training
    data.

    Args:
      statistics: from `diagnose`.
      metrics: of the system.

    >>> statistics = {"train": {"x": {"mean": 3.0}}, "held_out": {"x": {"mean": 1.0}}}
    >>> history(statistics, {"x": Metric("x", "m", history=("train", "gap"))})
    {'x_train': 3.0, 'x_gap': 2.0}
    """
    numbers = {}
    for name, metric in metrics.items():
        if not metric.history or name not in statistics.get("train", {}):
            continue
        train, held_out = statistics["train"][name], statistics["held_out"][name]
        for kind in metric.history:
            match kind:
                case "train":
                    numbers[f"{name}_train"] = train["mean"]
                case "held_out":
                    numbers[f"{name}_held_out"] = held_out["mean"]
                case "gap":
                    numbers[f"{name}_gap"] = train["mean"] - held_out["mean"]
                case "quantiles":
                    numbers |= {f"{name}_{quantile}": train[quantile] for quantile in ("q05", "median", "q95")}
    return numbers


def _measure(system: System, state: State, key: Key, batch: Batch, dequantization: float) -> dict[str, np.ndarray]:
    """The system's measurements of all samples of a batch, a chunk at a time, each chunk with noise of its own."""
    measure = _compiled(system.diagnose, dequantization)
    chunks, size = [], chunk_size(batch["sample"].shape[1:])
    for start in range(0, len(batch["sample"]), size):
        chunk = {name: array[start : start + size] for name, array in batch.items()}
        chunks.append(jax.device_get(measure(state, jax.random.fold_in(key, start), chunk)))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


@lru_cache(maxsize=4)  # a run diagnoses itself again and again, by one program
def _compiled(diagnose, dequantization: float):
    def measure(state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
        return diagnose(state, key, preprocess_batch(batch, jax.random.fold_in(key, 0), dequantization))

    return jax.jit(measure)


def _statistics(measurements: Mapping[str, np.ndarray]) -> Statistics:
    statistics = {}
    for name, values in measurements.items():
        q05, median, q95 = np.quantile(values, [0.05, 0.5, 0.95])
        numbers = {"mean": values.mean(), "sd": values.std(), "q05": q05, "median": median, "q95": q95}
        statistics[name] = {key: float(value) for key, value in (numbers | {"max": values.max()}).items()}
    return statistics
