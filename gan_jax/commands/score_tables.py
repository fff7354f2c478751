"""Scores as tables: on a console of any width, as CSV, as LaTeX."""

import csv
import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from gan_jax.evaluation import Evaluation, Value, same_protocol
from gan_jax.evaluation.scores import GOOD, main_scores
from gan_jax.figures.comparison import letter

__all__ = ["score_rows", "score_table", "scores_csv", "scores_latex"]

_BASELINE = "real data"
_BETWEEN = 3  # characters that a column takes beside its text


def score_table(console: Console, found: Sequence[Evaluation]) -> Table:
    """Lay scores out: a row each, a column for each evaluation, and what real data get."""
    protocol = same_protocol({scored.samples: scored.protocol for scored in found})
    names = [scored.samples for scored in found] if len(found) > 1 else ["samples"]
    baseline = [] if protocol.n_baseline == 0 else [_BASELINE]
    table = Table("", *names, *baseline, "good", title=protocol.describe(), title_justify="left")
    for name in main_scores(list(found[0].scores)):
        values = [scored.scores[name] for scored in found]
        cells = [_cell(console, value) for value in values]
        cells += [_number(values[0].baseline)] if baseline else []
        table.add_row(name.replace("_", " "), *cells, GOOD[name])
    return table


def score_rows(console: Console, found: Sequence[Evaluation]) -> list[Table]:
    """Lay scores of many out: a row for each evaluation, under a letter, in as many tables as the width asks for."""
    protocol = same_protocol({scored.samples: scored.protocol for scored in found})
    columns = []
    for name in main_scores(list(found[0].scores)):
        cells = [_cell(console, scored.scores[name]) for scored in found]
        cells += [] if protocol.n_baseline == 0 else [_number(found[0].scores[name].baseline)]
        columns.append((f"{name.replace('_', ' ')}, {GOOD[name]}", cells))
    heads = [letter(place) for place in range(len(found))]
    heads += [] if protocol.n_baseline == 0 else [_BASELINE]

    # As many columns in each table as fit, a head in as many lines as its longest word leaves it.
    tables: list[list[tuple[str, list[str]]]] = [[]]
    room = full = console.width - max(map(len, heads)) - _BETWEEN
    for head, cells in columns:
        width = max(map(len, (*cells, *head.split()))) + _BETWEEN
        if tables[-1] and width > room:
            tables.append([])
            room = full
        tables[-1].append((head, cells))
        room -= width
    return [_rows(heads, each, protocol.describe() if i == 0 else None) for i, each in enumerate(tables)]


def _rows(heads: Sequence[str], columns: Sequence[tuple[str, list[str]]], title: str | None) -> Table:
    made = [Column(head, justify="right", min_width=max(map(len, cells))) for head, cells in columns]
    table = Table("", *made, title=title, title_justify="left")
    for place, head in enumerate(heads):
        table.add_row(head, *(cells[place] for _, cells in columns))
    return table


def scores_csv(found: Sequence[Evaluation]) -> str:
    """Return lines of comma-separated values: a head, then each evaluation's means and standard deviations."""
    names = main_scores(list(found[0].scores))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["samples", "count", *(f"{name}{suffix}" for name in names for suffix in ("", "_sd"))])
    for scored in found:
        values = [scored.scores[name] for name in names]
        numbers = [number for value in values for number in (value.mean, value.sd)]
        lines.writerow([scored.samples, len(scored.seeds), *("" if number is None else number for number in numbers)])
    return text.getvalue()


def scores_latex(found: Sequence[Evaluation]) -> str:
    """Return a LaTeX `tabular` for the package booktabs: a row for each evaluation, and one of real data."""
    names = main_scores(list(found[0].scores))
    rows = [[_escaped(scored.samples), *(_latex(scored.scores[name]) for name in names)] for scored in found]
    if found[0].protocol.n_baseline:
        rows.append([_BASELINE, *(f"${_number(found[0].scores[name].baseline)}$" for name in names)])
    heads = ["", *(name.replace("_", " ") for name in names)]
    lines = [rf"\begin{{tabular}}{{l{'r' * len(names)}}}", r"\toprule", f"{' & '.join(heads)} \\\\", r"\midrule"]
    lines += [f"{' & '.join(row)} \\\\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex(value: Value) -> str:
    spread = "" if value.sd is None else rf" \pm {value.sd:.{_digits(value.mean)}f}"
    return f"${_number(value.mean)}{spread}$"


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in "_%&#$" else character for character in text)


def _cell(console: Console, value: Value) -> str:
    return _number(value.mean) + _spread(console, value)


def _number(value: float) -> str:
    return f"{value:.{_digits(value)}f}"


def _spread(console: Console, value: Value) -> str:
    if value.sd is None:
        return ""
    sign = "±" if "±".encode(console.encoding, "ignore") else "+-"
    return f" {sign} {value.sd:.{_digits(value.mean)}f}"


def _digits(value: float) -> int:
    return 3 if abs(value) >= 0.1 or value == 0 else 5
