"""`gan-jax check`: whether a run folder is as it was written."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import command_parser, parse
from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries, read_json_lines
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.run import Run, open_without_state, state_shapes
from gan_jax.training import checkpoint

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """Read all that a run has written, a line each, and verify its checkpoints by their SHA-256."""
    parser = command_parser("check", "Verify a run folder: all that it holds, and the SHA-256 of its checkpoints.")
    parser.add_argument("run", help="run folder")
    folder = RunFolder(expand_user(parse(parser, arguments).run))
    run = open_without_state(folder)
    damaged = 0
    for path, check in _checks(folder, run):
        try:
            check()
            told = "ok"
        except (InputError, OSError) as error:
            told, damaged = f"damaged ({error})", damaged + 1
        print(f"{path.relative_to(folder.path)}: {told}")
    if damaged:
        raise InputError(f"{folder.path}: {damaged} damaged; `gan-jax train --resume` goes back to what is whole")
    return 0


def _checks(folder: RunFolder, run: Run) -> Iterator[tuple[Path, Callable[[], object]]]:
    """What there is to check, and what raises if it is damaged."""
    for file in (folder.experiment, folder.environment, folder.evaluation, folder.evaluation_protocol):
        if file.exists():
            yield file, lambda file=file: read_json_entries(file)
    for file in (folder.training_metrics, folder.evaluation_history):
        if file.exists():
            yield file, lambda file=file: _check_lines(file)
    for name, expected in run.files.items():
        yield folder.path / name, lambda file=folder.path / name, expected=expected: _check_hash(file, expected)
    if run.files:
        return
    yield folder.checkpoints, folder.refuse_lost_checkpoints
    for saved in (folder.checkpoints, folder.best):
        for step in checkpoint.steps(saved):
            yield saved / str(step), lambda saved=saved, step=step: _check_checkpoint(saved, step, run)


def _check_hash(file: Path, expected: str) -> None:
    with file.open("rb") as stream:
        found = file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise InputError(f"{file}: its SHA-256 is {found[:8]}..., not {expected[:8]}...")


def _check_lines(file: Path) -> None:
    steps = [line["step"] for line in read_json_lines(file)]
    if len(steps) != len(file.read_bytes().splitlines()):
        raise InputError(f"{file}: has a torn line")
    if steps != sorted({*steps}):
        raise InputError(f"{file}: its steps are out of order")


def _check_checkpoint(saved: Path, step: int, run: Run) -> None:
    with checkpoint.manager(saved, create=False) as checkpoints:
        checkpoint.restore(checkpoints, state_shapes(run), step)
