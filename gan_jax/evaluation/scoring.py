"""Scores of any samples against a data set, with the spread over several sets of them and the baseline beside."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.data.sources import Dataset
from gan_jax.errors import InputError
from gan_jax.evaluation.features import FeatureNetwork, Features
from gan_jax.evaluation.features.extract import cached, extract, sha256
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.samples import SampleSets, of_array
from gan_jax.evaluation.scores import GOOD, SCORES, FeatureSets
from gan_jax.types import Images, Key, Samples

MAX_SAMPLES = 10_000  # samples that are scored unless more are asked for
MIN_SAMPLES = 10

Progress = Callable[[str, int], Callable[[int], None]]
"""Is told what is going to be done and to how many samples; returns what is told of each that were done."""


def _silent(what: str, count: int) -> Callable[[int], None]:
    return lambda done: None


class Reference(NamedTuple):
    """Real data as scores look at them.

    Attributes:
      protocol: of every score against this reference.
      network: the feature network.
      scores: names in `SCORES`.
      shape: of a sample.
      real: features of the chosen real samples.
      train, held_out: of all the data, where a score asks for them.
      baseline: what real samples of the other part get in the samples' place, by the name of the number.
    """

    protocol: Protocol
    network: FeatureNetwork
    scores: tuple[str, ...]
    shape: tuple[int, ...]
    real: Features
    train: Features | None
    held_out: Features | None
    baseline: dict[str, float]


class Value(NamedTuple):
    """One score.

    Attributes:
      values: one for each set of samples.
      baseline: of real data in the samples' place.
    """

    values: tuple[float, ...]
    baseline: float

    @property
    def mean(self) -> float:
        """Over the sets of samples."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float | None:
        """Standard deviation over the sets of samples; None where there is but one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


class Evaluation(NamedTuple):
    """Scores of one kind of samples; `scores["frechet"].mean` is a number.

    Attributes:
      samples: what was scored.
      protocol: how.
      seeds: of the sets of samples, or their numbers.
      scores: by the name of the number, as in `GOOD`.
    """

    samples: str
    protocol: Protocol
    seeds: tuple[int, ...]
    scores: dict[str, Value]

    def to_json(self) -> dict[str, Any]:
        """Return dictionaries that JSON can hold."""
        scores = {
            name: {**value._asdict(), "mean": value.mean, "sd": value.sd, "good": GOOD[name]}
            for name, value in self.scores.items()
        }
        settings = {name: score.how for name, score in SCORES.items() if score.names.keys() & self.scores.keys()}
        protocol = asdict(self.protocol) | {"settings": settings}
        return {"samples": self.samples, "protocol": protocol, "seeds": list(self.seeds), "scores": scores}


def reference(
    data: Dataset,
    network: FeatureNetwork,
    *,
    name: str,
    n: int | None = None,
    split: str = "held_out",
    seed: int = 0,
    scores: Iterable[str] | None = None,
    progress: Progress = _silent,
) -> Reference:
    """Look at real data once, for any number of samples to be scored against.

    Features are kept in the cache folder, so that the next time is quick.

    Args:
      data: both its parts, uint8 images (N, H, W, C) or float32 points (N, D).
      network: from `gan_jax.evaluation.features.FEATURES`.
      name: of the data, for the protocol.
      n: how many samples of either kind; by default all of the part, at most 10,000.
      split: "held_out" or "train", the part to compare with; the other gives the baseline.
      seed: of the choice of real samples, and of what is random in scores.
      scores: names in `SCORES`; by default all that the features allow.
      progress: is told how far it is.

    Raises:
      InputError: there are too few samples, or the features do not allow a score.
    """
    real, other = (data.held_out, data.train) if split == "held_out" else (data.train, data.held_out)
    if len(real) < MIN_SAMPLES:
        raise InputError(
            f"{name}: holds {len(real)} samples that are {_says(split)}, too few; give at least {MIN_SAMPLES}"
        )
    n = min(len(real), MAX_SAMPLES) if n is None else n
    if not MIN_SAMPLES <= n <= len(real):
        raise InputError(
            f"--n: {n} is not between {MIN_SAMPLES} and {len(real):,}, all that is {_says(split)} of {name}"
        )

    def look(samples: Images | Samples, what: str) -> Features:
        return cached(network, samples, advance=progress(what, len(samples)))

    real_key, other_key, score_key = jax.random.split(jax.random.key(seed), 3)
    protocol = Protocol(
        data=name,
        data_sha256=sha256(data.train, data.held_out),
        split=split,
        n_real=n,
        n_fake=n,
        n_baseline=min(n, len(other)),
        features=network.name,
        weights=network.weights,
        resize=network.resize,
        seed=seed,
    )
    features = look(_choose(real_key, real, n), "real samples")
    chosen = _allowed(scores, features, network.name)
    everything = any(SCORES[name].of_all_data for name in chosen)
    return Reference(
        protocol=protocol,
        network=network,
        scores=chosen,
        shape=real.shape[1:],
        real=features,
        train=look(data.train, "training data") if everything else None,
        held_out=look(data.held_out, "held-out data") if everything else None,
        baseline=_baseline(
            chosen, score_key, features, look(_choose(other_key, other, protocol.n_baseline), "other real data")
        ),
    )


def evaluate(
    samples: np.ndarray | SampleSets,
    against: Reference,
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    progress: Progress = _silent,
) -> Evaluation:
    """Score samples against a reference.

    Args:
      samples: uint8 images (N, H, W, C) or float32 points (N, D), of which as many sets are scored as there are seeds,
        if they suffice for so many without a sample in common; or what `gan_jax.evaluation.samples` makes of a run.
      against: from `reference`.
      seeds: of the sets.
      progress: is told how far it is.

    Raises:
      InputError: the samples are no 8-bit images, not of the data's shape, not finite, or too few.

    >>> from gan_jax.data import sources
    >>> from gan_jax.evaluation.features import FEATURES
    >>> data = sources.read("digits")
    >>> scores = evaluate(data.train, reference(data, FEATURES["pixels"](), name="digits", scores=["precision_recall"]))
    >>> len(scores.seeds), bool(scores.scores["precision"].mean > 0.8)
    (3, True)
    """
    sets = of_array(samples) if isinstance(samples, np.ndarray) else samples
    n = against.protocol.n_fake
    if sets.shape != against.shape:
        raise InputError(
            f"{sets.name}: is of shape {sets.shape}, {against.protocol.data} of {against.shape}; resize it"
        )
    if sets.count is not None and sets.count < n:
        raise InputError(f"{sets.name}: holds {sets.count:,} samples; score at most so many, by --n, not {n:,}")
    score_key = jax.random.split(jax.random.key(against.protocol.seed), 3)[2]
    taken, found = [], []
    for seed, drawn in sets.take(seeds, n):
        fake = extract(against.network, drawn, advance=progress(f"samples, seed {seed}", n))
        features = FeatureSets(against.real, fake, against.train, against.held_out)
        taken.append(seed)
        found.append(_measure(against.scores, jax.random.fold_in(score_key, 1 + len(found)), features))
    values = {
        name: Value(tuple(numbers[name] for numbers in found), baseline) for name, baseline in against.baseline.items()
    }
    return Evaluation(sets.name, against.protocol, tuple(taken), values)


def _measure(scores: Iterable[str], key: Key, features: FeatureSets) -> dict[str, float]:
    numbers = {}
    for name in scores:
        score = SCORES[name]
        numbers |= dict(zip(score.names, score.measure(key, features), strict=True))
    return numbers


def _baseline(scores: Iterable[str], key: Key, real: Features, other: Features) -> dict[str, float]:
    """What real data get; of scores that look at all the data, which hold these, what new data would."""
    known = {name: float(good) for s in scores if SCORES[s].of_all_data for name, good in SCORES[s].names.items()}
    return _measure([s for s in scores if not SCORES[s].of_all_data], key, FeatureSets(real, other, None, None)) | known


def _allowed(scores: Iterable[str] | None, features: Features, network: str) -> tuple[str, ...]:
    if scores is None:
        return tuple(name for name, score in SCORES.items() if features.logits is not None or not score.of_classes)
    for name in scores:
        if SCORES[name].of_classes and features.logits is None:
            raise InputError(f"--scores: {name} needs classes, which the features {network} do not tell; choose others")
    return tuple(name for name in SCORES if name in scores)


def _choose(key: Key, data: np.ndarray, count: int) -> np.ndarray:
    """So many of the data, in their order, so that the features of all are found in the cache."""
    return data if count == len(data) else data[np.sort(jax.random.permutation(key, len(data))[:count])]


def _says(split: str) -> str:
    return "held out" if split == "held_out" else "training data"
