"""`gan-jax sweep`: an experiment with every combination of some settings, a run each."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from rich.console import Console

from gan_jax.commands.experiment_options import add_settings, named_experiment, open_experiment, overridden
from gan_jax.commands.options import command_parser, parse, progress_bars
from gan_jax.errors import InputError, option
from gan_jax.files import expand_user
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.settings import settings_of
from gan_jax.training.checkpoint import newest_step

__all__ = ["main"]

_DOES = "Train an experiment with every combination of settings, as --gan.penalty r1,wgan_gp --seed 0,1,2."


class _Cell(NamedTuple):
    """One combination: the values by setting, the experiment that they make, and where it runs."""

    values: dict[str, str]
    experiment: Experiment
    folder: RunFolder

    def is_done(self) -> bool:
        """Whether it has come to its last iteration."""
        return (newest_step(self.folder.checkpoints) or 0) >= self.experiment.steps


def main(arguments: Sequence[str], console: Console) -> int:
    """Train every combination that is not trained yet, each in a process of its own."""
    name, everything = named_experiment(arguments), "--help-all" in arguments
    if name is None:
        parse(_parser(Experiment(), everything), arguments)  # for its help, or for what is wrong
    base, _, is_run = open_experiment(Path(str(name)))
    if is_run:
        raise InputError(f"{name} is a run; give its experiment.json to train others like it")
    options = vars(parse(_parser(base, everything), arguments))
    sweep = expand_user(options["workdir"] or f"runs/{Path(str(name)).stem}_sweep")
    cells = _cells(base, options, sweep)

    missing = [cell for cell in cells if not cell.is_done()]
    console.print(f"{len(cells)} runs in {sweep}, {len(cells) - len(missing)} done already", soft_wrap=True)
    sweep.mkdir(parents=True, exist_ok=True)
    failed = _train(str(name), missing, options["gpus"] or [None], console)
    for cell in failed:
        console.print(f"failed: {cell.folder.path}, see {_log(cell)}", soft_wrap=True)
    if failed:
        return 1
    by = next((setting for setting in cells[0].values if setting != "seed"), "seed")
    print(f"next: gan-jax compare {sweep} --by {by}")
    return 0


def _parser(experiment: Experiment, everything: bool) -> ArgumentParser:
    parser = command_parser("sweep", _DOES)
    parser.add_argument("experiment", help="name (see gan-jax experiments), Python file or experiment.json")
    parser.add_argument("--workdir", metavar="DIR", help="folder of the runs; by default runs/NAME_sweep")
    parser.add_argument("--gpus", nargs="+", metavar="I", help="one run at a time on each; by default one in all")
    add_settings(parser, experiment, everything, several=True)
    return parser


def _cells(base: Experiment, options: dict[str, Any], sweep: Path) -> list[_Cell]:
    """Every combination, checked; a setting that is a list by itself has one value."""
    values: dict[str, list[str]] = {}
    for setting in settings_of(base):
        if setting.name in options:
            text = ",".join(options[setting.name])
            values[setting.name] = [text] if isinstance(setting.value, tuple) else text.split(",")
            if len(set(values[setting.name])) < len(values[setting.name]):
                raise InputError(f"{text} names a value twice; give each once", field=setting.name)
    varied = [name for name, several in values.items() if len(several) > 1]
    if not varied:
        raise InputError("nothing varies; give a setting several values, as --seed 0,1,2")
    cells = []
    for combination in product(*values.values()):
        cell = dict(zip(values, combination, strict=True))
        label = "__".join(f"{name}={cell[name]}" for name in varied).replace("/", "_")
        cells.append(_Cell(cell, overridden(base, cell), RunFolder(sweep / label)))
    return cells


def _train(name: str, cells: Sequence[_Cell], gpus: Sequence[str | None], console: Console) -> list[_Cell]:
    """Train cells, as many at once as there are GPUs named, and return those that failed."""
    free: SimpleQueue[str | None] = SimpleQueue()
    for gpu in gpus:
        free.put(gpu)

    def run(cell: _Cell) -> tuple[_Cell, int]:
        gpu = free.get()
        try:
            return cell, _run(name, cell, gpu)
        finally:
            free.put(gpu)

    failed = []
    with progress_bars(console) as progress, ThreadPoolExecutor(len(gpus)) as pool:
        advance = progress("training", len(cells))
        futures = [pool.submit(run, cell) for cell in cells]
        try:
            for future in as_completed(futures):
                cell, code = future.result()
                advance(1)
                failed += [cell] if code else []
        except KeyboardInterrupt:  # which the terminal sends the runs too: they save and end
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def _run(name: str, cell: _Cell, gpu: str | None) -> int:
    """Train one in a process of its own; what one compiles, the next finds in the cache."""
    settings = [word for setting, value in cell.values.items() for word in (option(setting), value)]
    command = [sys.executable, "-m", "gan_jax", "train", name, "--workdir", str(cell.folder.path), *settings]
    command += ["--resume"] if cell.folder.is_run() else []
    environment = os.environ | ({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu})
    with _log(cell).open("a") as log:
        return subprocess.run(command, stdout=log, stderr=log, env=environment).returncode


def _log(cell: _Cell) -> Path:
    return cell.folder.path.with_name(f"{cell.folder.path.name}.log")
