"""From an experiment to a trained run: what is done between iterations, and what is written on the way."""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from gan_jax.data.dataset import Dataset, count_classes
from gan_jax.data.toy import modes_of
from gan_jax.errors import RunError
from gan_jax.figures.samples import save_samples
from gan_jax.files import write_json
from gan_jax.runs import description
from gan_jax.runs.environment import environment, provenance
from gan_jax.runs.experiment import FREE, Experiment
from gan_jax.runs.experiment_file import ExperimentFile
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.labels import balanced_labels, captions_of, conditions_like_data
from gan_jax.runs.prepared import Prepared, keys_of, prepare
from gan_jax.runs.run import Run, needs_data, sample_sets
from gan_jax.settings import has_own_objects, resolved, to_json
from gan_jax.training import callbacks, checkpoint, hosts, loop
from gan_jax.training.checkpoint import Checkpoint, newest_step
from gan_jax.training.intervals import Interval, NonFiniteError
from gan_jax.training.logging import MetricsLog

__all__ = ["run_training", "train"]


def train(
    experiment: Experiment,
    folder: Path | str,
    *,
    file: ExperimentFile | None = None,
    devices: int | None = None,
    shard: str = "batch",
    console: Console | None = None,
) -> Run:
    """Train an experiment in a run folder, from its newest checkpoint if it has one, and return the run.

    A run is not resumed with other settings. Of an object of the program's own, as a loss, the name alone is compared:
    an experiment file is kept, and compared whole.

    Args:
      experiment: what is trained.
      folder: the run folder, made if it is not there.
      file: where the experiment comes from, kept in the folder.
      devices: how many share each batch, of all hosts together; by default all accelerators, or one CPU of each.
      shard: what the devices share: each "batch", or the "state" too, where networks do not fit one device.
      console: where progress is shown; nowhere by default.

    Raises:
      InputError: the experiment cannot be trained, or the folder holds another run; the message says why.
      NonFiniteError: a metric or the state became infinite or NaN.
      Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    prepared = prepare(experiment, file=file, devices=devices, shard=shard)
    Path(folder).mkdir(parents=True, exist_ok=True)
    return run_training(prepared, RunFolder(Path(folder)), console or Console(quiet=True))


def run_training(prepared: Prepared, folder: RunFolder, console: Console) -> Run:
    """Train what is prepared, from the folder's newest checkpoint if it has one; what it raises, `train` does."""
    experiment, _, data, pipeline, system, evaluation, devices = prepared
    init_key, sample_key, run_key = keys_of(experiment)
    counts = tuple(count_classes(data.train, len(data.classes))) if system.conditional else ()
    captions = captions_of(data) if system.captioned else ()
    of_data = pipeline.spec, data.classes, data.train.fingerprint, folder, counts, data.vocabulary, captions
    run = Run(experiment, system, None, 0, *of_data)
    run = run._replace(conditions=data.held_out if needs_data(experiment, system) else None)

    with ExitStack() as stack:
        if hosts.is_first():
            stack.enter_context(folder.locked())
            folder.refuse_lost_checkpoints()
            _write_description(run, data, prepared.file)
            if evaluation:
                evaluation.keep_protocol(folder)
        hosts.wait("the folder is described")

        # The state: new, or the newest checkpoint's that is whole.
        checkpoints = stack.enter_context(checkpoint.manager(folder.checkpoints, experiment.keep_checkpoints))

        def tell(line: str) -> None:
            console.print(line, soft_wrap=True)

        def init():
            return system.init(init_key, pipeline.spec)

        shapes = jax.eval_shape(init)
        layout = devices.layout(shapes)
        step, unfinished = 0, []
        if folder.has_checkpoint():
            like = jax.tree.map(lambda leaf, where: leaf.update(sharding=where), shapes, layout)
            step, state, position = checkpoint.restore_newest(checkpoints, like, tell)
            pipeline.resume(position)
            unfinished = [Interval(*each) for each in position.get("unfinished", [])]
            tell(f"going on from iteration {step:,}")
        else:
            with console.status("drawing the first parameters"):
                state = jax.jit(init, out_shardings=layout)()
            _save_beginning(checkpoints, Checkpoint(0, state, pipeline.position(0)))

        # What is done between iterations, in this order.
        log: Any = None  # of another host than the first
        if hosts.is_first():
            log = MetricsLog(folder.path, step, [folder.training_metrics, folder.evaluation_history])
        stack.callback(pipeline.close)
        every, n = experiment.sample_every, 100 if len(data.shape) == 3 else 2_000
        told = every if console.is_terminal else experiment.log_every
        modes = modes_of(experiment.data.name)
        grids = callbacks.save_sample_grids(
            system,
            sample_key,
            n=n,
            condition=_shown(run, data, n),
            write=lambda step, samples: save_samples(folder.sample_grid(step), np.asarray(samples), modes=modes),
            every=every,
        )
        between = [
            callbacks.on_first_host(callbacks.log_metrics(log, folder.training_metrics, experiment.log_every)),
            callbacks.watch_checkpoints(checkpoints, experiment.log_every),
            callbacks.with_local_state(callbacks.on_first_host(grids)),
            callbacks.on_first_host(callbacks.print_metrics(console, system, told, experiment.steps)),
        ]
        if evaluation:
            best = stack.enter_context(checkpoint.manager(folder.best, keep=1, alone=True))
            checkpoint.set_damaged_aside(best, shapes, tell)
            evaluate = callbacks.evaluate_and_keep_best(
                lambda state: evaluation.scores(system, state, sample_sets(run._replace(state=state))),
                every=evaluation.every,
                best=evaluation.best,
                highest=evaluation.highest_is_best(),
                checkpoints=best,
                pipeline=pipeline,
                log=log,
                file=folder.evaluation_history,
                plot=lambda: evaluation.plot(folder, system.metrics),
            )
            between.append(callbacks.with_local_state(evaluate))
        elif experiment.evaluation.every:  # the first host scores
            idle = loop.Callback(experiment.evaluation.every, lambda status: None)
            between.append(callbacks.with_local_state(idle))
        # Last: whoever goes on from a checkpoint finds all that was written before it.
        between.append(callbacks.save_checkpoints(checkpoints, pipeline, experiment.checkpoint_every))
        try:
            with hosts.watch():
                state = loop.train(
                    system,
                    pipeline,
                    state,
                    run_key,
                    start=step,
                    steps=experiment.steps,
                    callbacks=between,
                    console=console,
                    devices=devices,
                    unfinished=unfinished,
                )
        except NonFiniteError as error:
            advice = "start another run with smaller learning rates"
            raise NonFiniteError(f"{error}; {_last_good(folder, checkpoints)}; {advice}") from None
        except OSError as error:
            reason = f"{error.filename or folder.path}: {error.strerror or error}"
            raise RunError(f"{reason}; {_last_good(folder, checkpoints)}") from None
        except RunError as error:
            raise RunError(f"{error}; {_last_good(folder, checkpoints)}") from None
    return run._replace(state=hosts.local(state), step=max(step, experiment.steps))


