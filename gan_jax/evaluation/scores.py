"""The scores by name: how each is measured, with which settings, and what is good."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import Choice
from gan_jax.evaluation.features import Features
from gan_jax.evaluation.statistics import Statistics
from gan_jax.scores.diversity import intra_class_diversity
from gan_jax.scores.frechet import frechet_distance, frechet_distance_of_moments, moments
from gan_jax.scores.inception_score import inception_score
from gan_jax.scores.kernel import kernel_distance
from gan_jax.scores.manifold import density_coverage, precision_recall
from gan_jax.scores.memorization import memorization
from gan_jax.scores.sliced import sliced_wasserstein
from gan_jax.types import Array, Key

__all__ = ["GOOD", "SCORES", "FeatureSets", "Score", "ScoreName", "main_scores", "measure"]

_SUBSET = 1000
_SPLITS = 10


class FeatureSets(NamedTuple):
    """What a score may compare.

    Attributes:
      real: features of the real samples, or their statistics, with which only some scores can compare.
      fake: features of the samples that are scored.
      train, held_out: features of all the data, for scores that need them.
    """

    real: Features | Statistics
    fake: Features
    train: Features | None
    held_out: Features | None


class Score(NamedTuple):
    """One number or several that are measured together.

    Attributes:
      measure: `(key, features) -> numbers`.
      names: what is good, by the name of the number: "low", "high", "real" where it is what real data score, or the
        number that is best.
      settings: in words, for tables.
      needs_logits: whether the feature network must be a classifier.
      needs_all_data: whether it needs the features of all training and held-out data.
      takes_statistics: whether statistics of the real samples suffice.
    """

    measure: Callable[[Key, FeatureSets], tuple[float, ...]]
    names: dict[str, str]
    settings: str
    needs_logits: bool = False
    needs_all_data: bool = False
    takes_statistics: bool = False


def _frechet(key: Key, features: FeatureSets) -> tuple[float, ...]:
    with jax.enable_x64(True):
        fake = jnp.asarray(features.fake.vectors, jnp.float64)
        if isinstance(features.real, Statistics):
            return (float(frechet_distance_of_moments(real=features.real.moments(), fake=moments(fake))),)
        return (float(frechet_distance(real=jnp.asarray(features.real.vectors, jnp.float64), fake=fake)),)


def _kernel(key: Key, features: FeatureSets) -> tuple[float, ...]:
    real, fake = _vectors(features)
    # Subsets that hold all samples would have no spread.
    distance = kernel_distance(key, real=real, fake=fake, size=min(_SUBSET, len(real) // 2, len(fake) // 2))
    return float(distance.mean), float(distance.sd)


def _inception(key: Key, features: FeatureSets) -> tuple[float, ...]:
    logits = jnp.asarray(features.fake.logits)
    order = jax.random.permutation(key, len(logits))  # a file may hold its samples in the order of their classes
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
    scores = memorization(**{name: jnp.asarray(features.vectors) for name, features in sets.items()})
    return float(scores.closer), float(scores.copied)


def _diversity(key: Key, features: FeatureSets) -> tuple[float, ...]:
    logits = jnp.asarray(features.fake.logits)
    with jax.debug_nans(False):  # of a class with fewer than two samples NaN is the answer
        spread = np.asarray(
            intra_class_diversity(jnp.asarray(features.fake.vectors), logits.argmax(axis=1), logits.shape[-1])
        )
    return (float(np.nanmean(spread)) if np.isfinite(spread).any() else float("nan"),)


def _vectors(features: FeatureSets) -> tuple[Array, Array]:
    assert isinstance(features.real, Features)  # `takes_statistics` says which scores come here
    return jnp.asarray(features.real.vectors), jnp.asarray(features.fake.vectors)


SCORES: dict[str, Score] = {
    "frechet": Score(_frechet, {"frechet": "low"}, "in float64", takes_statistics=True),
    "kernel": Score(
        _kernel,
        {"kernel": "low", "kernel_sd": "low"},
        f"cubic, 100 subsets of {_SUBSET} or half the samples",
    ),
    "inception_score": Score(
        _inception,
        {"inception_score": "high", "inception_score_sd": "low"},
        f"{_SPLITS} splits",
        needs_logits=True,
    ),
    "precision_recall": Score(_precision_recall, {"precision": "high", "recall": "high"}, "k = 3"),
    "density_coverage": Score(_density_coverage, {"density": "real", "coverage": "high"}, "k = 5"),
    "sliced_wasserstein": Score(_sliced, {"sliced_wasserstein": "low"}, "of order 1"),
    "memorization": Score(
        _memorization, {"closer": "0.5", "copied": "0.01"}, "nearest of all training samples", needs_all_data=True
    ),
    "diversity": Score(
        _diversity, {"diversity": "real"}, "root mean square distance within a class", needs_logits=True
    ),
}

ScoreName = Annotated[
    str,
    Choice(SCORES, meant={"fid": "frechet", "kid": "kernel", "is": "inception_score", "precision": "precision_recall"}),
]
"""A name in `SCORES`; a message suggests it for its short form."""

GOOD: dict[str, str] = {name: good for score in SCORES.values() for name, good in score.names.items()}
"""What is good, by the name of the number."""


def measure(
    scores: Iterable[str], key: Key, features: FeatureSets, advance: Callable[[int], None] = lambda count: None
) -> dict[str, float]:
    """Return the numbers of some scores, given by their names in `SCORES`; all get the same key.

    `advance` is called after each.
    """
    numbers = {}
    for name in scores:
        score = SCORES[name]
        numbers |= dict(zip(score.names, score.measure(jax.random.clone(key), features), strict=True))
        advance(1)
    return numbers


def main_scores(names: Sequence[str]) -> list[str]:
    """Return those of some names that are scores, without those that are the standard deviation of another.

    >>> main_scores(["step", "frechet", "kernel", "kernel_sd"])
    ['frechet', 'kernel']
    """
    return [name for name in names if name in GOOD and not name.endswith("_sd")]
