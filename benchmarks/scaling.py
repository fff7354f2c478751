"""Seconds of an iteration against batch size, width, image size and critic steps, with the exponents of their growth.

`python -m benchmarks.scaling` takes about five minutes on two CPU cores. The work is a DCGAN on square gray images; one
size changes at a time, and the sizes take turns, so that a slow minute of the machine falls on all of them.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.contestants import ours
from benchmarks.throughput import matrix_product_peak, summary, take_turns
from benchmarks.works import METHODS, WORKS, Work
from gan_jax import CriticConfig, GeneratorConfig

SIZES = {
    "batch": [16, 32, 64, 128],
    "width": [8, 16, 32, 64],
    "image": [16, 32, 64, 128],
    "critic_steps": [1, 2, 4, 8],
}
_DEFAULT = {"batch": 32, "width": 16, "image": 32, "critic_steps": 5}


def work_of(batch: int, width: int, image: int, critic_steps: int) -> Work:
    """Build a DCGAN for square gray images."""
    base = WORKS["mnist_dcgan"].experiment
    networks = {"generator": GeneratorConfig("dcgan", width), "critic": CriticConfig("dcgan", width)}
    gan = replace(base.gan, critic_steps=critic_steps, **networks)
    return Work(replace(base, gan=gan, batch_size=batch), (image, image, 1))


def measure(name: str, options: argparse.Namespace, console: Console) -> list[dict]:
    """Measure every size of one kind; returns a row each, with its seconds per iteration."""
    with console.status(f"compiling {name}"):
        contestants = [
            ours("dcgan", options.penalty, "scan", work_of(**_DEFAULT | {name: size})) for size in SIZES[name]
        ]
    take_turns(contestants, rounds=options.rounds, seconds=options.seconds, console=console)
    peak = matrix_product_peak()
    rows = [summary(contestant, peak) for contestant in contestants]
    sizes = [_DEFAULT | {name: size} for size in SIZES[name]]
    return [
        row | size | {"varied": name, "size": size[name], "seconds": 1 / row["iterations_per_s"]}
        for row, size in zip(rows, sizes, strict=True)
    ]


def exponent(rows: list[dict], value: str) -> float:
    """Slope of the least-squares line of log(value) over log(size)."""
    return float(np.polyfit(*(np.log([row[column] for row in rows]) for column in ("size", value)), 1)[0])


def main() -> None:
    """Parse the command line, measure, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--vary", nargs="+", choices=SIZES, default=[*SIZES], help="default: all")
    parser.add_argument("--penalty", choices=METHODS, default="wgan_gp")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each size in each round")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    console, rows = Console(), []
    for name in options.vary:
        measured = measure(name, options, console)
        table = Table(name, "ms an iteration", "images/s", "GFLOP", title=f"default: {_DEFAULT}")
        for row in measured:
            cells = (f"{1000 * row['seconds']:.1f}", f"{row['images_per_s']:,.0f}", f"{row['gflop']:.2f}")
            table.add_row(str(row["size"]), *cells)
        table.add_row("exponent", f"{exponent(measured, 'seconds'):.2f}", "", f"{exponent(measured, 'gflop'):.2f}")
        console.print(table)
        rows += measured
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
