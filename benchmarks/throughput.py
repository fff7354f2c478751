"""Iterations per second of whole training iterations, in interleaved rounds, here and in PyTorch.

`python -m benchmarks.throughput --peers` compares every work with PyTorch; `--help` lists the choices. Speeds of a
machine drift, so that two runs cannot be compared: ratios mean something within one run, whose contestants take turns.
An iteration is all of a work's critic steps and one generator step; images are those that the critic sees.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console, Group
from rich.progress import track
from rich.table import Table

from benchmarks.contestants import MODES, Contestant, ours, peer
from benchmarks.works import GPU_WORKS, METHODS, OWN, WORKS
from gan_jax.figures.palette import BLUE, ORANGE

VARIANTS = ["eager", "channels_last", "compile", "cuda_graph", "tf32", "bfloat16"]


def matrix_product_peak(size: int = 2048, repeats: int = 8) -> float:
    """Measure the device's float32 matrix product in 10^9 operations per second: the best of some repeats."""
    a = jnp.ones((size, size))
    multiply = jax.jit(lambda a: a @ a)
    jax.block_until_ready(multiply(a))
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        jax.block_until_ready(multiply(a))
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def default_works() -> list[str]:
    """All works; on a CPU, those that it can run."""
    return [name for name in WORKS if name not in GPU_WORKS or jax.default_backend() != "cpu"]


def take_turns(contestants: Sequence[Contestant], *, rounds: int, seconds: float, console: Console) -> None:
    """Run the contestants in turn, each for about `seconds` a round, the first of all dropped."""
    counts = []
    for contestant in contestants:
        contestant.run(1)
        period = contestant.period
        counts.append(period * max(1, round(seconds / (period * contestant.run(1)))))
    for _ in track(range(rounds), "rounds", console=console, transient=True):
        for contestant, count in zip(contestants, counts, strict=True):
            contestant.speeds.append(count / contestant.run(count))
            time.sleep(0.2)  # until the threads of the other framework have stopped spinning


def summary(contestant: Contestant, peak: float) -> dict[str, Any]:
    """Join what is known about a contestant and what was measured."""
    row, speeds = contestant.row, contestant.speeds
    median = statistics.median(speeds)
    measured = {
        "iterations_per_s": median,
        "iterations_per_s_min": min(speeds),
        "iterations_per_s_max": max(speeds),
        "images_per_s": median * row["critic_steps"] * row["batch"],
        "rounds": speeds,
    }
    if "gflop" in row:
        measured |= {"gflop_per_s": row["gflop"] * median, "share_of_peak": row["gflop"] * median / peak}
    return row | measured


