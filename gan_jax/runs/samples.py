"""What can be scored: a run, an `.npz`, a folder of images; each gives sets of samples."""

from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.data.files import read_samples
from gan_jax.errors import InputError
from gan_jax.evaluation.samples import SampleSets, of_array
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.labels import class_of
from gan_jax.runs.opening import load
from gan_jax.runs.run import Run, sample_sets

__all__ = ["Candidate", "drawn_as", "open_candidate"]


class Candidate(NamedTuple):
    """Samples to be scored, and the run that draws them if one does."""

    sets: SampleSets
    run: Run | None = None


def open_candidate(path: Path, *, best: bool = False) -> Candidate:
    """Open a run folder, an `.npz` file with an array `images` or `points`, or a folder of images.

    Raises:
      InputError: it is none of them, or cannot be read; the message names the file.
    """
    folder = RunFolder(path)
    if folder.is_run():
        run = load(path, best=best)
        return Candidate(sample_sets(run, str(path)), run)
    if best:
        raise InputError(f"{path} is not a run folder; leave it out", field="best")
    if path.is_dir() and folder.checkpoints.exists():
        raise InputError(f"{path}: is not a run folder, it has no {folder.experiment.name}")
    if not path.exists():
        raise InputError(f"{path}: there is no run folder, .npz file or folder of images of this name")
    return Candidate(of_array(read_samples(path), str(path)))


def drawn_as(candidate: Candidate, label: str | None, **options: Any) -> Candidate:
    """Return the samples of one class alone, by its name or number, or with options of sampling, if a run draws them.

    Raises:
      InputError: they are not drawn so, or there is no such class.
    """
    sets, run = candidate
    if label is not None and (run is None or not run.class_counts):
        raise InputError(f"{sets.name} is not drawn of labels; leave it out", field="label")
    for name in options:
        if run is None or name not in run.system.options.get("sample", ()):
            raise InputError(f"{sets.name} is not drawn with {name}; leave it out", field=name)
    if run is None or (label is None and not options):
        return candidate
    of_class = None if label is None else class_of(run.classes, label)
    name = ", ".join([sets.name, *(f"{name} {value}" for name, value in options.items())])
    return Candidate(sample_sets(run, name, label=of_class, **options), run)
