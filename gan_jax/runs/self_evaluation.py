"""The scores that a run takes of its own samples while it trains."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import NamedTuple

from gan_jax.data.dataset import Dataset
from gan_jax.errors import InputError
from gan_jax.evaluation import Protocol, Reference, diagnose, evaluate, history, reference, same_protocol
from gan_jax.evaluation.diagnostics import MAX_SAMPLES
from gan_jax.evaluation.features import FEATURES, usual
from gan_jax.evaluation.samples import Progress, SampleSets
from gan_jax.evaluation.scores import GOOD, SCORES
from gan_jax.figures.curves import plot_curves
from gan_jax.files import read_json_entries, read_json_lines, write_json
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.systems import Metric, State, System

__all__ = ["SelfEvaluation", "read_protocol", "self_evaluation"]


class SelfEvaluation(NamedTuple):
    """How a run scores itself.

    Attributes:
      every: iterations between two times.
      best: the score by which a checkpoint is kept.
      against: the real data.
      data: training and held-out data, for the diagnosis.
      dequantization: of the data, as in training.
    """

    every: int
    best: str
    against: Reference
    data: Dataset
    dequantization: float

    def scores(self, system: System, state: State, sets: SampleSets) -> dict[str, float]:
        """Score a state's samples, and diagnose it on training and on held-out data."""
        scores = evaluate(sets, self.against, seeds=(0,)).scores
        count = min(len(self.data.train), len(self.data.held_out), MAX_SAMPLES)
        diagnosis = diagnose(system, state, self.data, count=count, seed=0, dequantization=self.dequantization)
        return {name: value.mean for name, value in scores.items()} | history(diagnosis, system.metrics)

    def highest_is_best(self) -> bool:
        """Whether the highest score is the best, or the lowest."""
        return GOOD[self.best] == "high"

    def keep_protocol(self, folder: RunFolder) -> None:
        """Write how the scores are taken, and what real data get.

        Raises:
          InputError: the folder has scores that were taken otherwise; the message names what differs.
        """
        file = folder.evaluation_protocol
        if file.exists() and read_json_lines(folder.evaluation_history):
            before, _ = read_protocol(file)
            if before.fingerprint == self.against.protocol.fingerprint:
                before = replace(before, data=self.against.protocol.data)  # the same data may lie elsewhere now
            same_protocol({"the run's scores": before, "new ones": self.against.protocol})
        write_json(file, asdict(self.against.protocol) | {"baseline": self.against.baseline})

    def plot(self, folder: RunFolder, metrics: Mapping[str, Metric]) -> None:
        """Plot the scores so far; the metrics are the system's."""
        plot_curves(
            folder.evaluation_plot,
            read_json_lines(folder.evaluation_history),
            baseline=self.against.baseline,
            protocol=self.against.protocol,
            metrics=metrics,
        )


def read_protocol(file: Path) -> tuple[Protocol, dict[str, float]]:
    """Read how a run takes its scores, and what real data get.

    Raises:
      InputError: the file is not what a run has written.
    """
    names = [field.name for field in fields(Protocol)]
    found = read_json_entries(file, [*names, "baseline"])
    return Protocol(**{name: found[name] for name in names}), found["baseline"]


def self_evaluation(experiment: Experiment, data: Dataset, progress: Progress) -> SelfEvaluation | None:
    """Return how an experiment's settings say that a run scores itself, or None if they say that it does not.

    Raises:
      InputError: the settings do not fit each other, the data or the features.
    """
    settings = experiment.evaluation
    if settings.every is None:
        return None
    if settings.best not in {name for score in settings.scores for name in SCORES[score].names}:
        needed = next(name for name, score in SCORES.items() if settings.best in score.names)
        raise InputError(f"{settings.best} is not taken; add {needed} to evaluation.scores", field="evaluation.best")
    name = experiment.data.name
    try:
        against = reference(
            data,
            FEATURES[settings.features or usual(name, data.shape)](
                Path(settings.weights) if settings.weights else None
            ),
            name=name,
            n=settings.n,
            scores=settings.scores,
            progress=progress,
        )
    except InputError as error:
        raise (error.within("evaluation") if error.field in ("n", "scores", "features", "weights") else error) from None
    return SelfEvaluation(settings.every, settings.best, against, data, experiment.data.dequantization)
