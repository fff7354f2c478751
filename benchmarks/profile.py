"""Where an iteration's time goes on a CPU: by kind of operation, with its arithmetic and the memory that it touches.

`python -m benchmarks.profile --work mlp_2d sngan_32 --json rows.json` runs a few iterations under JAX's profiler and
joins what it timed with the program that was compiled. An operation is timed from its beginning to its end; a large
one has all cores, small ones may run side by side. XLA starts a convolution by Eigen and is told later that it is done,
which the profiler does not see: convolutions are given what is left of an iteration.
"""

import argparse
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import jax
from rich.console import Console
from rich.table import Table

from benchmarks.contestants import compiled_block
from benchmarks.throughput import matrix_product_peak
from benchmarks.works import WORKS
from gan_jax.files import write_json

_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = (\(.*?\)|\S+) ([\w-]+)\((.*)$", re.MULTILINE)
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \(.*?\) -> .*?\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_SHAPE = re.compile(r"\b(pred|[a-z]+\d+)\[([\d,]*)\]")
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8}
_CONTROL = {"while", "call", "conditional", "tuple", "get-tuple-element", "parameter", "constant", "bitcast"}
_MOVES = {"copy", "transpose", "concatenate", "pad", "slice", "dynamic-slice", "dynamic-update-slice", "reverse"}


class Operation(NamedTuple):
    """What is known of an instruction from the program.

    Attributes:
      kind: what it is summed up under.
      flops: of its matrix products and convolutions, once.
      bytes: of its operands and results, once.
    """

    kind: str
    flops: float
    bytes: float


def operations(program: str) -> dict[str, Operation]:
    """Read the instructions of a compiled program, by their names.

    >>> text = '''ENTRY %main (a: f32[2,3], b: f32[3,4]) -> f32[2,4] {
    ...   %a = f32[2,3]{1,0} parameter(0)
    ...   %b = f32[3,4]{1,0} parameter(1)
    ...   ROOT %dot.1 = f32[2,4]{1,0} dot(%a, %b), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    ... }
    ... '''
    >>> operations(text)
    {'dot.1': Operation(kind='matrix products', flops=48, bytes=104)}
    """
    found = {match[1]: match for match in _INSTRUCTION.finditer(program)}
    inside = {
        match[1]: [each[1] for each in _INSTRUCTION.finditer(match[2])] for match in _COMPUTATION.finditer(program)
    }
    shapes = {name: _shapes(match[2]) for name, match in found.items()}

    def operands(name: str) -> list[str]:
        given = found[name][4].partition("), ")[0]
        return [operand for operand in re.findall(r"%?([\w.-]+)", given) if operand in found]

    def flops(name: str) -> float:
        match = found[name]
        if match[3] in ("fusion", "call", "custom-call"):
            called = re.search(r"(?:calls|to_apply)=%?([\w.-]+)", match[4])
            return sum(map(flops, inside.get(called[1], []))) if called else 0
        if match[3] == "dot":
            sides = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", match[4])
            left = shapes[operands(name)[0]][0][1]
            contracted = prod(left[int(axis)] for axis in sides[1].split(",") if axis) if sides else 1
            return 2 * contracted * prod(shapes[name][0][1])
        if match[3] == "convolution":
            kernel, features = shapes[operands(name)[1]][0][1], shapes[name][0][1]
            return 2 * prod(features) * prod(kernel[:-1])
        return 0

    def kind(name: str) -> str:
        operation = found[name][3]
        if flops(name):
            return "convolutions" if operation == "convolution" else "matrix products"
        return "copies and transposes" if operation in _MOVES else "elementwise and sums"

    def touched(name: str) -> float:
        return sum(_BYTES.get(dtype, 4) * prod(sides) for of in (name, *operands(name)) for dtype, sides in shapes[of])

    named = [name for name in found if found[name][3] not in _CONTROL]
    return {name: Operation(kind(name), flops(name), touched(name)) for name in named}


def _shapes(text: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(dtype, tuple(int(side) for side in sides.split(",") if side)) for dtype, sides in _SHAPE.findall(text)]


def timed(run: Callable[[], Any]) -> tuple[dict[str, tuple[int, float]], float]:
    """Run something under the profiler; return how often each operation ran, its seconds, and the seconds in all."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            began = time.perf_counter()
            jax.block_until_ready(run())
            seconds = time.perf_counter() - began
        (file,) = Path(folder).rglob("*.xplane.pb")
        planes = jax.profiler.ProfileData.from_file(str(file)).planes
        counts, durations = defaultdict(int), defaultdict(float)
        for plane in planes:
            for line in plane.lines:
                for event in line.events:
                    counts[event.name] += 1
                    durations[event.name] += event.duration_ns / 1e9
    return {name: (counts[name], durations[name]) for name in counts}, seconds


def profile(name: str, iterations: int) -> list[dict[str, Any]]:
    """Return a row for each kind of operation of a work, per iteration, those that take most time first."""
    advance, program, state = compiled_block(WORKS[name])
    known = operations(program.as_text())
    state = jax.block_until_ready(advance(state, iterations))
    events, seconds = timed(lambda: advance(state, iterations))
    kinds: dict[str, dict[str, float]] = defaultdict(lambda: {"seconds": 0.0, "gflop": 0.0, "gb": 0.0})
    for event, (count, taken) in events.items():
        if event in known:
            operation = known[event]
            row = kinds[operation.kind]
            row["seconds"] += taken / iterations
            row["gflop"] += count * operation.flops / 1e9 / iterations
            row["gb"] += count * operation.bytes / 1e9 / iterations
    if "convolutions" in kinds:
        others = sum(row["seconds"] for kind, row in kinds.items() if kind != "convolutions")
        kinds["convolutions"]["seconds"] = max(seconds / iterations - others, 0.0)
    whole = sum(row["seconds"] for row in kinds.values())
    rows = [{"work": name, "kind": kind, "share": row["seconds"] / whole, **row} for kind, row in kinds.items()]
    return [row | {"iteration_s": seconds / iterations} for row in sorted(rows, key=lambda row: -row["seconds"])]


def main() -> None:
    """Parse the command line, profile, and print a table for each work."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__.splitlines()[0])
    parser.add_argument("--work", nargs="+", choices=WORKS, default=["mnist_dcgan", "mlp_2d", "sngan_32"])
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    console, rows = Console(), []
    peak = matrix_product_peak()
    for name in options.work:
        with console.status(f"profiling {name}"):
            found = profile(name, options.iterations)
        rows += [row | {"peak_gflop_per_s": peak} for row in found]
        title = f"{name}: {found[0]['iteration_s']:.3f} s an iteration; matrix product alone {peak:.0f} GFLOP/s"
        table = Table("operation", "share", "seconds", "GFLOP/s", "GB/s", title=title)
        for row in found:
            speeds = (f"{row[of] / row['seconds']:.1f}" if row["seconds"] else "" for of in ("gflop", "gb"))
            table.add_row(row["kind"], f"{row['share']:.0%}", f"{row['seconds']:.4f}", *speeds)
        console.print(table)
    if options.json:
        write_json(options.json, rows)


if __name__ == "__main__":
    main()
