"""The scores that a run takes of itself while it trains."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from gan_jax.data.sources import Dataset
from gan_jax.errors import InputError
from gan_jax.evaluation.diagnostics import MAX_SAMPLES, diagnose
from gan_jax.evaluation.features import FEATURES, usual
from gan_jax.evaluation.protocol import Protocol, same_protocol
from gan_jax.runs.samples import of_run
from gan_jax.evaluation.scores import GOOD, SCORES
from gan_jax.evaluation.scoring import Progress, Reference, evaluate, reference
from gan_jax.figures.scores import draw_curves
from gan_jax.files import read_json, write_json
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.run import Run
from gan_jax.systems import State, System
from gan_jax.training.watch import Line, Watch, scores_of


def watch(experiment: Experiment, system: System, data: Dataset, progress: Progress) -> Watch | None:
    """Return what takes the scores that an experiment's settings ask for, or None if they ask for none.

    One line of them holds, beside the scores, the critic's loss on training and on held-out data with the same samples,
    their difference `critic_gap`, the mean score of the former over that of the latter, which grows as the critic
    learns the data by heart, and quantiles of its gradient's norm.

    Raises:
      InputError: the settings do not fit each other, the data or the features.
    """
    settings = experiment.evaluation
    if settings.every is None:
        return None
    if settings.best not in {name for score in settings.scores for name in SCORES[score].names}:
        needed = next(name for name, score in SCORES.items() if settings.best in score.names)
        raise InputError(f"evaluation.best: {settings.best} is not taken; add {needed} to evaluation.scores")
    source, shape = experiment.data.source, data.train.shape[1:]
    against = reference(
        data,
        FEATURES[settings.features or usual(source, shape)](Path(settings.weights) if settings.weights else None),
        name=source,
        n=settings.n,
        scores=settings.scores,
        progress=progress,
    )
    count = min(len(data.train), len(data.held_out), MAX_SAMPLES)

    def measure(state: State) -> dict[str, float]:
        run = Run(experiment, system, state, 0, shape)
        scores = evaluate(of_run(run), against, seeds=(0,)).scores
        critic = diagnose(run, data, count=count, seed=0)
        return {name: value.mean for name, value in scores.items()} | _fit(critic)

    def draw(folder: Path, lines: list[Line]) -> None:
        draw_curves(folder / "scores.png", lines, against.baseline, against.protocol)

    return Watch(settings.every, measure, settings.best, GOOD[settings.best] == "high", draw, against)


def _fit(critic: dict[str, Any]) -> dict[str, float]:
    train, held_out = critic["train"], critic["held_out"]
    numbers = {}
    if "critic_loss" in train:
        numbers |= {f"critic_loss_{part}": critic[part]["critic_loss"]["mean"] for part in critic}
        numbers["critic_gap"] = train["wasserstein"]["mean"] - held_out["wasserstein"]["mean"]
    slope = train.get("gradient_norm_at_points", train.get("gradient_norm_at_real", {}))
    return numbers | {f"slope_{name}": slope[name] for name in ("q05", "median", "q95") if name in slope}


def keep_protocol(folder: Path, against: Reference) -> None:
    """Write `protocol.json`: how a run's scores are taken, and what real data get.

    Raises:
      InputError: the folder has scores that were taken otherwise; the message names what differs.
    """
    file = folder / "protocol.json"
    if file.exists() and scores_of(folder):
        before = {name: value for name, value in read_json(file).items() if name != "baseline"}
        same_protocol({"the run's scores": Protocol(**before), "new ones": against.protocol})
    write_json(file, asdict(against.protocol) | {"baseline": against.baseline})
