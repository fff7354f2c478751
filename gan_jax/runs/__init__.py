"""A run: the experiment that describes it, its folder, its training, and what can be asked of it once it is trained."""

from gan_jax.runs.experiment import DataConfig, EvaluationConfig, Experiment
from gan_jax.runs.opening import load
from gan_jax.runs.run import Run

__all__ = ["DataConfig", "EvaluationConfig", "Experiment", "Run", "load"]
