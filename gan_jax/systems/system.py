"""What can be trained. The loop, the checkpoints, the scores and the commands know a system by these types alone."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from gan_jax.types import Array, Batch, Key, Latents, Params, PerSample, Samples, Spec

__all__ = ["History", "Metric", "State", "System"]

State = Any
"""A pytree of arrays that holds all that a system carries from one update to the next."""

History = Literal["train", "held_out", "gap", "quantiles"]
"""What a run records of a diagnosis over time: its mean on either part of the data, their difference, quantiles."""


class Metric(NamedTuple):
    """What a number that a system reports means; progress, reports and figures are drawn from this.

    Attributes:
      title: what it is, in a few words; the key of its curve where a panel has several.
      unit: of the number.
      panel: the plot that it is drawn in, by its title; by default one of its own.
      scale: of the plot, where its numbers are positive and their range is wide.
      history: of a diagnosis, what a run's evaluations over time record.
      progress: whether the line of progress shows it.
      bound: that the number is held to, a line in its plot.
    """

    title: str
    unit: str
    panel: str = ""
    scale: Literal["linear", "log"] = "linear"
    history: tuple[History, ...] = ()
    progress: bool = False
    bound: float | None = None


class System(NamedTuple):
    """Pure functions of a state, and what they report.

    Attributes:
      init: `(key, spec) -> state`, the spec one of a training batch's entries, without the batch axis.
      update: `(state, key, batch) -> (state, metrics)`, one whole iteration; the metrics are float32 scalars.
      sample: `(state, key, n, condition=None) -> samples` (n, ...), images in [-1, 1]; None where nothing is drawn. A
        condition is a batch of n
        labels, or whatever else the system is conditioned on.
      metrics: what each number of `update` and of `diagnose` means, by its name.
      counts: what one update counts; `counts["images"]` is the size of the batch that it takes.
      conditional: whether samples are drawn of labels; without a condition these are uniform.
      captioned: whether samples are drawn of captions, rows of a vocabulary's numbers under "tokens"; without a
        condition, of none.
      reconstructs: whether samples are reconstructions, of those that a condition has under "sample".
      conditions: what else of a batch samples are drawn of, as "hint", images.
      is_read: whether `init` reads the state from files, so that a run of it has no checkpoints and is not trained.
      tokenize: `captions -> tokens` (n, ...), int32, where it has tokens of its own.
      options: what functions of the names also take, by keyword: `sample` perhaps "truncation", from 1, as trained, to
        0, where all are the average one, or "sampler", "steps", "eta", "guidance"; `likelihood` perhaps "steps".
      evaluations: how often a network is evaluated for one sample.
      drawn_with: `state -> parameters`, those that samples are drawn with.
      diagnose: `(state, key, batch) -> measurements`, per sample (N,), without learning from the batch.
      interpolate: `(state, key, paths, steps) -> samples` (paths * steps, ...), so many along each of some paths from
        one sample to another.
      encode: `(state, key, batch) -> latents`, of given samples.
      decode: `(state, latents) -> samples`.
      likelihood: `(state, key, batch) -> log-likelihoods` (N,) in nats, by the name of the estimate:
        densities of points, probabilities of images of 8 bits.
    """

    init: Callable[[Key, Spec], State]
    update: Callable[[State, Key, Batch], tuple[State, dict[str, Array]]]
    sample: Callable[..., Samples] | None
    metrics: Mapping[str, Metric]
    counts: Mapping[str, int]
    conditional: bool = False
    captioned: bool = False
    reconstructs: bool = False
    conditions: tuple[str, ...] = ()
    is_read: bool = False
    tokenize: Callable[[Sequence[str]], np.ndarray] | None = None
    options: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    evaluations: int = 1
    drawn_with: Callable[[State], Params] | None = None
    diagnose: Callable[[State, Key, Batch], dict[str, PerSample]] | None = None
    interpolate: Callable[[State, Key, int, int], Samples] | None = None
    encode: Callable[[State, Key, Batch], Latents] | None = None
    decode: Callable[[State, Latents], Samples] | None = None
    likelihood: Callable[..., dict[str, PerSample]] | None = None
