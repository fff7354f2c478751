"""Real data to score samples against: their features, and what other real data score."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import jax
import numpy as np

from gan_jax.data.dataset import Dataset, Source
from gan_jax.errors import InputError
from gan_jax.evaluation.features import FeatureNetwork, Features
from gan_jax.evaluation.features.extract import cached
from gan_jax.evaluation.features.network import SamplesLike
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.samples import Progress, no_progress
from gan_jax.evaluation.scores import SCORES, FeatureSets, measure
from gan_jax.evaluation.statistics import Statistics
from gan_jax.types import Array, Key

__all__ = ["MAX_SAMPLES", "MIN_SAMPLES", "Reference", "reference", "score_key", "statistics_reference"]

MIN_SAMPLES = 10
MAX_SAMPLES = 10_000
"""Samples that are scored if no number is given."""


class Reference(NamedTuple):
    """Real data that samples are scored against, as features.

    Attributes:
      protocol: of every score against this reference.
      network: the feature network.
      scores: names in `SCORES`.
      shape: of one sample; None if samples of any shape are scored.
      real: features of the chosen real samples, or their statistics.
      train, held_out: features of all the data, if a score needs them.
      baseline: what real samples of the other part score, by the name of the number in `GOOD`.
    """

    protocol: Protocol
    network: FeatureNetwork
    scores: tuple[str, ...]
    shape: tuple[int, ...] | None
    real: Features | Statistics
    train: Features | None
    held_out: Features | None
    baseline: dict[str, float]


def reference(
    data: Dataset,
    network: FeatureNetwork,
    *,
    name: str,
    n: int | None = None,
    n_real: int | None = None,
    n_fake: int | None = None,
    split: Literal["held_out", "train"] = "held_out",
    seed: int = 0,
    scores: Iterable[str] | None = None,
    progress: Progress = no_progress,
) -> Reference:
    """Extract the features of real data, once for all samples that are scored against them.

    The baseline is the score of the part of the data that `split` does not name: what samples as good as real ones
    score. Features are cached on disk.

    Args:
      data: uint8 images (H, W, C) or float32 points (D,).
      network: from `gan_jax.evaluation.features.FEATURES`.
      name: of the data, for the protocol.
      n: how many real samples, and how many generated ones; by default all real ones, at most 10,000.
      n_real, n_fake: either of the two numbers where they are to differ.
      split: the part of the data to compare with.
      seed: of the choice of real samples, and of what is random in the scores.
      scores: names in `SCORES`; by default all that the features suffice for.
      progress: is called as features are extracted.

    Raises:
      InputError: there are too few samples, or the features do not suffice for a score.

    >>> from gan_jax.data.dataset import from_arrays
    >>> from gan_jax.evaluation.features import FEATURES
    >>> points = np.random.default_rng(0).normal(size=(2, 50, 2)).astype(np.float32)
    >>> data = from_arrays({"sample": points[0]}, {"sample": points[1]})
    >>> against = reference(data, FEATURES["coordinates"](), name="normal", n=20, scores=["frechet"])
    >>> against.protocol.n_real, against.real.vectors.shape, bool(against.baseline["frechet"] < 1)
    (20, (20, 2), True)
    """
    real, other = (data.held_out, data.train) if split == "held_out" else (data.train, data.held_out)
    n_real, n_fake = _counts(n, n_real, n_fake, len(real), f"{split.replace('_', '-')} samples of {name}")
    real_key, other_key, _ = _keys(seed)
    protocol = Protocol(
        data=name,
        fingerprint=data.fingerprint,
        split=split,
        n_real=n_real,
        n_fake=n_fake,
        n_baseline=min(n_fake, len(other)),
        features=network.name,
        weights=network.weights,
        resize=network.resize,
        seed=seed,
    )

    def features_of(samples: SamplesLike, what: str) -> Features:
        return cached(network, samples, advance=progress(what, len(samples)))

    real_features = features_of(_choose(real_key, real, n_real), "real samples")
    # Only the features themselves tell whether there are logits.
    chosen = _checked_scores(scores, real_features, network.name)
    train = held_out = None
    if any(SCORES[score].needs_all_data for score in chosen):
        train = features_of(data.train.batch(slice(None))["sample"], "training data")
        held_out = features_of(data.held_out.batch(slice(None))["sample"], "held-out data")
    other_features = features_of(_choose(other_key, other, protocol.n_baseline), "other real data")
    return Reference(
        protocol=protocol,
        network=network,
        scores=chosen,
        shape=data.shape,
        real=real_features,
        train=train,
        held_out=held_out,
        baseline=_baseline(chosen, score_key(seed), real_features, other_features, progress),
    )


def statistics_reference(
    statistics: Statistics, network: FeatureNetwork, *, n_fake: int = MAX_SAMPLES, seed: int = 0
) -> Reference:
    """Return the reference of statistics of real data: samples of any shape get a Fréchet distance, but no baseline.

    Args:
      statistics: from `read_statistics`.
      network: whose features they are of.
      n_fake: how many generated samples.
      seed: of the protocol.

    Raises:
      InputError: there are too few samples.

    >>> from gan_jax.evaluation.features import FEATURES
    >>> statistics = Statistics("mine.npz", "ab" * 32, np.zeros(2), np.eye(2))
    >>> statistics_reference(statistics, FEATURES["coordinates"](), n_fake=20).protocol.describe()
    '20 samples against the statistics mine.npz abababab, features coordinates, resize none, seed 0'
    """
    _check_enough(n_fake, "n_fake")
    protocol = Protocol(
        data=statistics.name,
        fingerprint=statistics.sha256,
        split="statistics",
        n_real=None,
        n_fake=n_fake,
        n_baseline=0,
        features=network.name,
        weights=network.weights,
        resize=network.resize,
        seed=seed,
    )
    scores = tuple(name for name, score in SCORES.items() if score.takes_statistics)
    baseline = {name: math.nan for score in scores for name in SCORES[score].names}
    return Reference(protocol, network, scores, None, statistics, None, None, baseline)


def score_key(seed: int) -> Key:
    """Return the key of what is random in scores, from the protocol's seed."""
    return _keys(seed)[2]