def _shown(run: Run, data: Dataset, n: int) -> dict[str, np.ndarray] | None:
    """What a grid's samples are drawn of: one class after the other, the first captions, the first held-out samples."""
    if run.system.reconstructs:
        return {"sample": data.held_out.batch(np.arange(n) % len(data.held_out))["sample"]}
    found: dict[str, np.ndarray] = {}
    if run.system.conditional:
        found["label"] = balanced_labels(len(run.classes), n)
    if run.captions and run.vocabulary:
        found["tokens"] = run.vocabulary([run.captions[i % len(run.captions)] for i in range(n)])
    if run.conditions:
        found |= conditions_like_data(run.conditions, run.system.conditions, n, seed=0)
    return found or None


def _write_description(run: Run, data: Dataset, file: ExperimentFile | None) -> None:
    """Write what the run is, unless the folder holds another; keep the experiment file."""
    experiment, folder = run.experiment, run.folder
    settings = to_json(resolved(experiment))
    sha256 = file.sha256() if file and has_own_objects(settings) else None
    source = file.path.name if file else None
    drawn_of = {"class_counts": run.class_counts, "captions": run.captions}
    new = description.describe(settings, data, **drawn_of, source=source, source_sha256=sha256)
    description.refuse_another_run(folder, new, to_json(experiment), free=FREE)
    if file:
        file.keep(folder.source)
    write_json(folder.experiment, new.to_json())
    write_json(folder.environment, environment() | provenance())


def _save_beginning(checkpoints, beginning: Checkpoint) -> None:
    """A run without any checkpoint has lost them: this one is there before anything is trained."""
    if checkpoints.latest_step() is not None:
        checkpoints.delete(0)  # perhaps of other settings
    checkpoint.save(checkpoints, beginning)
    checkpoint.raise_errors(checkpoints, wait=True)


def _last_good(folder: RunFolder, checkpoints) -> str:
    with suppress(Exception):  # another error than the one that is told
        checkpoints.wait_until_finished()
    good = newest_step(folder.checkpoints)
    where = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
    return f"{where} in {folder.checkpoints}"
