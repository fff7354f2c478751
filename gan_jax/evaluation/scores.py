"""The scores by name: what each is taken of, which way is better, and its settings."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.evaluation.features import Features
from gan_jax.scores.diversity import intra_class_diversity
from gan_jax.scores.frechet import frechet_distance
from gan_jax.scores.inception_score import inception_score
from gan_jax.scores.kernel import kernel_distance
from gan_jax.scores.manifold import density_coverage, precision_recall
from gan_jax.scores.memorization import memorization
from gan_jax.scores.sliced import sliced_wasserstein
from gan_jax.types import Array, Key

_SUBSET = 1000
_SPLITS = 10


class FeatureSets(NamedTuple):
    """Features that scores are taken of: of the real samples, of those in question, of both parts of the data."""

    real: Features
    fake: Features
    train: Features | None
    held_out: Features | None


class Score(NamedTuple):
    """One or several numbers that are found together.

    Attributes:
      measure: `(key, features) -> numbers`.
      names: of the numbers, with what is good: "low", "high", "real" where it is what real data get, or a number.
      how: its settings.
      of_classes: whether the features must be a classifier's.
      of_all_data: whether the features of all the data are looked at.
    """

    measure: Callable[[Key, FeatureSets], tuple[float, ...]]
    names: dict[str, str]
    how: str
    of_classes: bool = False
    of_all_data: bool = False


def _frechet(key: Key, features: FeatureSets) -> tuple[float, ...]:
    with jax.enable_x64(True):
        real, fake = (jnp.asarray(x.vectors, jnp.float64) for x in (features.real, features.fake))
        return (float(frechet_distance(real=real, fake=fake)),)


def _kernel(key: Key, features: FeatureSets) -> tuple[float, ...]:
    real, fake = _vectors(features)
    # Of subsets that are all of the samples there would be no spread.
    found = kernel_distance(key, real=real, fake=fake, size=min(_SUBSET, len(real) // 2, len(fake) // 2))
    return float(found.mean), float(found.sd)


def _inception(key: Key, features: FeatureSets) -> tuple[float, ...]:
    logits = jnp.asarray(features.fake.logits)
    order = jax.random.permutation(key, len(logits))  # a folder may be in the order of its classes
    return tuple(float(value) for value in inception_score(logits[order], splits=_SPLITS))


def _precision_recall(key: Key, features: FeatureSets) -> tuple[float, ...]:
    real, fake = _vectors(features)
    return tuple(float(value) for value in precision_recall(real=real, fake=fake, k=3))


def _density_coverage(key: Key, features: FeatureSets) -> tuple[float, ...]:
    real, fake = _vectors(features)
    return tuple(float(value) for value in density_coverage(real=real, fake=fake, k=5))


def _sliced(key: Key, features: FeatureSets) -> tuple[float, ...]:
    real, fake = _vectors(features)
    return (float(sliced_wasserstein(key, real=real, fake=fake)),)


def _memorization(key: Key, features: FeatureSets) -> tuple[float, ...]:
    sets = {"fake": features.fake, "train": features.train, "held_out": features.held_out}
    found = memorization(**{name: jnp.asarray(features.vectors) for name, features in sets.items()})
    return float(found.closer), float(found.copied)


def _diversity(key: Key, features: FeatureSets) -> tuple[float, ...]:
    classes = features.fake.logits.shape[-1]
    labels = jnp.asarray(features.fake.logits).argmax(axis=1)
    spread = np.asarray(intra_class_diversity(jnp.asarray(features.fake.vectors), labels, classes))
    return (float(np.nanmean(spread)) if np.isfinite(spread).any() else float("nan"),)


def _vectors(features: FeatureSets) -> tuple[Array, Array]:
    return jnp.asarray(features.real.vectors), jnp.asarray(features.fake.vectors)


SCORES: dict[str, Score] = {
    "frechet": Score(_frechet, {"frechet": "low"}, "in float64"),
    "kernel": Score(
        _kernel,
        {"kernel": "low", "kernel_sd": "low"},
        f"cubic, 100 subsets of {_SUBSET} or half the samples",
    ),
    "inception_score": Score(
        _inception,
        {"inception_score": "high", "inception_score_sd": "low"},
        f"{_SPLITS} splits",
        of_classes=True,
    ),
    "precision_recall": Score(_precision_recall, {"precision": "high", "recall": "high"}, "k = 3"),
    "density_coverage": Score(_density_coverage, {"density": "real", "coverage": "high"}, "k = 5"),
    "sliced_wasserstein": Score(_sliced, {"sliced_wasserstein": "low"}, "of order 1"),
    "memorization": Score(
        _memorization, {"closer": "0.5", "copied": "0.01"}, "nearest of all training samples", of_all_data=True
    ),
    "diversity": Score(_diversity, {"diversity": "real"}, "root mean square distance within a class", of_classes=True),
}

GOOD: dict[str, str] = {name: good for score in SCORES.values() for name, good in score.names.items()}
"""What is good, by the name of the number."""
