"""Systems that draw what a test says."""

from gan_jax.runs.experiment import Data, Experiment
from gan_jax.runs.run import Run
from gan_jax.systems import System


def run_of(sample, shape, source="digits", **measures):
    """A run whose measurements of a sample are its mean and what is given."""

    def measure(state, key, batch):
        mean = batch.reshape(len(batch), -1).mean(axis=1)
        return {"mean": mean} | {name: function(state, mean) for name, function in measures.items()}

    system = System(init=None, update=None, sample=sample, evaluate=measure, counts={})
    return Run(Experiment(data=Data(source=source)), system, (), 7, shape)
