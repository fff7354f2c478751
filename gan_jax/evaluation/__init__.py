"""How good samples are, how that was found, and what it can be compared with."""

from gan_jax.evaluation.diagnostics import diagnose
from gan_jax.evaluation.modes import mode_counts
from gan_jax.evaluation.protocol import Protocol, same_protocol
from gan_jax.evaluation.samples import SampleSets, of_array
from gan_jax.evaluation.scoring import Evaluation, Reference, Value, evaluate, reference

__all__ = [
    "Evaluation",
    "Protocol",
    "Reference",
    "SampleSets",
    "Value",
    "diagnose",
    "evaluate",
    "mode_counts",
    "of_array",
    "reference",
    "same_protocol",
]
