"""Every penalty and constraint: what a step costs on MNIST's networks, and what it buys in small games.

`python -m benchmarks.penalties` takes less than an hour on two CPU cores, and goes on where it stopped; `--only` takes
some methods, `--parts` the games or the cost alone. Costs are relative to no penalty, in rounds in which all take
turns; a name that ends in "/16" is the penalty at every 16th critic step.
"""

import argparse
import csv
import multiprocessing
import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from benchmarks.contestants import forward_gflop, ours
from benchmarks.throughput import summary, take_turns
from benchmarks.trials import GAMES, play
from benchmarks.works import METHODS, WORKS
from gan_jax.figures.palette import BLUE, GRAY, VERMILION
from gan_jax.files import read_json, write_json
from gan_jax.penalties import PENALTIES

WORK = "mnist_dcgan"
# Passes of the critic, forward, in one of its steps, by hand; one of the generator comes on top.
UNITS = {
    **dict.fromkeys(METHODS, 10),
    **dict.fromkeys(["none", "gan_qp", "pair_slope", "lecam"], 6),  # the loss's own
    **dict.fromkeys(["weight_clipping", "spectral_normalization", "conv_spectral_normalization", "bjorck"], 6),
    **dict.fromkeys(["r1", "r2"], 8),  # the loss's pass is shared
    "finite_difference_r1": 9,  # one pass more, forward and back
    "consistency": 12,  # two
    "adversarial_lipschitz": 16,  # two of both kinds of samples, one of them not back to the parameters
    "gradient_normalization": 12,  # a penalty's passes at both kinds of samples
}
LAZY = [f"{name}/16" for name in PENALTIES]
COST = {
    "relative": "speed",
    "lazy": "every 16th",
    "compile_s": "compile s",
    "peak_mb": "MB",
    "units": "passes",
    "hand_units": "by hand",
}
QUALITY = {
    "distance_error": "W1 error",
    "modes": "modes",
    "high_quality": "near one",
    "precision": "precision",
    "recall": "recall",
    "slope": "slope",
}


def cost(names: Sequence[str], options: argparse.Namespace, console: Console) -> list[dict[str, Any]]:
    """Measure methods, and none of them, in turns on MNIST's networks."""
    contestants = [
        ours(WORK, name, "scan") for name in track(["none", *names], "compiling", console=console, transient=True)
    ]
    take_turns(contestants, rounds=options.rounds, seconds=options.seconds, console=console)
    critic, generator = forward_gflop(WORKS[WORK])
    rows = [summary(contestant, peak=1.0) for contestant in contestants]
    for row in rows:
        ratios = [mine / base for mine, base in zip(row["rounds"], rows[0]["rounds"], strict=True)]
        row |= {"relative": statistics.median(ratios), "relative_min": min(ratios), "relative_max": max(ratios)}
        if "critic_step_gflop" in row:
            row["units"] = (row["critic_step_gflop"] - generator) / critic
        row.pop("share_of_peak", None)
    return rows


