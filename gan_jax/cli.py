"""The command `gan-jax`: what each of its commands does is in a module of `gan_jax.commands`.

A command's module is imported when it is called, so that help and misspelled commands answer at once.
"""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from inspect import iscoroutine
from typing import TYPE_CHECKING

from gan_jax import __version__
from gan_jax.commands import COMMANDS
from gan_jax.errors import InputError, RunError, nearest
from gan_jax.files import cache_folder

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["main"]

_LINES = "\n".join(f"  gan-jax {f'{name} {takes}':<24}{does}" for name, (takes, does) in COMMANDS.items())
_USAGE = f"""gan-jax {__version__}: train generative models with a Lipschitz critic, and others beside them

{_LINES}

`gan-jax COMMAND --help` lists a command's options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 for a failed run, 2 for bad input, 130 when interrupted.

    A character that the terminal lacks is printed as `?`. A reader that closes its pipe does not stop the command.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable
    try:
        with suppress(BrokenPipeError):  # only what is printed is lost: commands write their files first
            return _run(sys.argv[1:] if arguments is None else arguments)
        return 0
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """What Orbax has given up, its storage's threads and the coroutines it drops tell again, in a traceback each."""
    if str(unraisable.exc_value) != "Event loop is closed" and not iscoroutine(unraisable.object):
        sys.__unraisablehook__(unraisable)


def _run(arguments: Sequence[str]) -> int:
    name, *arguments = arguments or ["--help"]
    if name in ("-h", "--help", "--version"):
        print(__version__ if name == "--version" else _USAGE)
        return 0
    try:
        if name not in COMMANDS:
            raise InputError(f"{name}: there is no such command{nearest(name, COMMANDS)}; `gan-jax --help` lists them")
        _keep_compilations()
        return import_module(f"gan_jax.commands.{name}").main(arguments, _console())
    except InputError as error:
        return _fail(2, error.as_option())
    except RunError as error:
        return _fail(1, str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(2, f"{error.filename or 'file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return _fail(130, "interrupted")


def _console() -> "Console":
    from rich.console import Console

    class _Console(Console):
        """Goes on where nobody reads on: a run that has trained for hours outlives its `| tee`."""

        def on_broken_pipe(self) -> None:
            _discard_output()

    return _Console(markup=False, highlight=False)  # paths may hold brackets


def _keep_compilations() -> None:
    """What one call has compiled, the next finds in the cache folder, unless jax's own variables say otherwise."""
    with suppress(InputError):  # a user without a home compiles anew
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "compiled"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")


def _fail(code: int, message: str) -> int:
    with suppress(BrokenPipeError):
        print(f"gan-jax: {' '.join(message.split())}", file=sys.stderr)
    return code


def _discard_output() -> None:
    """What is printed from here on goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
