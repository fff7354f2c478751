"""Scores of samples against real data, with their spread over several sets of samples."""

from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax.errors import InputError
from gan_jax.evaluation.features import Features
from gan_jax.evaluation.features.extract import extract
from gan_jax.evaluation.protocol import Protocol
from gan_jax.evaluation.reference import Reference, score_key
from gan_jax.evaluation.samples import Progress, SampleSets, no_progress, of_array
from gan_jax.evaluation.scores import GOOD, SCORES, FeatureSets, measure
from gan_jax.evaluation.statistics import Statistics
from gan_jax.types import Array

__all__ = ["Evaluation", "Value", "evaluate"]


class Value(NamedTuple):
    """One number of a score.

    Attributes:
      values: one for each set of samples.
      baseline: the real data's score.
    """

    values: tuple[float, ...]
    baseline: float

    @property
    def mean(self) -> float:
        """Mean over the sets of samples."""
        return float(np.mean(self.values))

    @property
    def sd(self) -> float | None:
        """Standard deviation over the sets of samples, of N - 1; None if there is one set only."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


class Evaluation(NamedTuple):
    """Scores of samples; `evaluation.scores["frechet"].mean` is a number.

    Attributes:
      samples: the name of the samples.
      protocol: how they were scored.
      seeds: of the sets of samples.
      scores: by the name of the number, as in `GOOD`.
    """

    samples: str
    protocol: Protocol
    seeds: tuple[int, ...]
    scores: dict[str, Value]

    def to_json(self) -> dict[str, Any]:
        """Return dictionaries that JSON can hold: "samples", "protocol", "seeds" and "scores"."""
        scores = {
            name: {**value._asdict(), "mean": value.mean, "sd": value.sd, "good": GOOD[name]}
            for name, value in self.scores.items()
        }
        settings = {name: score.settings for name, score in SCORES.items() if score.names.keys() & self.scores.keys()}
        protocol = asdict(self.protocol) | {"settings": settings}
        return {"samples": self.samples, "protocol": protocol, "seeds": list(self.seeds), "scores": scores}


def evaluate(
    samples: Array | np.ndarray | SampleSets,
    against: Reference,
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    progress: Progress = no_progress,
) -> Evaluation:
    """Score samples against real data.

    Args:
      samples: an array of JAX or NumPy, uint8 images (N, H, W, C) or float32 points (N, D), which are shuffled and cut
        into disjoint sets, one for each seed as far as they suffice; or `SampleSets`.
      against: from `reference`; its protocol says how many samples a set has.
      seeds: of the sets.
      progress: is called as features are extracted.

    Raises:
      InputError: the samples are no array, no 8-bit images, not of the data's shape, not finite, or too few.

    >>> from gan_jax.data.dataset import from_arrays
    >>> from gan_jax.evaluation.features import FEATURES
    >>> from gan_jax.evaluation.reference import reference
    >>> points = np.random.default_rng(0).normal(size=(3, 50, 2)).astype(np.float32)
    >>> data = from_arrays({"sample": points[0]}, {"sample": points[1]})
    >>> against = reference(data, FEATURES["coordinates"](), name="normal", n=20, scores=["frechet"])
    >>> far = evaluate(points[2] + 3, against)
    >>> far.seeds, bool(far.scores["frechet"].mean > 10 * far.scores["frechet"].baseline)
    ((0, 1), True)
    """
    if not seeds:
        raise InputError("there are none; give one for each set of samples", field="seeds")
    sets = samples if isinstance(samples, SampleSets) else of_array(samples)
    n = against.protocol.n_fake
    if against.shape is not None and sets.shape != against.shape:
        raise InputError(
            f"{sets.name}: is of shape {sets.shape}, {against.protocol.data} of {against.shape}; resize it"
        )
    if sets.n_available is not None and sets.n_available < n:
        raise InputError(
            f"{sets.name}: holds {sets.n_available:,} samples; choose at most so many, not {n:,}",
            field="n" if n == against.protocol.n_real else "n_fake",
        )
    key = score_key(against.protocol.seed)
    used, numbers = [], []
    for seed, drawn in sets.take(seeds, n):
        fake = extract(against.network, drawn, advance=progress(f"samples, seed {seed}", n))
        _check_width(against, fake)
        features = FeatureSets(real=against.real, fake=fake, train=against.train, held_out=against.held_out)
        used.append(seed)
        # The baseline has the key itself; each set of samples has one of its own.
        advance = progress(f"computing scores, seed {seed}", len(against.scores))
        numbers.append(measure(against.scores, jax.random.fold_in(key, len(used)), features, advance))
    scores = {
        name: Value(tuple(each[name] for each in numbers), baseline) for name, baseline in against.baseline.items()
    }
    return Evaluation(sets.name, against.protocol, tuple(used), scores)


def _check_width(against: Reference, fake: Features) -> None:
    """Refuse statistics of features of another length."""
    if isinstance(against.real, Statistics) and fake.vectors.shape[1:] != against.real.mean.shape:
        width, own = len(against.real.mean), fake.vectors.shape[1]
        name = against.protocol.features
        reason = f"{name} has {own} features, {against.real.name} is of {width}; choose those that it was made with"
        raise InputError(reason, field="features")
