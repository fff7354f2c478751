"""The command `gan-jax`: train, sample, evaluate.

Modules that take long to import are imported inside the commands, so that help and mistakes answer at once.
"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jsonargparse import ArgumentError, ArgumentParser
from jsonargparse.typing import NonNegativeInt, PositiveInt
from rich.console import Console
from rich.table import Table

from gan_jax import __version__
from gan_jax.errors import InputError

_USAGE = f"""gan-jax {__version__}: train generative adversarial networks with a Lipschitz critic

  gan-jax train EXPERIMENT.py   train; any setting of the experiment is an option
  gan-jax sample RUN            draw images from a trained run
  gan-jax evaluate RUN          score a trained run

`gan-jax COMMAND --help` lists a command's options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 for a failed run, 2 for bad input, 130 when interrupted."""
    name, *arguments = sys.argv[1:] if arguments is None else arguments or ["--help"]
    if name in ("-h", "--help", "--version"):
        print(_USAGE)
        return 0
    console = Console()
    try:
        if name not in COMMANDS:
            raise InputError(f"there is no command {name!r}; use one of {', '.join(COMMANDS)}")
        return COMMANDS[name](arguments, console)
    except (InputError, ArgumentError) as error:
        print(f"gan-jax: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def train(arguments: Sequence[str], console: Console) -> int:
    """Train an experiment, or go on with one."""
    from gan_jax import settings

    parser = settings.parser(prog="gan-jax train")
    parser.add_argument("experiment", help="Python file that defines `experiment = Experiment(...)`")
    parser.add_argument("--workdir", help="run folder; by default a new one under runs/ named after the file")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run folder")
    file = Path(settings.parse(parser, arguments).experiment)
    parser.set_defaults(settings.to_json(settings.load(file)))
    options = settings.parse(parser, arguments)
    experiment = settings.experiment_of(options)
    experiment = replace(experiment, data=_with_absolute_paths(experiment.data))
    folder = _run_folder(options.workdir, file.stem, options.resume)

    from gan_jax import run
    from gan_jax.data import sources
    from gan_jax.training import loop

    with console.status(f"reading {experiment.data.source}"):
        images = sources.read(experiment.data.source, _path(experiment.data.dir)).train
    if experiment.batch_size > len(images):
        raise InputError(f"batch_size: {experiment.batch_size} is larger than the data set; give at most {len(images)}")
    system = run.build(experiment, images.shape[1:])
    run.write_experiment(folder, experiment, images.shape[1:])
    console.print(f"{len(images):,} images of {'x'.join(map(str, images.shape[1:]))} from {experiment.data.source}")
    again = [*arguments] if options.workdir else [*arguments, "--workdir", str(folder)]
    again += [] if options.resume else ["--resume"]
    try:
        loop.train(
            system,
            images,
            folder,
            seed=experiment.seed,
            noise=experiment.data.noise,
            steps=experiment.steps,
            log_every=experiment.log_every,
            sample_every=experiment.sample_every,
            checkpoint_every=experiment.checkpoint_every,
            keep_checkpoints=experiment.keep_checkpoints,
            console=console,
        )
    except loop.Interrupted as stop:
        print(f"{stop} and saved; go on with\n  {shlex.join(['gan-jax', 'train', *again])}")
        return 130
    except loop.NonFiniteError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return 1
    print(f"run folder: {folder}\nnext: gan-jax sample {folder} --n 100 --grid")
    return 0


def _run_folder(workdir: str | None, name: str, resume: bool) -> Path:
    """The folder to use: the one given, the newest of this name to resume, or a new one."""
    runs = [Path("runs") / name, *(Path("runs") / f"{name}-{i}" for i in range(2, 10_000))]
    if workdir is None:
        taken = [folder for folder in runs if folder.exists()]
        if resume and not taken:
            raise InputError(f"--resume: there is no run folder {runs[0]}; give --workdir")
        return taken[-1] if resume else next(folder for folder in runs if not folder.exists())
    folder = Path(workdir)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--workdir: {folder} is a file; give a folder")
    if resume and not (folder / "experiment.json").exists():
        raise InputError(f"--resume: {folder} holds no run; leave --resume out to start one there")
    if not resume and folder.exists() and any(folder.iterdir()):
        raise InputError(f"--workdir: {folder} is not empty; add --resume to go on with it, or give another folder")
    return folder


def sample(arguments: Sequence[str], console: Console) -> int:
    """Draw images from a run."""
    parser = _parser("sample")
    parser.add_argument("--n", type=PositiveInt, default=100, help="how many images")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="the same seed gives the same bytes")
    parser.add_argument("--out", help="file for the array `images`; by default RUN/samples.npz")
    parser.add_argument("--grid", action="store_true", help="write a PNG of the first 100 images beside it")
    options = parser.parse_args(list(arguments))
    folder = Path(options.run)
    out = Path(options.out) if options.out else folder / "samples.npz"
    if out.suffix != ".npz":
        raise InputError(f"--out: {out} must end in .npz")

    import jax
    import numpy as np

    from gan_jax.data.images import grid, save_png
    from gan_jax.run import draw, open_run

    run = open_run(folder)
    with console.status(f"drawing {options.n:,} images"):
        images = draw(run, jax.random.key(options.seed), options.n)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part.npz")
    np.savez(part, images=images)
    os.replace(part, out)
    print(f"{len(images):,} images of iteration {run.step:,}: {out}")
    if options.grid:
        save_png(out.with_suffix(".png"), grid(images[:100], columns=10))
        print(f"grid: {out.with_suffix('.png')}")
    return 0


