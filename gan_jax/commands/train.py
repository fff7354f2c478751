"""`gan-jax train`: train an experiment, or go on with one."""

import shlex
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from gan_jax.commands.options import command_parser, parse, progress_bars, reader
from gan_jax.config import Count
from gan_jax.errors import InputError, RunError, option
from gan_jax.runs import experiment_file, folder, training
from gan_jax.runs.environment import make_deterministic
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.prepared import SHARDED, Prepared, prepare
from gan_jax.settings import Setting, override, settings_of
from gan_jax.training import hosts
from gan_jax.training.loop import Interrupted

__all__ = ["main"]

_FLAGS = ("-h", "--help", "--resume", "--deterministic")
_SHARD = "what the devices share: each batch (default), or the state too, for networks that do not fit one device"


def main(arguments: Sequence[str], console: Console) -> int:
    """Train an experiment, or go on with one."""
    name = _experiment_of(arguments)
    if name is None:
        parse(_parser(Experiment()), arguments)  # for its help, or for what is wrong
        raise InputError("the following arguments are required: experiment")
    if "--deterministic" in arguments:
        make_deterministic()  # before the file may use jax
    file = experiment_file.load(Path(name))
    options = parse(_parser(file.experiment), arguments)
    experiment = _overridden(file.experiment, vars(options))

    paths = folder.candidates(options.workdir, file.path.stem, options.resume)
    if (options.processes or hosts.launched()) > 1 and not options.workdir:
        raise InputError("several processes write one folder; give it to all of them", field="workdir")
    farewell = f"gan-jax: another process has ended; go on from the last checkpoint: {_again(arguments, paths[0])}"
    processes = options.coordinator, options.processes, options.process
    with hosts.connected(*processes, devices=options.devices, farewell=farewell):
        console.quiet = console.quiet or not hosts.is_first()
        with progress_bars(console) as progress:
            settings = {"devices": options.devices, "shard": options.shard, "progress": progress}
            prepared = prepare(experiment, file=file, **settings)
        hosts.wait("all have looked at the folder")
        run_folder = folder.claim(paths) if hosts.is_first() else folder.RunFolder(paths[0])
        return _train(prepared, run_folder, arguments, console)


def _train(prepared: Prepared, run_folder: folder.RunFolder, arguments: Sequence[str], console: Console) -> int:
    shape = "x".join(map(str, prepared.data.shape))
    count, devices = len(prepared.data.train), prepared.devices.sharding.device_count
    console.print(f"{count:,} samples of {shape} from {prepared.experiment.data.name}, devices: {devices}")
    if hint := prepared.experiment.hint(prepared.data.shape):
        console.print(hint)
    try:
        training.run_training(prepared, run_folder, console)
    except Interrupted as stop:
        print(f"{stop} and saved; go on with\n  {_again(arguments, run_folder.path)}")
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


def _again(arguments: Sequence[str], path: Path) -> str:
    """The command that goes on with a run."""
    names = {word.partition("=")[0] for word in arguments}
    again = [*arguments] if "--workdir" in names else [*arguments, "--workdir", str(path)]
    return shlex.join(["gan-jax", "train", *again, *([] if "--resume" in names else ["--resume"])])


def _experiment_of(arguments: Sequence[str]) -> str | None:
    """The experiment file on a command line whose other options are not known before it is read."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return word
        if word not in _FLAGS and "=" not in word:
            next(words, None)  # its value
    return None


def _parser(experiment: Experiment) -> ArgumentParser:
    """The parser of an experiment's settings, with its values as defaults."""
    parser = command_parser("train")
    parser.add_argument("experiment", help="Python file that defines `experiment = Experiment(...)`")
    parser.add_argument("--workdir", help="run folder; by default a new one under runs/ named after the file")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run folder")
    parser.add_argument("--devices", type=reader(Count), help="how many share each batch; by default all, or one CPU")
    parser.add_argument("--shard", choices=SHARDED, default="batch", help=_SHARD)
    parser.add_argument("--deterministic", action="store_true", help="same bits each time, on GPUs too; slower there")
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="of several processes the first; found under SLURM")
    parser.add_argument("--processes", type=reader(Count), metavar="N", help="how many there are")
    parser.add_argument("--process", type=reader(int), metavar="I", help="which this one is, from 0")
    for setting in settings_of(experiment):
        names = [option(setting.name), *(["--data-dir"] if setting.name == "data.dir" else [])]
        parser.add_argument(*names, dest=setting.name, default=SUPPRESS, metavar="VALUE", help=_help(setting))
    return parser


def _help(setting: Setting) -> str:
    value: Any = setting.value
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    elif not isinstance(value, str | int | float | None):
        value = getattr(value, "__name__", "the file's own")
    return f"{setting.help} (default: {'null' if value is None else value})".replace("%", "%%")


def _overridden(experiment: Experiment, values: dict[str, Any]) -> Experiment:
    for setting in list(settings_of(experiment)):
        if setting.name in values:
            experiment = override(experiment, setting.name, values[setting.name])
    return experiment
