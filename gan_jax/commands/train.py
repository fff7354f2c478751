"""`gan-jax train`: train an experiment, or go on with one."""

import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from gan_jax.commands.options import bars, path_of
from gan_jax.errors import InputError


def train(arguments: Sequence[str], console: Console) -> int:
    """Train an experiment, or go on with one."""
    from gan_jax.runs import settings
    from gan_jax.runs.experiment import Count

    parser = settings.parser(prog="gan-jax train")
    parser.add_argument("experiment", help="Python file that defines `experiment = Experiment(...)`")
    parser.add_argument("--workdir", help="run folder; by default a new one under runs/ named after the file")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run folder")
    parser.add_argument("--devices", type=Count, help="how many share each batch; by default all, or one CPU")
    if {"-h", "--help"} & {*arguments} and not any(argument.endswith(".py") for argument in arguments):
        settings.parse(parser, ["--help"])
    file = Path(settings.parse(parser, [word for word in arguments if word not in ("-h", "--help")]).experiment)
    parser.set_defaults(settings.to_json(settings.load(file)))
    options = settings.parse(parser, arguments)
    experiment = settings.experiment_of(options)

    import jax

    from gan_jax.data import sources
    from gan_jax.runs import during, run
    from gan_jax.runs.build import build
    from gan_jax.training import devices, loop

    if options.devices:
        with suppress(RuntimeError):  # it has started already, with as many as it has
            jax.config.update("jax_num_cpu_devices", options.devices)
    plan = devices.data_parallel(options.devices or (1 if jax.default_backend() == "cpu" else None))
    experiment = replace(experiment, data=_located(experiment.data))
    folders = _run_folders(options.workdir, file.stem, options.resume)
    with console.status(f"reading {experiment.data.source}"):
        both = sources.read(experiment.data.source, path_of(experiment.data.dir))
    data = both.train
    if experiment.batch_size > len(data):
        raise InputError(f"batch_size: {experiment.batch_size} is larger than the data set; give at most {len(data)}")
    system = build(experiment, data.shape[1:], plan.sharding)
    with bars(console) as progress:
        watch = during.watch(experiment, system, both, progress)
    folder = _claim(folders)
    run.write_experiment(folder, experiment, data)
    if watch:
        during.keep_protocol(folder, watch.against)
    shape = "x".join(map(str, data.shape[1:]))
    console.print(
        f"{len(data):,} samples of {shape} from {experiment.data.source}, devices: {plan.sharding.device_count}"
    )
    again = [*arguments] if options.workdir else [*arguments, "--workdir", str(folder)]
    again += [] if options.resume else ["--resume"]
    try:
        loop.train(
            system,
            data,
            folder,
            seed=experiment.seed,
            noise=experiment.data.noise,
            steps=experiment.steps,
            log_every=experiment.log_every,
            sample_every=experiment.sample_every,
            checkpoint_every=experiment.checkpoint_every,
            keep_checkpoints=experiment.keep_checkpoints,
            console=console,
            plan=plan,
            watch=watch,
        )
    except loop.Interrupted as stop:
        print(f"{stop} and saved; go on with\n  {shlex.join(['gan-jax', 'train', *again])}")
        return 130
    except loop.NonFiniteError as error:
        return _failed(str(error))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return _failed("the device's memory does not suffice; choose smaller networks or a smaller batch_size")
    print(f"run folder: {folder}\nnext: {shlex.join(['gan-jax', 'sample', str(folder), '--n', '100', '--grid'])}")
    return 0


def _run_folders(workdir: str | None, name: str, resume: bool) -> list[Path]:
    """The folders to try in turn: the one given, the newest of this name to resume, or new ones."""
    from gan_jax.training.checkpoint import newest_step

    runs = [Path("runs") / name, *(Path("runs") / f"{name}-{i}" for i in range(2, 1_000))]
    taken = [folder for folder in runs if folder.exists()]
    if workdir is None and resume and not taken:
        raise InputError(f"--resume: there is no run folder {runs[0]}; give --workdir")
    folders = [Path(workdir)] if workdir else taken[-1:] if resume else [run for run in runs if run not in taken]
    folder = folders[0]
    if {"[", "]"} & {*str(folder.absolute())}:
        raise InputError(f"--workdir: {folder.absolute()} holds brackets, which checkpoints cannot be saved under")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--workdir: {folder} is a file; give a folder")
    if resume and not (folder / "experiment.json").exists():
        raise InputError(f"--resume: {folder} holds no run; leave --resume out to start one there")
    if not resume and folder.exists() and newest_step(folder / "checkpoints") is not None:
        raise InputError(f"--workdir: {folder} holds a run; add --resume to go on with it, or give another folder")
    if not resume and folder.exists() and any(folder.iterdir()) and not (folder / "experiment.json").exists():
        raise InputError(f"--workdir: {folder} is not empty; give another folder")
    return folders


def _claim(folders: list[Path]) -> Path:
    """Make the first of the folders that nobody else has made meanwhile."""
    if len(folders) == 1:
        folders[0].mkdir(parents=True, exist_ok=True)
        return folders[0]
    for folder in folders:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise InputError("--workdir: runs/ is full; give a folder")


def _located(data):
    """The same data with absolute paths, so that the run can be evaluated from anywhere."""
    from gan_jax.data.sources import resolve

    folder = path_of(data.dir)
    return replace(data, dir=folder and str(folder.absolute()), source=resolve(data.source, folder))


def _failed(message: str) -> int:
    print(f"gan-jax: {message}", file=sys.stderr)
    return 1
