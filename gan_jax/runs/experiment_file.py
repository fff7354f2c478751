"""An experiment file: run, with the modules beside it, kept in the run folder, and found there again."""

import hashlib
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gan_jax.errors import InputError
from gan_jax.files import atomic_write, expand_user
from gan_jax.runs import description
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.settings import from_json, has_own_objects

__all__ = ["ExperimentFile", "load", "of_run"]


class ExperimentFile(NamedTuple):
    """What an experiment file defines, and the files that it takes to run it again.

    Attributes:
      experiment: what it defines.
      path: the file.
      modules: the modules beside it that it imports.
    """

    experiment: Experiment
    path: Path
    modules: tuple[Path, ...] = ()

    def keep(self, folder: Path) -> None:
        """Copy the file and its modules to a folder, which may be their own."""
        for file in (self.path, *self.modules):
            with atomic_write(folder / file.relative_to(self.path.parent)) as part:
                part.write_bytes(file.read_bytes())

    def sha256(self) -> str:
        """Hash of the file and its modules."""
        total = hashlib.sha256()
        for file in sorted((self.path, *self.modules)):
            total.update(f"{file.relative_to(self.path.parent)}\n".encode() + file.read_bytes())
        return total.hexdigest()


def load(path: Path) -> ExperimentFile:
    """Run a Python file and return the `experiment` that it defines.

    The file may import modules beside it. They are forgotten afterwards, so that another experiment may have modules of
    the same names.

    Raises:
      InputError: there is no such file, it fails, or it defines no `Experiment` of that name.
    """
    path = expand_user(path).absolute()
    if not path.is_file():
        raise InputError(f"{path}: there is no such experiment file")
    try:
        with _modules_beside(path) as modules:
            experiment = runpy.run_path(str(path)).get("experiment")
    except (Exception, SystemExit) as error:
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        raise InputError(f"{path}: {kind}{' '.join(str(error).split())}") from error
    if not isinstance(experiment, Experiment):
        raise InputError(f"{path}: must define `experiment = Experiment(...)`, found {experiment!r}")
    return ExperimentFile(experiment, path, tuple(modules))


def of_run(folder: RunFolder, experiment: Experiment | None = None) -> tuple[Experiment, ExperimentFile | None]:
    """Return the experiment of a run folder, and the file that it came from, as it is kept there.

    Args:
      folder: of the run.
      experiment: what a program trained, if that has objects of its own and was no experiment file.

    Raises:
      InputError: it is not a run folder, or what it holds cannot be used.
    """
    described = description.read(folder.experiment)
    path = folder.source / described.source if described.source else None
    if experiment is None and path and has_own_objects(described.settings):
        experiment = load(path).experiment
    try:
        experiment = from_json(Experiment, described.settings, experiment).opened_in(folder.path)
    except (InputError, TypeError) as error:
        raise InputError(f"{folder.experiment}: {error}") from None
    if path is None or not path.is_file():
        return experiment, None
    modules = tuple(file for file in sorted(folder.source.rglob("*.py")) if file != path)
    return experiment, ExperimentFile(experiment, path.absolute(), tuple(module.absolute() for module in modules))


@contextmanager
def _modules_beside(path: Path) -> Iterator[list[Path]]:
    """Let a file import what lies beside it, and give a list that holds the files of what it has imported, at the end.

    A folder may hold this package too, or an environment: only modules and packages right beside the file count.
    """
    folder, found = path.parent, []
    before = {*sys.modules}
    sys.path.insert(0, str(folder))
    try:
        yield found
    finally:
        sys.path.remove(str(folder))
        for name in {*sys.modules} - before:
            top, file = name.partition(".")[0], getattr(sys.modules[name], "__file__", None)
            beside = (folder / f"{top}.py").exists() or (folder / top / "__init__.py").exists()
            if beside and top != "gan_jax" and file and Path(file).is_relative_to(folder):
                found.append(Path(file))
                del sys.modules[name]
