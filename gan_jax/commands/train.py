"""`gan-jax train`: train an experiment, or go on with one."""

import shlex
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

import jax
from rich.console import Console

from gan_jax.commands.options import command_parser, parse, progress_bars, reader
from gan_jax.config import Count, is_config
from gan_jax.errors import InputError, RunError, option
from gan_jax.runs import experiment_file, folder, training
from gan_jax.runs.environment import make_deterministic
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.named_experiments import experiment_path
from gan_jax.runs.prepared import SHARDED, Prepared, prepare
from gan_jax.settings import Setting, override, settings_of
from gan_jax.training import hosts
from gan_jax.training.loop import Interrupted

__all__ = ["main"]

_FLAGS = ("-h", "--help", "--help-all", "--resume", "--deterministic")
_SHORT = ("name", "source", "policies")  # `--gan.penalty r1` is `--gan.penalty.name r1`
_WHOLE: Any = {"break_on_hyphens": False, "break_long_words": False}
_DOES = "Train an experiment, or go on with a run."
_SHARD = "what the devices share: each batch (default), or the state too, for networks that do not fit one device"


def main(arguments: Sequence[str], console: Console) -> int:
    """Train an experiment, or go on with one."""
    name = _experiment_of(arguments)
    everything = "--help-all" in arguments
    if name is None:
        parse(_parser(Experiment(), everything), arguments)  # for its help, or for what is wrong
    if "--deterministic" in arguments:
        make_deterministic()  # before the file may use jax
    base, file, run = _opened(Path(str(name)))
    options = parse(_parser(base, everything), arguments)
    experiment = _overridden(base, vars(options))
    if run and not options.resume:
        reason = f"{name} holds a run; add --resume to go on with it"
        raise InputError(f"{reason}, or give {folder.RunFolder(Path(str(name))).experiment} to train another like it")
    if run and options.workdir:
        raise InputError(f"the run goes on in {name}; leave it out", field="workdir")

    stem = file.path.stem if file else Path(str(name)).absolute().parent.name
    paths = folder.candidates(str(name) if run else options.workdir, stem, options.resume)
    if (options.processes or hosts.launched()) > 1 and not (options.workdir or run):
        raise InputError("several processes write one folder; give it to all of them", field="workdir")
    farewell = f"gan-jax: another process has ended; go on from the last checkpoint: {_again(options, paths[0])}"
    processes = options.coordinator, options.processes, options.process
    with hosts.connected(*processes, devices=options.devices, farewell=farewell):
        console.quiet = console.quiet or not hosts.is_first()
        with progress_bars(console) as progress:
            settings = {"devices": options.devices, "shard": options.shard, "progress": progress}
            prepared = prepare(experiment, file=file, **settings)
        hosts.wait("all have looked at the folder")
        run_folder = folder.claim(paths) if hosts.is_first() else folder.RunFolder(paths[0])
        return _train(prepared, run_folder, options, console)


def _train(prepared: Prepared, run_folder: folder.RunFolder, options: Namespace, console: Console) -> int:
    shape = "x".join(map(str, prepared.data.shape))
    count, devices = len(prepared.data.train), prepared.devices.sharding.device_count
    console.print(f"{count:,} samples of {shape} from {prepared.experiment.data.name}, devices: {devices}")
    if hint := prepared.experiment.hint(prepared.data.shape):
        console.print(hint)
    try:
        training.run_training(prepared, run_folder, console)
    except Interrupted as stop:
        print(f"{stop} and saved; go on with\n  {_again(options, run_folder.path)}")
        return 130
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise RunError(
            "the device's memory does not suffice; choose smaller networks or a smaller batch_size"
        ) from None
    if hosts.is_first():
        following = shlex.join(["gan-jax", "sample", str(run_folder.path), "--n", "100", "--grid"])
        print(f"run folder: {run_folder.path}\nnext: {following}")
    return 0


def _opened(name: Path) -> tuple[Experiment, experiment_file.ExperimentFile | None, bool]:
    """The experiment of a run folder, of its experiment.json or of a file, that file, and whether a run goes on."""
    if folder.RunFolder(name).is_run():
        return *experiment_file.of_run(folder.RunFolder(name)), True
    if name.suffix == ".json":
        return *experiment_file.of_run(folder.RunFolder(name.parent)), False
    file = experiment_file.load(experiment_path(str(name)))
    return file.experiment, file, False


def _again(options: Namespace, path: Path) -> str:
    """The command that goes on with a run: its folder has the settings, but not those of the machine."""
    machine = ("devices", "shard", "coordinator", "processes", "process")
    given = [(name, getattr(options, name)) for name in machine if getattr(options, name) not in (None, "batch")]
    words = [word for name, value in given for word in (f"--{name}", str(value))]
    words += ["--deterministic"] if options.deterministic else []
    return shlex.join(["gan-jax", "train", str(path), "--resume", *words])


def _experiment_of(arguments: Sequence[str]) -> str | None:
    """The experiment file on a command line whose other options are not known before it is read."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return word
        if word not in _FLAGS and "=" not in word:
            next(words, None)  # its value
    return None


def _parser(experiment: Experiment, everything: bool) -> ArgumentParser:
    """The parser of an experiment's settings, with its values as defaults; its help explains all or lists them."""
    parser = command_parser("train", _DOES)
    parser.add_argument("experiment", help="name (see gan-jax experiments), Python file, run folder or experiment.json")
    parser.add_argument("--workdir", metavar="DIR", help="run folder; by default a new one under runs/")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run folder")
    parser.add_argument("--devices", type=reader(Count), metavar="N", help="that share each batch; all, or one CPU")
    parser.add_argument("--shard", choices=SHARDED, metavar="WHAT", default="batch", help=_SHARD)
    parser.add_argument("--deterministic", action="store_true", help="same bits each time, on GPUs too; slower there")
    hosts_of = "of several processes the first; found under SLURM", "how many there are", "which this one is, from 0"
    first, count, own = hosts_of if everything else [SUPPRESS] * 3
    parser.add_argument("--coordinator", metavar="HOST:PORT", help=first)
    parser.add_argument("--processes", type=reader(Count), metavar="N", help=count)
    parser.add_argument("--process", type=reader(int), metavar="I", help=own)
    settings = list(settings_of(experiment))
    for setting in settings:
        names = [option(setting.name), *(["--data-dir"] if setting.name == "data.dir" else [])]
        group, _, last = setting.name.rpartition(".")
        if group and last in _SHORT:
            names.append(option(group))  # short for the one setting that says what it is
        many: dict[str, Any] = {"nargs": "+"} if isinstance(setting.value, tuple) else {}
        text = _help(setting) if everything else SUPPRESS
        parser.add_argument(*names, dest=setting.name, default=SUPPRESS, metavar="VALUE", help=text, **many)
    if not everything:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = _listed(settings)
    return parser


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


def _overridden(experiment: Experiment, values: dict[str, Any]) -> Experiment:
    for setting in list(settings_of(experiment)):
        if setting.name in values:
            text = values[setting.name]
            experiment = override(experiment, setting.name, text if isinstance(text, str) else ",".join(text))
    return experiment
