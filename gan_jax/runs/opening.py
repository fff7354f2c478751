"""A run, opened from its folder."""

from pathlib import Path

import jax

from gan_jax.errors import InputError
from gan_jax.files import expand_user
from gan_jax.runs import description, experiment_file
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.run import Run
from gan_jax.systems import State, System
from gan_jax.training import checkpoint

__all__ = ["load", "needs_data", "open_without_state", "runs_below", "state_shapes"]


def load(path: Path | str, *, best: bool = False, experiment: Experiment | None = None) -> Run:
    """Open a run folder: the experiment, its system, and the newest checkpoint, or the one that scored best.

    Args:
      path: the folder.
      best: whether to take the checkpoint that scored best.
      experiment: what a program trained, if that has objects of its own and was no experiment file.

    Raises:
      InputError: it is not a run folder, or holds no checkpoint that fits.
    """
    run = open_without_state(RunFolder(expand_user(path)), experiment)
    if run.system.is_read:
        if best:
            raise InputError(f"{path} was not trained here, and has one state; leave it out", field="best")
        return run._replace(state=run.system.init(jax.random.key(0), run.spec))
    saved = run.folder.best if best else run.folder.checkpoints
    if not checkpoint.newest_step(saved):
        advice = "train with --evaluation.every N" if best else "train the run first"
        raise InputError(f"{path}: holds no {'best ' * best}checkpoint; {advice}")
    with checkpoint.manager(saved, create=False) as checkpoints:
        restored = checkpoint.restore(checkpoints, state_shapes(run))
    return run._replace(state=restored.state, step=restored.step)


def open_without_state(folder: RunFolder, experiment: Experiment | None = None) -> Run:
    """Open a run folder without reading a checkpoint: the run's state is None.

    Raises:
      InputError: it is not a run folder.
    """
    described = description.read(folder.experiment)
    experiment, _ = experiment_file.of_run(folder, experiment)
    spec, classes = described.spec, described.classes
    of = {"classes": len(classes), "vocabulary": described.vocabulary, "runs": runs_below(experiment)}
    system = experiment.build(spec, trains=False, **of)
    run = Run(
        experiment,
        system,
        None,
        0,
        spec,
        classes,
        described.fingerprint,
        folder,
        described.class_counts,
        described.vocabulary,
        described.captions,
    )
    conditions = experiment.data.read().held_out if needs_data(experiment, system) else None
    return run._replace(files=described.files, conditions=conditions)


def needs_data(experiment: Experiment, system: System) -> bool:
    """Whether samples are drawn of what belongs to data, unless it is said of what."""
    return bool(system.conditions) and experiment.data.source is not None


def runs_below(experiment: Experiment) -> dict[str, Run]:
    """Open the runs that an experiment's system rests on, by the names of the settings that hold their folders.

    Raises:
      InputError: one is not a run folder, or holds no checkpoint; the message names the setting.
    """
    found, settings = {}, experiment.system_config
    for name in getattr(settings, "rests_on", ()):
        try:
            found[name] = load(getattr(settings, name))
        except InputError as error:
            raise InputError(error.reason, field=f"{experiment.system_name}.{name}") from None
    return found


def state_shapes(run: Run) -> State:
    """Return shapes and dtypes of a run's state."""
    return jax.eval_shape(lambda: run.system.init(jax.random.key(0), run.spec))
