"""An experiment made ready to train: its data read, its system built, and all that can be refused found out."""

from contextlib import suppress
from typing import Any, NamedTuple

import jax

from gan_jax.data.dataset import Dataset, Source
from gan_jax.data.order import ORDERS
from gan_jax.data.pipeline import Pipeline, batch_spec, fits, resident, streamed
from gan_jax.errors import InputError
from gan_jax.evaluation.samples import Progress, no_progress
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.experiment_file import ExperimentFile
from gan_jax.runs.run import runs_below
from gan_jax.runs.self_evaluation import SelfEvaluation, self_evaluation
from gan_jax.systems import System
from gan_jax.systems.pretrained.reading import refuse_training
from gan_jax.training import hosts
from gan_jax.training.devices import DataParallel, data_parallel
from gan_jax.types import Key

__all__ = ["SHARDED", "Prepared", "keys_of", "prepare"]

SHARDED = {"batch": "jit", "state": "jit_sharded_state"}
"""The strategy by what devices share; those that share a state share each batch too."""


class Prepared(NamedTuple):
    """An experiment that is ready to train: nothing of it can be refused any more but its folder."""

    experiment: Experiment
    file: ExperimentFile | None
    data: Dataset
    pipeline: Pipeline
    system: System
    evaluation: SelfEvaluation | None
    devices: DataParallel


def prepare(
    experiment: Experiment,
    *,
    file: ExperimentFile | None = None,
    devices: int | None = None,
    shard: str = "batch",
    progress: Progress = no_progress,
) -> Prepared:
    """Read the data, build the system, and score the real data if the run is to score itself.

    Raises:
      InputError: any of it cannot be done.
    """
    if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
        raise InputError("JAX_DISABLE_JIT is set, and training is one compiled program; unset it")
    if experiment.pretrained is not None:
        refuse_training()
    if shard not in SHARDED:
        raise InputError(f"{shard} is none of {', '.join(SHARDED)}", field="shard")
    raised = devices and devices > jax.config.jax_num_cpu_devices  # pyright: ignore[reportAttributeAccessIssue]
    if raised and not hosts.several():
        with suppress(RuntimeError):  # it has started already, with as many as it has
            jax.config.update("jax_num_cpu_devices", devices)
    count = devices or (jax.process_count() if jax.default_backend() == "cpu" else None)
    parallel = data_parallel(count, SHARDED[shard])
    experiment = experiment.located()
    advance = progress(f"reading {experiment.data.name}", 1)
    data = experiment.data.read()
    advance(1)
    if experiment.batch_size > len(data.train):
        reason = f"{experiment.batch_size} is larger than the data set; give at most {len(data.train)}"
        raise InputError(reason, field="batch_size")
    spec, classes = batch_spec(data.train), len(data.classes)
    advance = progress("building the networks", 1)
    runs = runs_below(experiment)
    experiment = experiment.resting_on(runs)
    of = {"classes": classes, "vocabulary": data.vocabulary, "runs": runs}
    system = experiment.build(spec, sharding=parallel.sharding, **of)
    advance(1)
    if experiment.evaluation.every and system.sample is None:
        reason = "the system draws nothing that could be scored; leave it out, and `gan-jax evaluate` it"
        raise InputError(reason, field="evaluation.every")
    if experiment.data.mirror and len(data.shape) != 3:
        raise InputError(f"is of images, {experiment.data.name} is of points; leave it out", field="data.mirror")
    words = data.vocabulary.words if system.captioned and data.vocabulary else ()
    if experiment.data.mirror and {"left", "right"} & {*words}:
        raise InputError("captions say left and right, which it would turn; leave it out", field="data.mirror")
    pipeline = _pipeline(experiment, data.train, system.counts["images"], parallel)
    evaluation = self_evaluation(experiment, data, progress) if hosts.is_first() else None
    return Prepared(experiment, file, data, pipeline, system, evaluation, parallel)


def _pipeline(experiment: Experiment, source: Source, size: int, devices: DataParallel) -> Pipeline:
    """The data on the devices, or streamed to them, in the same order."""
    _, _, run_key = keys_of(experiment)
    settings: dict[str, Any] = {
        "size": size,
        "order": ORDERS[experiment.data.sampling](jax.random.fold_in(run_key, 2**32 - 1), size, len(source)),
        "dequantization": experiment.data.dequantization,
        "mirror": experiment.data.mirror,
        "replicate": devices.replicate,
    }
    if experiment.data.resident == "yes" or (experiment.data.resident == "auto" and fits(source)):
        return resident(source, **settings)
    if hosts.several() and devices.share:
        settings["share"] = devices.share(experiment.batch_size)
    return streamed(source, run_key, **settings)


def keys_of(experiment: Experiment) -> tuple[Key, Key, Key]:
    """Return the keys of the parameters, of the sample grids and of the iterations."""
    init_key, sample_key, run_key = jax.random.split(jax.random.key(experiment.seed), 3)
    return init_key, sample_key, run_key
