"""How good samples are, how that was found, and what it can be compared with."""

from gan_jax.evaluation.critic import critic_statistics
from gan_jax.evaluation.judge import Evaluation, Reference, Value, evaluate, reference
from gan_jax.evaluation.modes import mode_counts
from gan_jax.evaluation.protocol import Protocol, the_same
from gan_jax.evaluation.samples import SampleSets, of_array, of_run, open_samples

__all__ = [
    "Evaluation",
    "Protocol",
    "Reference",
    "SampleSets",
    "Value",
    "critic_statistics",
    "evaluate",
    "mode_counts",
    "of_array",
    "of_run",
    "open_samples",
    "reference",
    "the_same",
]
