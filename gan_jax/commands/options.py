"""What commands share: how they read a command line, and how they show what takes long."""

import re
from argparse import SUPPRESS, Action, ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from gan_jax.config import Choice, Count, NonNegative, Probability, parse_value
from gan_jax.diffusion import SAMPLERS
from gan_jax.errors import InputError, nearest
from gan_jax.files import expand_user

__all__ = [
    "DECODING",
    "Several",
    "add_sampling",
    "command_parser",
    "out_path",
    "parse",
    "path_of",
    "progress_bars",
    "reader",
    "sampling",
    "sides",
]

_LARGEST = 16384  # side of an image


def sides(text: str, least: int = 1) -> tuple[int, int]:
    """Read height and width, or one number for both.

    >>> sides("64"), sides("64x48")
    ((64, 64), (64, 48))
    """
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    pair = (int(found[1]), int(found[2] or found[1])) if found else (-1, -1)
    if not all(least <= side <= _LARGEST for side in pair):
        raise ArgumentTypeError(f"must be a number of pixels, or height x width as 64x48; got {text!r}")
    return pair


# What `System.options` may name: the type of each, and its help.
_SAMPLING: dict[str, tuple[Any, str]] = {
    "truncation": (Probability, "of styles; below 1, samples are more alike"),
    "sampler": (Annotated[str, Choice(SAMPLERS)], f"of a diffusion run: {', '.join(SAMPLERS)}"),
    "steps": (Count, "of a diffusion run's sampler"),
    "eta": (Probability, "of the sampler ddim: fresh noise in its steps, 0 for none, 1 for as much as ddpm has"),
    "guidance": (NonNegative, "of a diffusion run that is told labels or captions: 1 is none, more makes them plainer"),
    "size": (sides, "of imported networks' images, height x width as 768x1024"),
    "original_size": (sides, "of the picture that a sample is as if cropped from, where a run is told sizes"),
    "crop": (partial(sides, least=0), "what is as if cut off above and on the left, as 0x0, where a run is told crops"),
    "refined_from": (Probability, "the part of the steps after which SDXL's refiner draws, by default 0.8"),
}

DECODING = ("truncation", "steps", "guidance")


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(message.removeprefix("argument "))

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            near = nearest(str(value), action.choices)
            raise ArgumentError(action, f"must be one of {', '.join(action.choices)}; got {value!r}{near}")

    def format_usage(self) -> str:
        """One line, however many options there are."""
        named = [action for action in self._actions if not action.option_strings]
        words = [f"{action.metavar or action.dest.upper()}{' ...' * (action.nargs == '+')}" for action in named]
        needed = [action for action in self._actions if action.option_strings and action.required]
        words += [f"{action.option_strings[0]} {action.metavar or action.dest.upper()}" for action in needed]
        return f"usage: {' '.join([self.prog, *words])} [--OPTION VALUE ...]\n"

    def format_help(self) -> str:
        """The line of usage, what the command does, and the options."""
        usage = self.format_usage()
        self.usage = SUPPRESS
        return f"{usage}\n{super().format_help()}"


class Several(Action):
    """Takes values as `a b` and as `a,b`; give it the type of the tuple that they make."""

    def __init__(self, *args: Any, annotation: Any, **settings: Any):
        super().__init__(*args, **{"nargs": "+"} | settings)
        self._read = reader(annotation)

    def __call__(self, parser: ArgumentParser, options: Namespace, values: Any, option_string: Any = None) -> None:
        """Read them."""
        try:
            setattr(options, self.dest, self._read(",".join(values)))
        except ArgumentTypeError as error:
            raise ArgumentError(self, str(error)) from None


def command_parser(command: str, does: str) -> ArgumentParser:
    """Return a parser of a command's options that raises `InputError` for a wrong one; its help says what it does."""
    parser = _Parser(prog=f"gan-jax {command}", description=does, allow_abbrev=False)
    parser.add_argument("--help-all", action="help", help=SUPPRESS)
    return parser


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Read a command line, on which options may be spelled with underscores for hyphens.

    Raises:
      InputError: an option is unknown, or a value has the wrong type or is impossible.

    >>> parser = command_parser("mine", "Does it.")
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
        if not word.startswith("-"):
            raise InputError(f"{word}: is one argument too many; leave it out, or name its option")
        known = [name for action in parser._actions for name in action.option_strings]
        raise InputError(f"{word}: there is no such option{nearest(word, known)}")
    return options


def reader(annotation: Any) -> Callable[[str], Any]:
    """Return the function that reads a value of a type, for `add_argument(type=...)`."""

    def read(text: str) -> Any:
        try:
            return parse_value(annotation, text)
        except InputError as error:
            raise ArgumentTypeError(error.reason) from None

    return read


def add_sampling(parser: ArgumentParser, names: Sequence[str] = tuple(_SAMPLING)) -> None:
    """Add the options by which a run's samples can be drawn otherwise; `sampling` reads those given.

    `DECODING` names those of samples that are made of given latents.
    """
    for name in names:
        annotation, text = _SAMPLING[name]
        read = annotation if annotation is sides or isinstance(annotation, partial) else reader(annotation)
        parser.add_argument(f"--{name.replace('_', '-')}", type=read, default=SUPPRESS, help=text)


def sampling(options: Namespace) -> dict[str, Any]:
    """Return the options of sampling that are given."""
    return {name: value for name, value in vars(options).items() if name in _SAMPLING}


def path_of(name: str | None) -> Path | None:
    """Return the path of a name with `~` in its place, None of none."""
    return None if name is None else expand_user(name)


def out_path(name: str | None, default: Path, *suffixes: str) -> Path:
    """Return the file that `--out` names.

    Raises:
      InputError: it ends in none of the suffixes, or is a folder.
    """
    out = default if name is None else Path(name)
    if out.suffix not in suffixes or out.is_dir():
        raise InputError(f"{out} must be a file that ends in {' or '.join(suffixes)}", field="out")
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
