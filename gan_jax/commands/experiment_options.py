"""Experiments on a command line: which one is named, and its settings as options."""

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from gan_jax.config import is_config
from gan_jax.errors import option
from gan_jax.runs import experiment_file, folder
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.named_experiments import experiment_path
from gan_jax.settings import Setting, override, settings_of

__all__ = ["add_settings", "named_experiment", "open_experiment", "overridden"]

_FLAGS = ("-h", "--help", "--help-all", "--resume", "--deterministic")
_SHORT = ("name", "source", "policies")  # `--gan.penalty r1` is `--gan.penalty.name r1`
_WHOLE: Any = {"break_on_hyphens": False, "break_long_words": False}


def named_experiment(arguments: Sequence[str]) -> str | None:
    """Return the experiment on a command line whose other options are not known before it is read."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return word
        if word not in _FLAGS and "=" not in word:
            next(words, None)  # its value
    return None


def open_experiment(name: Path) -> tuple[Experiment, experiment_file.ExperimentFile | None, bool]:
    """Return the experiment of a run folder, experiment.json, file or name, its file, and whether it is a run."""
    if folder.RunFolder(name).is_run():
        return *experiment_file.of_run(folder.RunFolder(name)), True
    if name.suffix == ".json":
        return *experiment_file.of_run(folder.RunFolder(name.parent)), False
    file = experiment_file.load(experiment_path(str(name)))
    return file.experiment, file, False


def add_settings(parser: ArgumentParser, experiment: Experiment, everything: bool, *, several: bool = False) -> None:
    """Make options of an experiment's settings, as text, or as a list where each takes several values.

    The parser's help explains all of them, or lists them.
    """
    settings = list(settings_of(experiment))
    for setting in settings:
        names = [option(setting.name), *(["--data-dir"] if setting.name == "data.dir" else [])]
        group, _, last = setting.name.rpartition(".")
        if group and last in _SHORT:
            names.append(option(group))  # short for the one setting that says what it is
        many: dict[str, Any] = {"nargs": "+"} if several or isinstance(setting.value, tuple) else {}
        text = _help(setting) if everything else SUPPRESS
        parser.add_argument(*names, dest=setting.name, default=SUPPRESS, metavar="VALUE", help=text, **many)
    if not everything:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = _listed(settings)


def _listed(settings: Sequence[Setting]) -> str:
    """Settings by group, with the values that they have."""
    groups: dict[str, list[str]] = {"": []}
    for setting in settings:
        group, _, last = setting.name.rpartition(".")
        value = _shown(setting.value)
        groups.setdefault(group, []).append(last.replace("_", "-") + ("" if value == "null" else f"={value}"))
    lines = ["settings, each an option as --steps 500 or --data.source mnist; --help-all explains them:"]
    for group, words in groups.items():
        begin = f"  {option(group)[2:]}.  " if group else "  "
        width = get_terminal_size().columns - 2
        lines.append(fill("  ".join(words), width, initial_indent=begin, subsequent_indent="      ", **_WHOLE))
    return "\n".join(lines)


def _help(setting: Setting) -> str:
    return f"{setting.help} (default: {_shown(setting.value)})".replace("%", "%%")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if value is None:
        return "null"
    if isinstance(value, str | int | float):
        return str(value)
    return type(value).__name__ if is_config(value) else getattr(value, "__name__", "the file's own")


def overridden(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """Return an experiment with the settings that a command line gives."""
    for setting in list(settings_of(experiment)):
        if setting.name in values:
            text = values[setting.name]
            experiment = override(experiment, setting.name, text if isinstance(text, str) else ",".join(text))
    return experiment
