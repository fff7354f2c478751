"""What `gan-jax evaluate` measures: samples against held-out images, the critic on images it has seen and others."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.images import to_float
from gan_jax.data.sources import ImageSet
from gan_jax.metrics.features import FEATURES
from gan_jax.metrics.manifold import precision_recall
from gan_jax.run import Run, draw
from gan_jax.types import Key

_NEIGHBOURS = 3
_CHUNK = 500  # images scored at a time


def evaluate(run: Run, images: ImageSet, *, count: int, seed: int, features: str = "pixels") -> dict[str, Any]:
    """Measure a run on `count` samples, `count` held-out and `count` training images.

    Returns what `metrics.json` holds:

    - `precision` and `recall` of the samples by k nearest neighbours, and `reference`, the same for real training
      images in the samples' place, which is what a perfect generator would reach;
    - for `train` and `held_out` images, what the system measures per sample (for a GAN the Wasserstein estimate and
      the critic's gradient norms) as mean, standard deviation, and quantiles.

    Raises:
      ValueError: `count` is larger than either set of images.
    """
    if count > min(len(images.train), len(images.held_out)):
        raise ValueError(
            f"{count} is more than the {len(images.train)} training or {len(images.held_out)} held-out images"
        )
    sample_key, train_key, held_out_key, measure_key = jax.random.split(jax.random.key(seed), 4)
    train = _choose(train_key, images.train, count)
    held_out = _choose(held_out_key, images.held_out, count)
    as_features = FEATURES[features]
    real = as_features(jnp.asarray(held_out))

    def scores(samples: np.ndarray) -> dict[str, float]:
        pair = precision_recall(real=real, fake=as_features(jnp.asarray(samples)), k=_NEIGHBOURS)
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
    }


def _choose(key: Key, images: np.ndarray, count: int) -> np.ndarray:
    return images[np.asarray(jax.random.permutation(key, len(images))[:count])]


def _measure(run: Run, key: Key, images: np.ndarray) -> dict[str, dict[str, float]]:
    measure = jax.jit(lambda key, batch: run.system.evaluate(run.state, key, to_float(batch)))
    chunks = [
        jax.device_get(measure(jax.random.fold_in(key, start), images[start : start + _CHUNK]))
        for start in range(0, len(images), _CHUNK)
    ]
    return {name: _statistics(np.concatenate([chunk[name] for chunk in chunks])) for name in chunks[0]}


def _statistics(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    statistics = {"mean": values.mean(), "sd": values.std(), "q05": low, "median": median, "q95": high}
    return {name: float(value) for name, value in (statistics | {"max": values.max()}).items()}
