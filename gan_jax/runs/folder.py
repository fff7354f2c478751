"""A run folder: the one place that knows the names of its files."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gan_jax.errors import InputError
from gan_jax.files import read_json_lines
from gan_jax.training.checkpoint import newest_step

__all__ = ["RunFolder", "candidates", "claim"]


class RunFolder(NamedTuple):
    """The paths of what a run keeps.

    >>> RunFolder(Path("runs/mine")).training_metrics.as_posix()
    'runs/mine/training_metrics.jsonl'
    """

    path: Path

    @property
    def experiment(self) -> Path:
        """The settings of the run, and what its data are."""
        return self.path / "experiment.json"

    @property
    def source(self) -> Path:
        """Folder of the experiment file, and of the modules beside it that it imports."""
        return self.path / "source"

    @property
    def environment(self) -> Path:
        """Versions and devices."""
        return self.path / "environment.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the newest checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """Folder of the checkpoint that scored best."""
        return self.path / "best"

    @property
    def lock(self) -> Path:
        """Which process trains here, or has done so last."""
        return self.path / ".lock"

    @property
    def samples(self) -> Path:
        """Folder of sample grids."""
        return self.path / "samples"

    @property
    def training_metrics(self) -> Path:
        """Metrics of training, a line each time."""
        return self.path / "training_metrics.jsonl"

    @property
    def evaluation(self) -> Path:
        """The scores that `gan-jax evaluate` has taken last."""
        return self.path / "evaluation.json"

    @property
    def evaluation_history(self) -> Path:
        """The scores that the run has taken while it trained, a line each time."""
        return self.path / "evaluation_history.jsonl"

    @property
    def evaluation_protocol(self) -> Path:
        """How the run takes its scores, and what real data get."""
        return self.path / "evaluation_protocol.json"

    @property
    def evaluation_plot(self) -> Path:
        """The scores over the iterations."""
        return self.path / "evaluation_history.png"

    def sample_grid(self, step: int) -> Path:
        """Samples of one iteration."""
        return self.samples / f"step_{step:08d}.png"

    def is_run(self) -> bool:
        """Whether a run has begun here."""
        return self.experiment.exists()

    def has_checkpoint(self) -> bool:
        """Whether there is a state to go on from."""
        return bool(newest_step(self.checkpoints))  # that of iteration 0 is no more than the seed

    def refuse_lost_checkpoints(self) -> None:
        """Raise if the run has trained and its checkpoints are gone; every run begins with one of iteration 0.

        Raises:
          InputError: they are; going on would start from scratch and overwrite what the run has written.
        """
        lines = read_json_lines(self.training_metrics)
        if lines and newest_step(self.checkpoints) is None:
            reason = f"its checkpoints are gone, though it has come to iteration {lines[-1]['step']}"
            raise InputError(f"{self.path}: {reason}; put them back, or start another run in another folder")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here, until the process ends, however it ends.

        Half of a sample grid, which a killed process has left, goes away: no other process writes grids.
        The system holds the lock, not the file: what a killed process leaves behind locks nothing. On a network file
        system it holds between machines where the system's `flock` does (NFS since Linux 2.6.12, Lustre mounted with
        `flock`), and within one machine elsewhere.

        Raises:
          InputError: another process trains here.
        """
        with self.lock.open("a+") as file:
            if not _try_lock(file.fileno()):
                file.seek(0)
                raise InputError(f"{self.path}: {file.read().strip() or 'another process'} trains here; wait for it")
            file.truncate(0)
            print(f"process {os.getpid()} on {socket.gethostname()}", file=file, flush=True)
            for part in self.samples.glob(".step_*.part.png"):
                part.unlink()
            yield


def candidates(workdir: str | None, name: str, resume: bool) -> list[Path]:
    """Return the folders to try in turn: the one given, the newest of this name to resume, or new ones under `runs/`.

    Raises:
      InputError: there is no run to resume, or another one that would be lost.
    """
    runs = [Path("runs") / name, *(Path("runs") / f"{name}-{i}" for i in range(2, 1_000))]
    taken = [path for path in runs if path.exists()]
    if workdir is None and resume and not taken:
        raise InputError(f"there is no run folder {runs[0]}; give --workdir", field="resume")
    paths = [Path(workdir)] if workdir else taken[-1:] if resume else [run for run in runs if run not in taken]
    path, folder = paths[0], RunFolder(paths[0])
    if {"[", "]"} & {*str(path.absolute())}:
        raise InputError(f"{path.absolute()} holds brackets, which checkpoints cannot be saved under", field="workdir")
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; give a folder", field="workdir")
    if resume and not folder.is_run():
        raise InputError(f"{path} holds no run; leave --resume out to start one there", field="resume")
    if not resume and path.exists() and folder.has_checkpoint():
        raise InputError(f"{path} holds a run; add --resume to go on with it, or give another folder", field="workdir")
    if not resume and path.exists() and not folder.is_run() and {*path.iterdir()} - {folder.lock}:
        raise InputError(f"{path} is not empty; give another folder", field="workdir")
    return paths


def claim(paths: list[Path]) -> RunFolder:
    """Make the first of the folders that nobody else has made meanwhile; a single one may be there already.

    Raises:
      InputError: all are taken.
    """
    if len(paths) == 1:
        paths[0].mkdir(parents=True, exist_ok=True)
        return RunFolder(paths[0])
    for path in paths:
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return RunFolder(path)
    raise InputError("runs/ is full; give a folder", field="workdir")


def _try_lock(file: int) -> bool:
    if sys.platform == "win32":  # which has no flock
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
