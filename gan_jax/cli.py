"""The command `gan-jax`: train, sample, evaluate.

Modules that take long to import are imported inside the commands, so that help and mistakes answer at once.
"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser
from rich.console import Console
from rich.table import Column, Table

from gan_jax import __version__
from gan_jax.errors import InputError

_USAGE = f"""gan-jax {__version__}: train generative adversarial networks with a Lipschitz critic

  gan-jax train EXPERIMENT.py   train; any setting of the experiment is an option
  gan-jax sample RUN            draw images from a trained run
  gan-jax evaluate RUN          score a trained run

`gan-jax COMMAND --help` lists a command's options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 for a failed run, 2 for bad input, 130 when interrupted."""
    name, *arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help", "--version"):
        print(__version__ if name == "--version" else _USAGE)
        return 0
    console = Console(markup=False, highlight=False)  # paths may hold brackets
    try:
        if name not in COMMANDS:
            raise InputError(f"there is no command {name!r}; use one of {', '.join(COMMANDS)}")
        return COMMANDS[name](arguments, console)
    except (InputError, ArgumentError) as error:
        return _fail(2, str(error))
    except OSError as error:
        return _fail(2, f"{error.filename or 'file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return _fail(130, "interrupted")


def _fail(code: int, message: str) -> int:
    print(f"gan-jax: {' '.join(message.split())}", file=sys.stderr)
    return code


def train(arguments: Sequence[str], console: Console) -> int:
    """Train an experiment, or go on with one."""
    from gan_jax import settings
    from gan_jax.experiment import Count

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

    from gan_jax import run
    from gan_jax.build import build
    from gan_jax.data import sources
    from gan_jax.training import loop, parallel

    if options.devices:
        with suppress(RuntimeError):  # it has started already, with as many as it has
            jax.config.update("jax_num_cpu_devices", options.devices)
    plan = parallel.plan(options.devices or (1 if jax.default_backend() == "cpu" else None))
    experiment = replace(experiment, data=_located(experiment.data))
    folders = _run_folders(options.workdir, file.stem, options.resume)
    with console.status(f"reading {experiment.data.source}"):
        data = sources.read(experiment.data.source, _path(experiment.data.dir)).train
    if experiment.batch_size > len(data):
        raise InputError(f"batch_size: {experiment.batch_size} is larger than the data set; give at most {len(data)}")
    system = build(experiment, data.shape[1:], plan.parts)
    folder = _claim(folders)
    run.write_experiment(folder, experiment, data)
    shape = "x".join(map(str, data.shape[1:]))
    console.print(f"{len(data):,} samples of {shape} from {experiment.data.source}, devices: {plan.parts.count}")
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
        )
    except loop.Interrupted as stop:
        print(f"{stop} and saved; go on with\n  {shlex.join(['gan-jax', 'train', *again])}")
        return 130
    except loop.NonFiniteError as error:
        return _fail(1, str(error))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return _fail(1, "the device's memory does not suffice; choose smaller networks or a smaller batch_size")
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


def sample(arguments: Sequence[str], console: Console) -> int:
    """Draw from a run."""
    from gan_jax.experiment import Count, Seed

    parser = _parser("sample")
    parser.add_argument("--n", type=Count, default=100, help="how many to draw")
    parser.add_argument("--seed", type=Seed, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--out", help="file for the array `images`, or `points`; by default RUN/samples.npz")
    parser.add_argument("--grid", action="store_true", help="write a PNG of the first 100 beside it")
    options = parser.parse_args(list(arguments))
    folder = Path(options.run)
    out = Path(options.out) if options.out else folder / "samples.npz"
    if out.suffix != ".npz" or out.is_dir():
        raise InputError(f"--out: {out} must be a file that ends in .npz")

    import jax
    import numpy as np

    from gan_jax.data.pictures import save_picture
    from gan_jax.run import draw, open_run

    run = open_run(folder)
    with console.status(f"drawing {options.n:,}"):
        samples = draw(run, jax.random.key(options.seed), options.n)
    name = "images" if samples.ndim == 4 else "points"
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part.npz")
    np.savez(part, **{name: samples})
    os.replace(part, out)
    print(f"{len(samples):,} {name} of iteration {run.step:,}: {out}")
    if options.grid:
        save_picture(out.with_suffix(".png"), samples)
        print(f"grid: {out.with_suffix('.png')}")
    return 0


def evaluate(arguments: Sequence[str], console: Console) -> int:
    """Score a run."""
    from gan_jax.experiment import Count, Seed

    parser = _parser("evaluate")
    parser.add_argument("--n", type=Count, help="samples of each kind; by default all held out, at most 10000")
    parser.add_argument("--seed", type=Seed, default=0, help="of the samples and of the choice of data")
    parser.add_argument("--data-dir", help="folder of prepared TFDS data sets; by default the run's own")
    options = parser.parse_args(list(arguments))
    folder = Path(options.run)

    from gan_jax import evaluation
    from gan_jax.data import sources
    from gan_jax.run import open_run

    run = open_run(folder)
    source, data_dir = run.experiment.data.source, options.data_dir or run.experiment.data.dir
    with console.status(f"reading {source}"):
        data = sources.read(source, _path(data_dir))
    most = min(len(data.train), len(data.held_out), 10_000)
    count = options.n or most
    if data.train.shape[1:] != run.shape:
        raise InputError(
            f"data.source: {source} is of shape {data.train.shape[1:]}, the run was trained on {run.shape}"
        )
    if not 4 <= count <= most:
        raise InputError(f"--n: {count} is not between 4 and {most}, what there is of training and held-out data")
    with console.status("scoring"):
        metrics = evaluation.evaluate(run, data, count=count, seed=options.seed)
    file = folder / "metrics.json"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(metrics, indent=2) + "\n")
    os.replace(part, file)
    _print_scores(console, metrics)
    print(f"written to {file}")
    return 0


def _print_scores(console: Console, metrics: dict) -> None:
    title = (
        f"{metrics['n_fake']} samples of iteration {metrics['step']:,} against {metrics['n_real']} held out, "
        f"{metrics['features']}, k = {metrics['neighbours']}"
    )
    scores = Table("", "samples", "training data", title=title)
    for name in ("precision", "recall"):
        scores.add_row(name, f"{metrics[name]:.3f}", f"{metrics['reference'][name]:.3f}")
    columns = list(next(iter(metrics["train"].values())))
    first = Column("per sample", no_wrap=True)
    measured = Table(first, "data", *columns, title="the critic on data it was trained on and on others")
    for name in metrics["train"]:
        for split in ("train", "held_out"):
            statistics = metrics[split][name]
            measured.add_row(name, split.replace("_", " "), *(f"{statistics[column]:.3f}" for column in columns))
    console.print(scores, measured)
    if "modes" in metrics:
        modes = metrics["modes"]
        near = f"{modes['high_quality']:.1%} of {modes['n']:,} samples near one"
        console.print(f"modes: {modes['hit']} of {modes['of']} hit, {near}, KL to an even spread {modes['kl']:.4f}")


def _parser(command: str) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, prog=f"gan-jax {command}")
    parser.add_argument("run", help="run folder")
    return parser


def _located(data):
    """The same data with absolute paths, so that the run can be evaluated from anywhere."""
    from gan_jax.data.sources import resolve

    folder = _path(data.dir)
    return replace(data, dir=folder and str(folder.absolute()), source=resolve(data.source, folder))


def _path(name: str | None) -> Path | None:
    return Path(name).expanduser() if name else None


COMMANDS = {"train": train, "sample": sample, "evaluate": evaluate}

if __name__ == "__main__":
    sys.exit(main())
