"""What a user is told about bad input, and about a run that cannot go on."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

__all__ = ["InputError", "RunError", "nearest", "one_line", "option", "within"]


class InputError(ValueError):
    """A setting, an argument or a file cannot be used; the message is one line that says why and what to do.

    Where an argument is at fault, `field` names it: Python's users read it as they wrote it, and the commands, which
    exit with code 2, as the option of that name.

    >>> raise InputError("0 is too few; give at least 1", field="batch_size")
    Traceback (most recent call last):
    gan_jax.errors.InputError: batch_size: 0 is too few; give at least 1
    >>> InputError("0 is too few; give at least 1", field="batch_size").as_option()
    '--batch-size: 0 is too few; give at least 1'
    """

    def __init__(self, reason: str, *, field: str | None = None):
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.reason, self.field = reason, field

    def as_option(self) -> str:
        """Return the message with the field as an option of the command line."""
        return str(self) if self.field is None else f"{option(self.field)}: {self.reason}"

    def within(self, prefix: str) -> "InputError":
        """Return the error of the same field as part of another: `depth` within `gan.critic` is `gan.critic.depth`."""
        field = prefix if self.field is None else f"{prefix}.{self.field}"
        return InputError(self.reason, field=field)


class RunError(RuntimeError):
    """A run cannot go on, though nothing was wrong with its input; the commands exit with code 1."""


@contextmanager
def within(prefix: str) -> Iterator[None]:
    """Say of an error inside that its field is part of another.

    >>> with within("critic"):
    ...     raise InputError("mlp has no such field", field="depht")
    Traceback (most recent call last):
    gan_jax.errors.InputError: critic.depht: mlp has no such field
    """
    try:
        yield
    except InputError as error:
        raise error.within(prefix) from None


def option(field: str) -> str:
    """Return a field as the command line spells it.

    >>> option("gan.critic_steps")
    '--gan.critic-steps'
    """
    return f"--{field.replace('_', '-')}"


def one_line(error: BaseException) -> str:
    """Say an error in one short line.

    >>> one_line(ValueError("two\\nlines"))
    'two lines'
    """
    return " ".join(str(error).split())[:200] or type(error).__name__


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean ...?" with what a misspelt word may stand for, nothing if nothing is near.

    Of dotted names a part may be given alone, or by its initials.

    >>> nearest("trian", ["train", "sample"])
    '; did you mean train?'
    >>> nearest("--lr", ["--gan.critic-optimizer.learning-rate", "--steps"])
    '; did you mean --gan.critic-optimizer.learning-rate?'
    >>> nearest("--wieght", ["--gan.penalty.weight", "--steps"])
    '; did you mean --gan.penalty.weight?'
    """
    bare = {name.lstrip("-"): name for name in known}
    word = word.lstrip("-")
    last = word.rpartition(".")[2]
    found = get_close_matches(word, bare, n=1, cutoff=0.75)
    for parts in ({name: name.split(".")[-1:] for name in bare}, {name: name.split(".") for name in bare}):
        found = found or [name for name in bare if last in (*parts[name], *map(_initials, parts[name]))]
        found = found or [name for name in bare if get_close_matches(last, parts[name], cutoff=0.75)]
    found = found or get_close_matches(word, bare, n=1)
    return f"; did you mean {' or '.join(bare[name] for name in found[:3])}?" if found else ""


def _initials(name: str) -> str:
    return "".join(word[:1] for word in name.split("-"))
