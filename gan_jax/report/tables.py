"""The numbers of a run's report: facts, scores, the critic, settings."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import floor, isfinite, log10
from typing import Any

from gan_jax.evaluation.scores import SCORES
from gan_jax.figures.scores import main_numbers

_BETTER = {"low": "lower", "high": "higher", "real": "as real data"}
_NORMS = {
    "gradient_norm_at_real": "gradient norm at real samples",
    "gradient_norm_at_fake": "gradient norm at generated samples",
    "gradient_norm_at_points": "gradient norm at penalised points",
}
_LONG = 32  # characters that take a line of their own


def says(value: Any) -> str:
    """Return a value as a reader likes it.

    >>> says(20000), says([28, 28, 1]), says(None), says(0.0001), says(True)
    ('20,000', '28x28x1', '—', '0.0001', 'true')
    """
    if value is None:
        return "—"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        numbers = all(isinstance(part, int) for part in value)
        return ("x" if numbers else ", ").join(map(says, value)) or "—"
    return f"{value:,}" if isinstance(value, int) else str(value)


def facts(values: Mapping[str, str]) -> str:
    """Lay a few values out in a row, each large above its name."""
    return _names(values, "facts")


def score_table(metrics: Mapping[str, Any]) -> str:
    """Lay the scores of `metrics.json` out, a row each, and under them how they were taken."""
    scores, protocol = metrics["scores"], dict(metrics.get("protocol", {}))
    how = {
        name: text
        for score, text in protocol.pop("settings", {}).items()
        if score in SCORES
        for name in SCORES[score].names
    }
    rows = []
    for name in main_numbers(list(scores)):
        score = scores[name]
        mean, spread, real, good = (score.get(part) for part in ("mean", "sd", "baseline", "good"))
        samples = _number(mean) + ("" if spread is None else f" ± {_number(spread, _decimals(mean))}")
        rows.append((_plain(name), _BETTER.get(good, f"near {good}"), samples, _number(real), how.get(name, "")))
    table = _table(("score", "better", "samples", "real data", "how"), rows, "wide scores")
    taken = {"iteration": metrics.get("step"), "seeds": ", ".join(map(str, metrics.get("seeds", [])))}
    modes = {f"modes: {name}": value for name, value in metrics.get("modes", {}).items()}
    return table + _names(taken | protocol | modes)


def critic_table(critic: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Lay out what the critic does on training and on held-out data; gradient norms come first."""
    names = dict.fromkeys(name for measured in critic.values() for name in measured)
    rows = [
        (
            _NORMS.get(name, _plain(name)),
            _plain(part),
            *(_number(measured.get(name, {}).get(column)) for column in ("mean", "sd", "q05", "median", "q95", "max")),
        )
        for name in [*(name for name in _NORMS if name in names), *(name for name in names if name not in _NORMS)]
        for part, measured in critic.items()
    ]
    head = ("per sample", "data", "mean", "sd", "5 %", "median", "95 %", "max")
    return _table(head, rows, "wide critic") if rows else ""


def settings_tables(settings: Mapping[str, Any], prefix: str = "") -> str:
    """Lay nested settings out, a table for each level, under the dotted name that leads to it."""
    return f'<div class="groups">{"".join(_groups(settings, prefix))}</div>'


def _groups(settings: Mapping[str, Any], prefix: str) -> Iterable[str]:
    nested = {name: value for name, value in settings.items() if isinstance(value, dict)}
    rows = [(name, says(value)) for name, value in settings.items() if name not in nested]
    if rows:
        yield _table((), rows, "", caption=prefix)
    for name, value in nested.items():
        yield from _groups(value, f"{prefix}.{name}".lstrip("."))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str, caption: str = "") -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>\n"

    caption = f"<caption>{escape(caption)}</caption>\n" if caption else ""
    head = f"<thead>{row(head, 'th')}</thead>\n" if head else ""
    body = "".join(row(cells, "td") for cells in rows)
    return f'<div class="scroll"><table class="{kind}">{caption}{head}<tbody>\n{body}</tbody></table></div>\n'


def _names(values: Mapping[str, Any], kind: str = "names") -> str:
    rows = []
    texts = {name: says(value) for name, value in values.items()}
    for name, text in sorted(texts.items(), key=lambda item: len(item[1]) > _LONG):
        long = ' class="long"' if len(text) > _LONG else ""
        rows.append(f"<div{long}><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>\n")
    return f'<dl class="{kind}">\n{"".join(rows)}</dl>\n'


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None, decimals: int | None = None) -> str:
    if value is None or not isfinite(value):
        return "—"
    decimals = _decimals(value) if decimals is None else decimals
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _decimals(value: float | None) -> int:
    """Three, fewer of a large number, and of a small one so many that two digits are seen."""
    size = floor(log10(abs(value))) if value and isfinite(value) else 0
    return min(max(3 - max(size - 1, 0), 0) if size >= -1 else 1 - size, 9)
