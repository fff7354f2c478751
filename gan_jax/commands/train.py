"""`gan-jax train`: train an experiment, or go on with one."""

import shlex
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console

from gan_jax.commands.experiment_options import add_settings, named_experiment, open_experiment, overridden
from gan_jax.commands.options import command_parser, parse, progress_bars, reader
from gan_jax.config import Count
from gan_jax.errors import InputError, RunError
from gan_jax.runs import folder, training
from gan_jax.runs.environment import make_deterministic
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.prepared import SHARDED, Prepared, prepare
from gan_jax.training import hosts
from gan_jax.training.loop import Interrupted

__all__ = ["main"]

_DOES = "Train an experiment, or go on with a run."
_SHARD = "what the devices share: each batch (default), or the state too, for networks that do not fit one device"


def main(arguments: Sequence[str], console: Console) -> int:
    """Train an experiment, or go on with one."""
    name = named_experiment(arguments)
    everything = "--help-all" in arguments
    if name is None:
        parse(_parser(Experiment(), everything), arguments)  # for its help, or for what is wrong
    if "--deterministic" in arguments:
        make_deterministic()  # before the file may use jax
    base, file, run = open_experiment(Path(str(name)))
    options = parse(_parser(base, everything), arguments)
    experiment = overridden(base, vars(options))
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
        drawn = ["sample", str(run_folder.path), "--n", "100", "--grid"]
        does = drawn if prepared.system.sample else ["evaluate", str(run_folder.path)]
        following = shlex.join(["gan-jax", *does])
        print(f"run folder: {run_folder.path}\nnext: {following}")
    return 0


def _again(options: Namespace, path: Path) -> str:
    """The command that goes on with a run: its folder has the settings, but not those of the machine."""
    machine = ("devices", "shard", "coordinator", "processes", "process")
    given = [(name, getattr(options, name)) for name in machine if getattr(options, name) not in (None, "batch")]
    words = [word for name, value in given for word in (f"--{name}", str(value))]
    words += ["--deterministic"] if options.deterministic else []
    return shlex.join(["gan-jax", "train", str(path), "--resume", *words])


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
    add_settings(parser, experiment, everything)
    return parser
