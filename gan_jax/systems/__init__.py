"""What can be trained. The loop, the checkpoints and the commands know a system by these functions alone."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gan_jax.types import Array, Key, Samples, Scores

State = Any
"""A pytree of arrays that holds all that a system carries from one update to the next."""


class System(NamedTuple):
    """Pure functions of a state.

    Attributes:
      init: `(key, example) -> state`, the example a batch (1, ...) that shows the data's shape.
      update: `(state, key, batch) -> (state, metrics)`, one whole iteration; the metrics are scalars.
      sample: `(state, key, count) -> samples`, images in [-1, 1].
      evaluate: `(state, key, batch) -> measurements`, per sample (N,), without learning from the batch.
      counts: what one update counts; `counts["images"]` is the batch that it takes.
      interpolate: `(state, key, paths, steps) -> samples`, (paths * steps, ...): so many samples along each of some
        paths from one sample to another. None where a system knows no way between samples.
    """

    init: Callable[[Key, Samples], State]
    update: Callable[[State, Key, Samples], tuple[State, dict[str, Array]]]
    sample: Callable[[State, Key, int], Samples]
    evaluate: Callable[[State, Key, Samples], dict[str, Scores]]
    counts: Mapping[str, int]
    interpolate: Callable[[State, Key, int, int], Samples] | None = None
