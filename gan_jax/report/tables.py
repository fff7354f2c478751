"""The tables of a run's report: facts, scores, diagnostics, settings."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import floor, isfinite, log10
from typing import Any

from gan_jax.evaluation.scores import SCORES, main_scores
from gan_jax.systems.system import Metric

__all__ = [
    "comparison_table",
    "definitions",
    "diagnostics_table",
    "facts",
    "format_value",
    "penalty_in_words",
    "score_table",
    "settings_tables",
]

_BETTER = {"low": "lower", "high": "higher", "real": "as real data"}
_ARROWS = {"low": "\N{DOWNWARDS ARROW}", "high": "\N{UPWARDS ARROW}"}
_LONG = 32  # characters; a longer value takes a line of its own


def format_value(value: Any) -> str:
    """Return a setting or a count as text.

    >>> format_value(20000), format_value([28, 28, 1]), format_value(None), format_value(0.0001), format_value(True)
    ('20,000', '28x28x1', '—', '0.0001', 'true')
    """
    if value is None:
        return "—"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        is_shape = all(isinstance(size, int) for size in value)
        return ("x" if is_shape else ", ").join(map(format_value, value)) or "—"
    return f"{value:,}" if isinstance(value, int) else str(value)


def facts(values: Mapping[str, str]) -> str:
    """Return HTML of a few values in a row, each large above its name."""
    return definitions(values, "facts")


def score_table(evaluation: Mapping[str, Any]) -> str:
    """Return HTML of an evaluation: a row for each score, and under them the protocol; empty if there are no scores.

    Args:
      evaluation: as in `ReportContents`.
    """
    scores, protocol = evaluation.get("scores", {}), dict(evaluation.get("protocol", {}))
    protocol |= {f"file {name}": found for name, found in protocol.pop("files", {}).items()}
    settings = {
        name: text
        for score, text in protocol.pop("settings", {}).items()
        if score in SCORES
        for name in SCORES[score].names
    }
    rows = []
    for name in main_scores(list(scores)):
        real, good = (scores[name].get(key) for key in ("baseline", "good"))
        better = _BETTER.get(good, f"near {good}")
        rows.append((_plain(name), better, _with_sd(scores[name]), _number(real), settings.get(name, "")))
    if not rows:
        return ""
    table = _table(("score", "better", "samples", "real data", "settings"), rows, "wide scores")
    seeds = ", ".join(map(str, evaluation.get("seeds", [])))
    found = evaluation.get("modes", {})
    modes = {f"modes: {name}": f"{value:.3g}" if isinstance(value, float) else value for name, value in found.items()}
    chosen = {"chosen by": evaluation["chosen_by"]} if "chosen_by" in evaluation else {}
    return table + definitions({"iteration": evaluation.get("step"), "seeds": seeds} | chosen | protocol | modes)


def comparison_table(runs: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]]) -> str:
    """Return HTML of several runs, a column each under its letter: a few facts, and the scores that all have.

    Scores are left out where the protocols differ.

    Args:
      runs: facts and evaluation of each, by its letter.
    """
    known = [facts for facts, _ in runs.values()]
    rows = [(name, *(facts[name] for facts in known)) for name in known[0]]
    evaluations = [evaluation for _, evaluation in runs.values()]
    if all(found.get("protocol") == evaluations[0].get("protocol") for found in evaluations):
        scores = [found.get("scores", {}) for found in evaluations]
        for name in main_scores([name for name in scores[0] if all(name in found for found in scores)]):
            title = f"{_plain(name)} {_ARROWS.get(scores[0][name].get('good'), '')}".strip()
            rows.append((title, *(_with_sd(found[name]) for found in scores)))
    return _table(("", *runs), rows, "wide runs")


def penalty_in_words(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what penalty a run of a GAN has, its weight and how often it is taken; of other systems nothing.

    >>> penalty_in_words({"gan": {"penalty": {"name": "r1", "weight": 10.0, "every": 16}}})
    {'penalty': 'r1, weight 10, every 16th step'}
    """
    penalty = settings.get("gan") or (settings.get("distill") or {}).get("gan") or {}
    penalty = penalty.get("penalty") or {}
    if not isinstance(penalty.get("name"), str):
        return {"penalty": "of the experiment's own"} if penalty.get("name") else {}
    words, weight = [penalty["name"]], penalty.get("weight")
    if isinstance(weight, Mapping) and {"first", "last"} <= weight.keys():
        words.append(f"weight {weight['first']:g} to {weight['last']:g}")
    elif weight is not None:
        words.append(f"weight {weight:g}")
    if (penalty.get("every") or 1) > 1:
        words.append(f"every {penalty['every']}th step")
    return {"penalty": ", ".join(words)}