def _keys(seed: int) -> Array:
    return jax.random.split(jax.random.key(seed), 3)


def _counts(n: int | None, n_real: int | None, n_fake: int | None, available: int, what: str) -> tuple[int, int]:
    """How many real samples, and how many generated ones."""
    if available < MIN_SAMPLES:
        raise InputError(f"there are {available} {what}, too few; give at least {MIN_SAMPLES}", field="data")
    both = min(available, MAX_SAMPLES) if n is None else n
    real, fake = (both if own is None else own for own in (n_real, n_fake))
    if not MIN_SAMPLES <= real <= available:
        reason = f"{real} is not between {MIN_SAMPLES} and {available:,}, the number of {what}"
        raise InputError(reason, field="n" if n_real is None else "n_real")
    _check_enough(fake, "n" if n_fake is None else "n_fake")
    return real, fake


def _check_enough(n_fake: int, field: str) -> None:
    if n_fake < MIN_SAMPLES:
        raise InputError(f"{n_fake} samples are too few to score; give at least {MIN_SAMPLES}", field=field)


def _checked_scores(scores: Iterable[str] | None, features: Features, network: str) -> tuple[str, ...]:
    """The names of scores, in the order of `SCORES`."""
    if scores is None:
        return tuple(name for name, score in SCORES.items() if features.logits is not None or not score.needs_logits)
    wanted = set(scores)
    if unknown := wanted - SCORES.keys():
        raise InputError(f"there is no {min(unknown)}; choose from {', '.join(SCORES)}", field="scores")
    chosen = tuple(name for name in SCORES if name in wanted)
    for name in chosen:
        if SCORES[name].needs_logits and features.logits is None:
            raise InputError(
                f"{name} needs classes, which the features {network} do not have; choose others", field="scores"
            )
    return chosen


def _choose(key: Key, source: Source, count: int) -> np.ndarray:
    """So many samples, in the order of the source, so that the features of all of them are found in the cache."""
    if count == len(source):
        return source.batch(slice(None))["sample"]
    return source.batch(np.sort(jax.random.permutation(key, len(source))[:count]))["sample"]


def _baseline(scores: Iterable[str], key: Key, real: Features, other: Features, progress: Progress) -> dict[str, float]:
    """What other real data score. Where a score needs all the data, no others are left: it is what `GOOD` says."""
    measured = [score for score in scores if not SCORES[score].needs_all_data]
    known = {
        name: float(good)
        for score in scores
        if SCORES[score].needs_all_data
        for name, good in SCORES[score].names.items()
    }
    advance = progress("computing real data's scores", len(measured))
    return measure(measured, key, FeatureSets(real, other, None, None), advance) | known
