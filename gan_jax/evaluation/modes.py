"""How many modes of a toy distribution samples find."""

from typing import Any

import jax.numpy as jnp

from gan_jax.data.toy import TOYS, Mixture
from gan_jax.evaluation.samples import SampleSets
from gan_jax.scores.modes import mode_scores

__all__ = ["mode_counts"]

_COUNT = 10_000  # samples, or all there are
_HIT = 20  # samples that a mode needs to count as found


def mode_counts(source: str, sets: SampleSets, seed: int) -> dict[str, Any] | None:
    """Count the modes of a toy distribution that samples find, as `gan_jax.scores.modes.mode_scores` does.

    Args:
      source: the name of the distribution, in `gan_jax.data.toy.TOYS`.
      sets: the samples, of which at most 10,000 count.
      seed: of the set.

    Returns:
      "n", the number of samples; "of", that of modes; "hit", that of modes with at least 20 samples; "high_quality",
      the share of samples near a mode; "kl", in nats. None if the source has no known modes.

    >>> import numpy as np
    >>> from gan_jax.evaluation.samples import of_array
    >>> points = of_array(np.zeros((20, 2), np.float32))
    >>> mode_counts("25gaussians", points, seed=0)["hit"], mode_counts("swissroll", points, seed=0)
    (1, None)
    """
    toy = TOYS[source]() if source in TOYS else None
    if not isinstance(toy, Mixture):
        return None
    [(_, points)] = sets.take((seed,), min(_COUNT, sets.n_available or _COUNT))
    scores = mode_scores(samples=jnp.asarray(points), modes=toy.modes, sd=toy.sd)
    return {
        "n": len(points),
        "of": len(toy.modes),
        "hit": int(scores.hit(_HIT)),
        "high_quality": float(scores.high_quality),
        "kl": float(scores.kl),
    }
