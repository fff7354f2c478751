"""What a run's numbers say, in one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from typing import Any, Literal, NamedTuple

__all__ = ["Verdict", "verdict"]

_FEW_MODES = 0.9  # share of the known modes that a good run finds
_KNOWN = 3.0  # times as large on training data as on held-out data: known by heart
_LARGE = 0.1  # critic score; a smaller estimate is no sign of anything
_COPIED = 3.0  # times as many copies as real data make of themselves
_POOR, _SHORT = 0.5, 0.8  # of real data's precision or recall


class Verdict(NamedTuple):
    """One sentence about a run.

    Attributes:
      kind: "bad", "warning", "good", or "unknown" where nothing has been measured.
      text: the sentence, with the numbers that it rests on.
    """

    kind: Literal["bad", "warning", "good", "unknown"]
    text: str


def verdict(evaluation: Mapping[str, Any], training_lines: Sequence[Mapping[str, Any]]) -> Verdict:
    """Say what is most wrong with a run, or that nothing is, from the numbers that it has.

    Args:
      evaluation: as in `ReportContents`: "scores", "diagnostics" and "modes".
      training_lines: numbers of training, of which the last is looked at.

    >>> verdict({"modes": {"hit": 3, "of": 8, "high_quality": 0.9}}, []).text
    'Modes are lost: samples find 3 of 8.'
    >>> verdict({}, [])
    Verdict(kind='unknown', text='Nothing has been measured yet.')
    """
    for found in (*_diverged(training_lines), *_lost(evaluation), *_memorized(evaluation), *_poor(evaluation)):
        return found
    return next(_fine(evaluation), Verdict("unknown", "Nothing has been measured yet."))


def _diverged(lines: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    last = lines[-1] if lines else {}
    wrong = [name for name, value in last.items() if isinstance(value, float | int) and not isfinite(value)]
    if wrong:
        text = f"The run has diverged: at iteration {last['step']:,} {wrong[0].replace('_', ' ')} is not finite."
        yield Verdict("bad", text)


def _lost(evaluation: Mapping[str, Any]) -> Iterator[Verdict]:
    modes = evaluation.get("modes", {})
    if modes and modes["hit"] < _FEW_MODES * modes["of"]:
        yield Verdict("bad", f"Modes are lost: samples find {modes['hit']} of {modes['of']}.")
    mean, real = _score(evaluation, "recall")
    if mean is not None and mean < _POOR * real:
        precise, real_precise = _score(evaluation, "precision")
        beside = "" if precise is None else f", precision {precise:.2f} against {real_precise:.2f}"
        if precise is None or precise > _POOR * real_precise:
            text = f"Samples reach a part of the data only: recall {mean:.2f}, real data {real:.2f}{beside}."
            yield Verdict("bad", text)


def _memorized(evaluation: Mapping[str, Any]) -> Iterator[Verdict]:
    mean, real = _score(evaluation, "copied")
    if mean is not None and mean > max(_COPIED * real, real + 0.02):
        yield Verdict("bad", f"Samples are copies of training data: {mean:.1%}, real data {real:.1%}.")
    parts = evaluation.get("diagnostics", {})
    on_train, on_held_out = (parts.get(part, {}).get("wasserstein", {}).get("mean") for part in ("train", "held_out"))
    if None in (on_train, on_held_out) or on_train < max(_LARGE, _KNOWN * on_held_out):
        return
    numbers = f"{_number(on_train)} on it against {_number(on_held_out)} on held-out data"
    yield Verdict("warning", f"The critic knows its training data by heart: a Wasserstein estimate of {numbers}.")


def _poor(evaluation: Mapping[str, Any]) -> Iterator[Verdict]:
    mean, real = _score(evaluation, "precision")
    if mean is not None and mean < _POOR * real:
        yield Verdict("bad", f"Most samples are unlike the data: precision {mean:.2f}, real data {real:.2f}.")
    quality = evaluation.get("modes", {}).get("high_quality")
    if quality is not None and quality < _POOR:
        yield Verdict("bad", f"Most samples lie between the modes: {quality:.0%} are near one.")


def _fine(evaluation: Mapping[str, Any]) -> Iterator[Verdict]:
    modes = evaluation.get("modes", {})
    if modes:
        text = f"All is well: samples find {modes['hit']} of {modes['of']} modes, {modes['high_quality']:.0%} near one."
        yield Verdict("good", text)
    numbers, short = [], False
    for name, title in (("precision", "precision"), ("recall", "recall"), ("frechet", "Fréchet distance")):
        mean, real = _score(evaluation, name)
        if mean is not None:
            numbers.append(f"{title} {_number(mean)} (real data {_number(real)})")
            short |= name != "frechet" and mean < _SHORT * real
    if short:
        yield Verdict("warning", f"Samples fall short of the data: {', '.join(numbers)}.")
    elif numbers:
        yield Verdict("good", f"Nothing is plainly wrong: {', '.join(numbers)}.")


def _score(evaluation: Mapping[str, Any], name: str) -> tuple[float | None, float]:
    """A score's mean and its baseline; None and NaN where one of them is not known."""
    value = evaluation.get("scores", {}).get(name, {})
    mean, real = value.get("mean"), value.get("baseline")
    if mean is None or real is None or not (isfinite(mean) and isfinite(real)):
        return None, nan
    return mean, real


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
