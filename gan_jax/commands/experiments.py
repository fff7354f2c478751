"""`gan-jax experiments`: the experiments that come with the package."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gan_jax.commands.options import command_parser, parse
from gan_jax.errors import InputError
from gan_jax.runs.named_experiments import experiment_path, first_line, named_experiments

__all__ = ["main"]


def main(arguments: Sequence[str], console: Console) -> int:
    """List the experiments, or copy one to change it."""
    parser = command_parser("experiments", "List the experiments that come with the package, or copy one to change it.")
    parser.add_argument("--copy", metavar="NAME", help="write NAME.py to this folder")
    options = parse(parser, arguments)
    if options.copy is None:
        table = Table.grid(padding=(0, 2))
        for name, file in named_experiments().items():
            table.add_row(name, first_line(file))
        console.print(table)
        print("train one by `gan-jax train NAME`; NAME without _wgan_gp will do; copy one by --copy NAME")
        return 0
    source = experiment_path(options.copy)
    copy = Path(source.name)
    if copy.exists():
        raise InputError(f"{copy} is here already; move it away", field="copy")
    shutil.copyfile(source, copy)
    print(f"copied to {copy}\nnext: gan-jax train {copy}")
    return 0
