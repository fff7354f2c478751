"""How good samples are: their scores against real data, the protocol of these, and what a system measures itself."""

from gan_jax.evaluation.diagnostics import diagnose, history
from gan_jax.evaluation.modes import mode_counts
from gan_jax.evaluation.protocol import Protocol, same_protocol
from gan_jax.evaluation.reference import Reference, reference, statistics_reference
from gan_jax.evaluation.samples import SampleSets, of_array
from gan_jax.evaluation.scoring import Evaluation, Value, evaluate
from gan_jax.evaluation.statistics import Statistics, read_statistics

__all__ = [
    "Evaluation",
    "Protocol",
    "Reference",
    "SampleSets",
    "Statistics",
    "Value",
    "diagnose",
    "evaluate",
    "history",
    "mode_counts",
    "of_array",
    "read_statistics",
    "reference",
    "same_protocol",
    "statistics_reference",
]
