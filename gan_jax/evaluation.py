"""What `gan-jax evaluate` measures: samples against held-out data, the critic on data it has seen and on others."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.images import as_seen
from gan_jax.data.sources import DataSet
from gan_jax.data.toy import TOYS
from gan_jax.metrics.features import FEATURES
from gan_jax.metrics.manifold import precision_recall
from gan_jax.metrics.modes import mode_scores
from gan_jax.run import Run, draw
from gan_jax.types import Key

_NEIGHBOURS = 3
_CHUNK = 500  # samples scored at a time
_MODE_SAMPLES = 10_000
_MODE_HIT = 20  # of them, for a mode to count as found


def evaluate(run: Run, data: DataSet, *, count: int, seed: int) -> dict[str, Any]:
    """Measure a run on `count` samples, `count` held-out and `count` training data.

    Returns what `metrics.json` holds:

    - `precision` and `recall` of the samples by k nearest neighbours, and `reference`, the same for real training
      data in the samples' place, which is what a perfect generator would reach;
    - for `train` and `held_out` data, what the system measures per sample (for a GAN the Wasserstein estimate and
      the critic's gradient norms) as mean, standard deviation, and quantiles;
    - `modes`, where the data are a mixture whose modes are known: how many of 10,000 samples lie near which.

    Raises:
      ValueError: `count` is larger than either part of the data.
    """
    if count > min(len(data.train), len(data.held_out)):
        raise ValueError(f"{count} is more than the {len(data.train)} training or {len(data.held_out)} held-out data")
    sample_key, train_key, held_out_key, measure_key = jax.random.split(jax.random.key(seed), 4)
    train = _choose(train_key, data.train, count)
    held_out = _choose(held_out_key, data.held_out, count)
    features = "pixels" if train.ndim == 4 else "coordinates"
    real = FEATURES[features](jnp.asarray(held_out))

    def scores(samples: np.ndarray) -> dict[str, float]:
        pair = precision_recall(real=real, fake=FEATURES[features](jnp.asarray(samples)), k=_NEIGHBOURS)
        return {name: float(value) for name, value in pair._asdict().items()}

    return {
        "step": run.step,
        "seed": seed,
        "features": features,
        "neighbours": _NEIGHBOURS,
        "n_real": count,
        "n_fake": count,
        **scores(draw(run, sample_key, count)),
        "reference": scores(train),
        "train": _measure(run, measure_key, train),
        "held_out": _measure(run, measure_key, held_out),
        **_modes(run, sample_key),
    }


def _modes(run: Run, key: Key) -> dict[str, Any]:
    toy = TOYS[run.experiment.data.source]() if run.experiment.data.source in TOYS else None
    if not hasattr(toy, "modes"):
        return {}
    scores = mode_scores(samples=jnp.asarray(draw(run, key, _MODE_SAMPLES)), modes=toy.modes, sd=toy.sd)
    return {
        "modes": {
            "n": _MODE_SAMPLES,
            "of": len(toy.modes),
            "hit": int(scores.hit(_MODE_HIT)),
            "high_quality": float(scores.high_quality),
            "kl": float(scores.kl),
        }
    }


def _choose(key: Key, data: np.ndarray, count: int) -> np.ndarray:
    return data[np.asarray(jax.random.permutation(key, len(data))[:count])]


def _measure(run: Run, key: Key, data: np.ndarray) -> dict[str, dict[str, float]]:
    measure = jax.jit(lambda state, key, batch: run.system.evaluate(state, key, as_seen(batch)))
    chunks = [
        jax.device_get(measure(run.state, jax.random.fold_in(key, start), data[start : start + _CHUNK]))
        for start in range(0, len(data), _CHUNK)
    ]
    return {name: _statistics(np.concatenate([chunk[name] for chunk in chunks])) for name in chunks[0]}


def _statistics(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    statistics = {"mean": values.mean(), "sd": values.std(), "q05": low, "median": median, "q95": high}
    return {name: float(value) for name, value in (statistics | {"max": values.max()}).items()}
