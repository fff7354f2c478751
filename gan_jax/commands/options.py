"""What commands share: their parser, and how they show what takes long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jsonargparse import ArgumentParser
from rich.console import Console


def parser_of(command: str) -> ArgumentParser:
    """Return a parser of a command's own options."""
    return ArgumentParser(exit_on_error=False, prog=f"gan-jax {command}")


def path_of(name: str | None) -> Path | None:
    """Return the path of a name with `~` in its place, None of none."""
    return Path(name).expanduser() if name else None


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Give a function that starts a progress bar, `(what, count) -> advance`; the bars vanish at the end."""
    from rich.progress import MofNCompleteColumn, Progress

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True) as progress:

        def start(what: str, count: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=count)
            return lambda done: progress.advance(task, done)

        yield start
