"""Data sets (`dataset`), where they come from (`sources`), and how their batches reach the device (`pipeline`)."""

from gan_jax.data.dataset import ArraySource, Dataset, Source, from_arrays
from gan_jax.data.pipeline import Pipeline, resident, streamed
from gan_jax.data.sources import DATASETS, read

__all__ = ["DATASETS", "ArraySource", "Dataset", "Pipeline", "Source", "from_arrays", "read", "resident", "streamed"]