def compare(options: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    """Measure each work by itself: its contestants are compiled, run in turn, and closed."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    peak, machine = matrix_product_peak(), {"processor": processor(), "load": load}
    console.print(f"{machine['processor']}: matrix product {peak:,.0f} GFLOP/s, jax {jax.__version__}")
    console.print(quietness(load, cores))
    rows = []
    for name in options.work:
        with console.status(f"compiling {name}"):
            contestants = [ours(name, penalty, mode) for penalty in options.penalty for mode in options.mode]
            if options.peers:
                contestants += [peer(name, penalty, kind) for penalty in options.penalty for kind in options.variant]
        failed = [contestant.row for contestant in contestants if "error" in contestant.row]
        running = [contestant for contestant in contestants if "error" not in contestant.row]
        take_turns(running, rounds=options.rounds, seconds=options.seconds, console=console)
        measured = [summary(contestant, peak) | machine for contestant in running]
        for contestant in contestants:
            contestant.close()
        console.print(table(measured))
        for row in failed:
            console.print(f"{row['framework']} {row['mode']}, {row['penalty']}: {row['error']}")
        rows += measured + failed
    return rows


def relative(row: dict[str, Any], first: dict[str, Any]) -> str:
    """How many times as fast a row is as the first, round by round; said if the rounds do not tell it from 1.

    >>> first = {"rounds": [1.0, 1.0]}
    >>> relative({"rounds": [2.0, 3.0]}, first), relative({"rounds": [0.9, 1.2]}, first)
    ('2.50', '1.05, or 1')
    """
    ratios = [own / of_first for own, of_first in zip(row["rounds"], first["rounds"], strict=True)]
    told = row is first or not min(ratios) <= 1 <= max(ratios)
    return f"{statistics.median(ratios):.2f}" + ("" if told else ", or 1")


def table(rows: Sequence[dict[str, Any]]) -> Group:
    """Lay out the rows of one work: speeds, each relative to the first, and what else is known. Of 80 columns."""
    title = f"{rows[0]['work']}, batch {rows[0]['batch']}"
    speeds = Table("", "iterations/s", "spread", "images/s", "relative", title=title)
    costs = Table("", "compile s", "parameters", "MB", "GFLOP", "of peak")
    for row in rows:
        low, high, median = (row[f"iterations_per_s{end}"] for end in ("_min", "_max", ""))
        name = f"{row['framework']} {row['mode']}\n{row['penalty']}"
        speeds.add_row(
            name, f"{median:.3g}", f"{low:.3g} to {high:.3g}", f"{row['images_per_s']:,.0f}", relative(row, rows[0])
        )
        costs.add_row(
            name,
            f"{row['compile_s']:.1f}",
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['peak_bytes'] / 1e6:,.0f}" if row["peak_bytes"] else "",
            f"{row['gflop']:.1f}" if "gflop" in row else "",
            f"{row['share_of_peak']:.0%}" if "share_of_peak" in row else "",
        )
    return Group(speeds, costs)


def processor() -> str:
    """Name the processor, or the accelerator that jax uses."""
    kind, file = jax.local_devices()[0].device_kind, Path("/proc/cpuinfo")
    if kind.lower() != "cpu" or not file.exists():
        return kind
    names = [line.partition(":")[2].strip() for line in file.read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else kind


def quietness(load: float, cores: int) -> str:
    """Say whether others wanted the processor, from the load of the minute before.

    >>> quietness(0.1, 2), quietness(4.0, 2)
    ('quiet, load 0.1', 'NOT QUIET, load 4.0 on 2 cores: ratios mean little')
    """
    quiet = load < 0.25 * cores
    return f"quiet, load {load:.1f}" if quiet else f"NOT QUIET, load {load:.1f} on {cores} cores: ratios mean little"


def plot(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw a bar for every row, in images per second, with its spread."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["work"] for row in rows))
    figure = Figure(figsize=(8, 0.6 + 0.3 * len(rows) + 0.5 * len(names)), layout="constrained")
    heights = [sum(row["work"] == name for row in rows) for name in names]
    panels = figure.subplots(len(names), squeeze=False, height_ratios=heights)[:, 0]
    for name, axes in zip(names, panels, strict=True):
        chosen = [row for row in rows if row["work"] == name]
        images = [row["images_per_s"] for row in chosen]
        scale = [row["images_per_s"] / row["iterations_per_s"] for row in chosen]
        low = [m - s * row["iterations_per_s_min"] for m, s, row in zip(images, scale, chosen, strict=True)]
        high = [s * row["iterations_per_s_max"] - m for m, s, row in zip(images, scale, chosen, strict=True)]
        colors = [BLUE if row["framework"] == "gan_jax" else ORANGE for row in chosen]
        labels = [f"{row['framework']} {row['mode']}, {row['penalty']}" for row in chosen]
        axes.barh(labels, images, xerr=[low, high], color=colors, error_kw={"lw": 1, "capsize": 2})
        axes.invert_yaxis()
        axes.set(title=f"{name}, batch {chosen[0]['batch']}", xlabel="images/s")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


def main() -> None:
    """Parse the command line, measure, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--work",
        nargs="+",
        choices=WORKS,
        metavar="NAME",
        help=f"of {', '.join(WORKS)}; default: all, on a CPU without the published settings {', '.join(GPU_WORKS)}",
    )
    parser.add_argument(
        "--penalty",
        nargs="+",
        choices=[OWN, *METHODS],
        default=[OWN],
        metavar="NAME",
        help=f"default: {OWN}, the penalty or constraint that a work has; else one of {', '.join(METHODS)}",
    )
    parser.add_argument("--mode", nargs="+", choices=MODES, default=["scan"], help="default: scan")
    parser.add_argument("--peers", action="store_true", help="PyTorch too, in processes of its own")
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=VARIANTS[:2], help="PyTorch's settings")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each contestant in each round")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--plot", type=Path, help="draw the rows into this PNG")
    options = parser.parse_args()
    options.work = options.work or default_works()
    rows = compare(options, Console())
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        plot([row for row in rows if "error" not in row], options.plot)


if __name__ == "__main__":
    main()
