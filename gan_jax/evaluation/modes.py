"""Modes that are known: how many the samples find."""

from typing import Any

import jax.numpy as jnp

from gan_jax.data.toy import TOYS
from gan_jax.evaluation.samples import SampleSets
from gan_jax.scores.modes import mode_scores

_COUNT = 10_000  # samples, or all there are
_HIT = 20  # of them, for a mode to count as found


def mode_counts(source: str, sets: SampleSets, seed: int) -> dict[str, Any] | None:
    """Count the modes that points lie near, or return None where those of the source are not known."""
    toy = TOYS[source]() if source in TOYS else None
    if not hasattr(toy, "modes"):
        return None
    [(_, points)] = sets.take((seed,), min(_COUNT, sets.count or _COUNT))
    scores = mode_scores(samples=jnp.asarray(points), modes=toy.modes, sd=toy.sd)
    return {
        "n": len(points),
        "of": len(toy.modes),
        "hit": int(scores.hit(_HIT)),
        "high_quality": float(scores.high_quality),
        "kl": float(scores.kl),
    }