def _own_core(cores) -> None:
    """Give a worker one core, so that the games of others do not slow its own."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores.get()})


def _played(game: str, method: str) -> dict[str, Any]:
    return play(GAMES[game](), method)


def trials(names: Sequence[str], results: dict[str, Any], file: Path, console: Console) -> None:
    """Play every game that has no result yet, one on each core, and keep each as it comes."""
    missing = [(game, name) for game in GAMES for name in names if f"{game}/{name}" not in results["trials"]]
    spawn = multiprocessing.get_context("spawn")
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())
    cores = spawn.Queue()
    for core in available:
        cores.put(core)
    with ProcessPoolExecutor(len(available), spawn, initializer=_own_core, initargs=(cores,)) as pool:
        futures = {pool.submit(_played, *pair): "/".join(pair) for pair in missing}
        for future in track(as_completed(futures), "playing", total=len(futures), console=console):
            results["trials"][futures[future]] = future.result()
            write_json(file, results, indent=1)


def rows_of(results: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """Join cost and scores: a row per method, scores as mean and standard deviation over seeds."""
    costs = {row["penalty"]: row for row in results["cost"]}
    rows = []
    for name in names:
        row: dict[str, Any] = {"method": name, "hand_units": UNITS[name]}
        if name in costs:
            found = costs[name]
            row |= {key: found[key] for key in ("relative", "relative_min", "relative_max", "compile_s", "units")}
            row["peak_mb"] = found["peak_bytes"] / 1e6
            row["gflop"] = found["gflop"]
        if f"{name}/16" in costs:
            row["lazy"] = costs[f"{name}/16"]["relative"]
        for game in GAMES:
            played = results["trials"].get(f"{game}/{name}")
            if played is None:
                continue
            row[f"{game}_strength"] = played["strength"]
            for score in played["seeds"][0]:
                values = [seed[score] for seed in played["seeds"]]
                column = {"error": "distance_error", "slope": "slope" if game == "digits" else f"{game}_slope"}
                column = column.get(score, score)
                row |= {column: statistics.fmean(values), f"{column}_sd": statistics.stdev(values)}
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]], columns: dict[str, str], sort: str) -> Table:
    """Lay out some columns of the rows, the largest of one first, or in the order of the methods."""
    order = rows if sort == "method" else sorted(rows, key=lambda row: -row.get(sort, float("-inf")))
    result = Table(Column("method", no_wrap=True), *columns.values())
    for row in order:
        result.add_row(row["method"], *(cell(row, column) for column in columns))
    return result


def cell(row: dict[str, Any], column: str) -> str:
    """A number as a reader wants it, with its deviation over seeds if it has one.

    >>> cell({"recall": 0.8512, "recall_sd": 0.021}, "recall"), cell({}, "recall")
    ('0.85 ± 0.02', '')
    """
    if column not in row:
        return ""
    value = row[column]
    if column in ("peak_mb", "hand_units"):
        return f"{value:.0f}"
    if column in ("modes", "compile_s", "units"):
        return f"{value:.1f}"
    if abs(value) >= 1e3:
        return f"{value:.0e}"
    digits = ".2f" if abs(value) < 10 else ".0f"
    deviation = f" ± {row[f'{column}_sd']:{digits}}" if f"{column}_sd" in row else ""
    return f"{value:{digits}}{deviation}"


def plot(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Draw quality on the digits beside cost, a line of two dots for each method, the best first."""
    from matplotlib.figure import Figure

    found = [row for row in rows if "relative" in row and "recall" in row]
    found = sorted(found, key=lambda row: min(row["precision"], row["recall"]))
    figure = Figure(figsize=(8, 0.6 + 0.22 * len(found)), layout="constrained")
    quality, cost = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, row in enumerate(found):
        color, mark = (BLUE, "o") if row["method"] in PENALTIES else (VERMILION, "s")
        color, mark = (GRAY, "X") if row["method"] == "none" else (color, mark)
        worst = min(("precision", "recall"), key=row.__getitem__)
        quality.errorbar(row[worst], place, xerr=row.get(f"{worst}_sd", 0), fmt=mark, color=color, ms=5, lw=1)
        cost.plot(1 / row["relative"], place, mark, color=color, ms=5)
    quality.set_yticks(range(len(found)), [row["method"] for row in found], fontsize=8)
    quality.set(xlabel="digits: the lesser of precision and recall", xlim=(-0.03, 1), ylim=(-0.7, len(found) - 0.3))
    cost.set(xlabel="time relative to no penalty")
    cost.tick_params(left=False)
    for axes in (quality, cost):
        axes.grid(axis="y", color="black", alpha=0.12, lw=0.6)
        axes.xaxis.label.set_fontsize(9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure what is missing, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.penalties", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=METHODS, default=METHODS, metavar="NAME", help="default: all")
    parser.add_argument("--parts", nargs="+", choices=["games", "cost"], default=["games", "cost"])
    parser.add_argument("--json", type=Path, default=Path("runs/penalties.json"), help="where results are kept")
    parser.add_argument("--csv", type=Path, help="write the table to this file")
    parser.add_argument("--plot", type=Path, help="draw cost against quality into this PNG")
    parser.add_argument("--sort", choices=["method", *COST, *QUALITY], default="method", help="order of the tables")
    parser.add_argument("--rounds", type=int, default=3, help="of cost")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each method in each round")
    options = parser.parse_args(arguments)
    console = Console()
    results = read_json(options.json) if options.json.exists() else {"cost": [], "trials": {}}
    if "games" in options.parts:
        trials(options.only, results, options.json, console)
    if "cost" in options.parts:
        known = {row["penalty"] for row in results["cost"]}
        wanted = [name for name in [*METHODS, *LAZY] if name.partition("/")[0] in options.only and name != "none"]
        missing = [name for name in wanted if name not in known]
        if missing:
            kept = [row for row in results["cost"] if row["penalty"] != "none"]
            results["cost"] = kept + cost(missing, options, console)
            write_json(options.json, results, indent=1)
    rows = rows_of(results, options.only)
    console.print(table(rows, COST, options.sort), table(rows, QUALITY, options.sort))
    if options.csv:
        with options.csv.open("w", newline="") as file:
            columns = list(dict.fromkeys(column for row in rows for column in row))
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