def diagnostics_table(
    diagnostics: Mapping[str, Mapping[str, Mapping[str, float]]], metrics: Mapping[str, Metric]
) -> str:
    """Return HTML of the statistics that `evaluation.diagnose` gives, two rows for each measurement.

    Args:
      diagnostics: statistics of each measurement, by the part of the data.
      metrics: which name the measurements, and tell their order.
    """
    measured = dict.fromkeys(name for statistics in diagnostics.values() for name in statistics)
    names = [name for name in metrics if name in measured] + [name for name in measured if name not in metrics]
    rows = []
    for name in names:
        metric = metrics.get(name, Metric(_plain(name), unit=""))
        for part, statistics in diagnostics.items():
            numbers = statistics.get(name, {})
            columns = (_number(numbers.get(column)) for column in ("mean", "sd", "q05", "median", "q95", "max"))
            rows.append((metric.title, metric.unit, _plain(part), *columns))
    head = ("per sample", "unit", "data", "mean", "sd", "5 %", "median", "95 %", "max")
    return _table(head, rows, "wide diagnostics") if rows else ""


def settings_tables(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Return HTML of nested settings: a table for each level, under its dotted name; empty if there are none."""
    groups = "".join(_groups(settings, prefix))
    return f'<div class="groups">{groups}</div>' if groups else ""


def _groups(settings: Mapping[str, Any], prefix: str) -> Iterable[str]:
    nested = {name: value for name, value in settings.items() if isinstance(value, dict)}
    rows = [(name, format_value(value)) for name, value in settings.items() if name not in nested]
    if rows:
        yield _table((), rows, "", caption=prefix)
    for name, value in nested.items():
        yield from _groups(value, f"{prefix}.{name}".lstrip("."))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str, caption: str = "") -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        # Where a screen is too narrow for the columns, each cell stands under the name of its own.
        names = [f' data-column="{escape(name)}"' if tag == "td" else "" for name in head or [""] * len(cells)]
        named = zip(cells, names, strict=True)
        return f"<tr>{''.join(f'<{tag}{name}>{escape(cell)}</{tag}>' for cell, name in named)}</tr>\n"

    caption = f"<caption>{escape(caption)}</caption>\n" if caption else ""
    first = f"<thead>{row(head, 'th')}</thead>\n" if head else ""
    body = "".join(row(cells, "td") for cells in rows)
    return f'<div class="scroll"><table class="{kind}">{caption}{first}<tbody>\n{body}</tbody></table></div>\n'


def definitions(values: Mapping[str, Any], kind: str = "names") -> str:
    """Return HTML of values beside their names; long ones in lines of their own, below."""
    rows = []
    texts = {name: format_value(value) for name, value in values.items()}
    for name, text in sorted(texts.items(), key=lambda item: len(item[1]) > _LONG):
        long = ' class="long"' if len(text) > _LONG else ""
        rows.append(f"<div{long}><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>\n")
    return f'<dl class="{kind}">\n{"".join(rows)}</dl>\n'


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _with_sd(value: Mapping[str, Any]) -> str:
    mean, sd = value.get("mean"), value.get("sd")
    return _number(mean) + ("" if sd is None else f" ± {_number(sd, _decimals(mean))}")


def _number(value: float | None, decimals: int | None = None) -> str:
    if value is None or not isfinite(value):
        return "—"
    decimals = _decimals(value) if decimals is None else decimals
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _decimals(value: float | None) -> int:
    """Three, fewer of a large number, and so many of a small one that two of its digits are shown."""
    size = floor(log10(abs(value))) if value and isfinite(value) else 0
    return min(max(3 - max(size - 1, 0), 0) if size >= -1 else 1 - size, 9)
