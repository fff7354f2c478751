"""What commands share: how they read a command line, and how they show what takes long."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from gan_jax.config import parse_value
from gan_jax.errors import InputError
from gan_jax.files import expand_user

__all__ = ["command_parser", "out_path", "parse", "path_of", "progress_bars", "reader"]


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))


def command_parser(command: str) -> ArgumentParser:
    """Return a parser of a command's options that raises `InputError` for a wrong one."""
    return _Parser(prog=f"gan-jax {command}", allow_abbrev=False)


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Read a command line, on which options may be spelled with underscores for hyphens.

    Raises:
      InputError: an option is unknown, or a value has the wrong type or is impossible.

    >>> parser = command_parser("mine")
    >>> _ = parser.add_argument("--log-every", type=reader(int))
    >>> parse(parser, ["--log_every", "5"]).log_every
    5
    >>> parse(parser, ["--log-evry", "5"])
    Traceback (most recent call last):
    gan_jax.errors.InputError: --log-evry: there is no such option; did you mean --log-every?
    """
    options, unknown = parser.parse_known_args([_spelled(argument) for argument in arguments])
    if unknown:
        word = next((word.partition("=")[0] for word in unknown if word.startswith("-")), unknown[0])
        known = [name for action in parser._actions for name in action.option_strings]
        near = "".join(f"; did you mean {name}?" for name in get_close_matches(word, known, n=1))
        raise InputError(f"{word}: there is no such option{near}")
    return options


def reader(annotation: Any) -> Callable[[str], Any]:
    """Return the function that reads a value of a type, for `add_argument(type=...)`."""

    def read(text: str) -> Any:
        try:
            return parse_value(annotation, text)
        except InputError as error:
            raise ArgumentTypeError(error.reason) from None

    return read


def path_of(name: str | None) -> Path | None:
    """Return the path of a name with `~` in its place, None of none."""
    return None if name is None else expand_user(name)


def out_path(name: str | None, default: Path, suffix: str) -> Path:
    """Return the file that `--out` names.

    Raises:
      InputError: it does not end in the suffix, or is a folder.
    """
    out = default if name is None else Path(name)
    if out.suffix != suffix or out.is_dir():
        raise InputError(f"{out} must be a file that ends in {suffix}", field="out")
    return out


@contextmanager
def progress_bars(console: Console) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Give a function that starts a progress bar, `(what, count) -> advance`; the bars vanish at the end."""
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True) as progress:

        def start(what: str, count: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=count)
            return lambda done: progress.advance(task, done)

        yield start


def _spelled(argument: str) -> str:
    """An option as the parser knows it; a value as it is."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value
