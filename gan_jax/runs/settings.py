"""An experiment read from its file, changed on the command line, and kept as JSON."""

import json
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace

from gan_jax.errors import InputError
from gan_jax.runs.experiment import Experiment

# How those names begin that may differ between a run and its continuation: where the data lie, when to stop, what to
# write.
_FREE = ("data.dir", "steps", "log_every", "sample_every", "checkpoint_every", "keep_checkpoints", "evaluation")


def load(file: Path) -> Experiment:
    """Run a Python file and return the `experiment` that it defines.

    Raises:
      InputError: there is no such file, it fails, it defines no `Experiment` of that name, or one with a wrong value.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such experiment file")
    try:
        experiment = runpy.run_path(str(file)).get("experiment")
    except (Exception, SystemExit) as error:
        raise InputError(f"{file}: {type(error).__name__}: {error}") from error
    if not isinstance(experiment, Experiment):
        raise InputError(f"{file}: must define `experiment = Experiment(...)`, found {experiment!r}")
    try:
        return from_json(to_json(experiment))
    except (InputError, TypeError) as error:
        raise InputError(f"{file}: {error}") from None


def parser(**options) -> ArgumentParser:
    """Build the command-line parser whose options are an experiment's settings, dotted.

    >>> experiment_of(parse(parser(prog="mine"), ["--seed", "3"])).seed
    3
    """
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, **options)
    parser.add_class_arguments(Experiment)
    return parser


def parse(parser: ArgumentParser, arguments: Sequence[str]) -> Namespace:
    """Read a command line: the settings of an experiment, for `experiment_of`, and whatever else the parser knows.

    An option may be spelled with hyphens for underscores; `--data-dir` is short for `--data.dir`.

    Raises:
      InputError: a name is unknown, or a value has the wrong type or is impossible.

    >>> parse(parser(), ["--seed", "x"])
    Traceback (most recent call last):
    gan_jax.errors.InputError: seed: Not of type Seed: invalid literal for int() with base 10: 'x'
    """
    try:
        return parser.instantiate(parser.parse_args([_spelled(argument) for argument in arguments]))
    except ArgumentError as error:
        raise InputError(_one_line(error)) from None


def experiment_of(values: Namespace) -> Experiment:
    """Return the experiment among the values of a command line.

    >>> experiment = experiment_of(parse(parser(), ["--gan.penalty.weight", "5", "--batch-size=32"]))
    >>> experiment.gan.penalty.weight, experiment.batch_size
    (5.0, 32)
    """
    return Experiment(**{field.name: values[field.name] for field in fields(Experiment)})


def _spelled(argument: str) -> str:
    """An option as the parser knows it; a value as it is."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument.partition("=")
    name = "--" + name.removeprefix("--").replace("-", "_")
    return ("--data.dir" if name == "--data_dir" else name) + equals + value


def _one_line(error: ArgumentError) -> str:
    line = " ".join(str(error).split())
    if line.startswith('Parser key "'):
        name, _, reason = line.removeprefix('Parser key "').partition('": ')
        line = f"{name}: {reason}"
    return line


def to_json(experiment: Experiment) -> dict[str, Any]:
    """Return the settings as nested dictionaries that JSON can hold.

    >>> to_json(Experiment())["gan"]["penalty"]["name"]
    'wgan_gp'
    """
    return json.loads(json.dumps(asdict(experiment)))


def from_json(settings: Mapping[str, Any]) -> Experiment:
    """Return the experiment that `to_json` gave these settings for.

    Raises:
      InputError: a name is unknown, or a value has the wrong type or is impossible.

    >>> from_json(to_json(Experiment(seed=3))).seed
    3
    """
    reader = parser()
    try:
        values = reader.parse_object(dict(settings))
    except ArgumentError as error:
        raise InputError(_one_line(error)) from None
    return Experiment(**reader.instantiate(values).as_dict())


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Name the settings that make two runs different runs, each with its two values.

    >>> differences(to_json(Experiment()), to_json(Experiment(seed=1, steps=5)))
    ['seed: 0 became 1']
    """
    before, after = _flat(before), _flat(after)
    return [
        f"{name}: {before.get(name)} became {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if not name.startswith(_FREE) and before.get(name) != after.get(name)
    ]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