def evaluate(arguments: Sequence[str], console: Console) -> int:
    """Score a run."""
    parser = _parser("evaluate")
    parser.add_argument("--n", type=PositiveInt, help="images of each kind; by default all held out, at most 10000")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of the samples and of the choice of images")
    parser.add_argument("--data-dir", help="folder of prepared TFDS data sets; by default the run's own")
    options = parser.parse_args(list(arguments))
    folder = Path(options.run)

    from gan_jax import evaluation
    from gan_jax.data import sources
    from gan_jax.run import open_run

    run = open_run(folder)
    data = run.experiment.data
    with console.status(f"reading {data.source}"):
        images = sources.read(data.source, _path(options.data_dir or data.dir))
    most = min(len(images.train), len(images.held_out), 10_000)
    count = options.n or most
    if not 4 <= count <= most:
        raise InputError(f"--n: {count} is not between 4 and {most}, what there is of training and held-out images")
    with console.status("scoring"):
        metrics = evaluation.evaluate(run, images, count=count, seed=options.seed)
    file = folder / "metrics.json"
    part = file.with_suffix(".part")
    part.write_text(json.dumps(metrics, indent=2) + "\n")
    os.replace(part, file)
    _print_scores(console, metrics)
    print(f"written to {file}")
    return 0


def _print_scores(console: Console, metrics: dict) -> None:
    title = (
        f"{metrics['n_fake']} samples of iteration {metrics['step']:,} against {metrics['n_real']} held-out images, "
        f"{metrics['features']}, k = {metrics['neighbours']}"
    )
    scores = Table("", "samples", "training images", title=title)
    for name in ("precision", "recall"):
        scores.add_row(name, f"{metrics[name]:.3f}", f"{metrics['reference'][name]:.3f}")
    columns = list(next(iter(metrics["train"].values())))
    measured = Table("per sample", "images", *columns, title="the critic on images it was trained on and on others")
    for name in metrics["train"]:
        for split in ("train", "held_out"):
            measured.add_row(name, split, *(f"{metrics[split][name][column]:.3f}" for column in columns))
    console.print(scores, measured)


def _parser(command: str) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, prog=f"gan-jax {command}")
    parser.add_argument("run", help="run folder")
    return parser


def _with_absolute_paths(data):
    """So that the run folder can be evaluated from anywhere."""
    if data.dir is not None:
        data = replace(data, dir=str(Path(data.dir).expanduser().absolute()))
    source = Path(data.source).expanduser()
    return replace(data, source=str(source.absolute())) if data.source != "digits" and source.exists() else data


def _path(name: str | None) -> Path | None:
    return Path(name).expanduser() if name else None


COMMANDS = {"train": train, "sample": sample, "evaluate": evaluate}

if __name__ == "__main__":
    sys.exit(main())
