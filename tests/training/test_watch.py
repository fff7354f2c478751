"""Scores while a run trains: where they go, and which checkpoint is kept for them."""

import json
from pathlib import Path

import pytest

from gan_jax.training import checkpoint
from gan_jax.training.logging import MetricsLog
from gan_jax.training.watch import Watch, scores_of, watching

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


def look_at(folder, states, start=0, **changes):
    """Score states, which are their own scores, at steps 10 apart."""
    drawn = []
    options = {"every": 10, "measure": lambda state: {"frechet": float(state["x"])}, "best": "frechet", "high": False}
    options |= {"draw": lambda folder, lines: drawn.append(len(lines)), "against": None}
    with MetricsLog(folder, start) as log, watching(folder, Watch(**options | changes), start) as look:
        for i, state in enumerate(states, start=1):
            look(start + 10 * i, {"x": state}, log)
    return drawn


def best_of(folder):
    return checkpoint.newest_step(folder / "best")


def test_the_best_is_kept(tmp_path):
    assert look_at(tmp_path, [5.0, 3.0, 4.0, float("nan")]) == [1, 2, 3, 4]
    assert best_of(tmp_path) == 20
    assert [line["step"] for line in scores_of(tmp_path)] == [10, 20, 30, 40]
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["20"]


def test_the_highest_is_the_best_of_some(tmp_path):
    look_at(tmp_path, [5.0, 3.0, 6.0, 4.0], high=True)
    assert best_of(tmp_path) == 30


def test_a_resumed_run_knows_its_best(tmp_path):
    look_at(tmp_path, [5.0, 3.0])
    look_at(tmp_path, [4.0], start=20)
    assert best_of(tmp_path) == 20
    look_at(tmp_path, [2.0], start=30)
    assert best_of(tmp_path) == 40


def test_a_best_that_is_taken_back_is_found_again(tmp_path):
    """A crash leaves scores of iterations that the newest checkpoint has not seen."""
    look_at(tmp_path, [5.0, 3.0, 1.0])
    look_at(tmp_path, [1.0], start=20)
    assert [line["step"] for line in scores_of(tmp_path)] == [10, 20, 30]
    assert best_of(tmp_path) == 30


def test_there_are_no_scores_without_a_file(tmp_path):
    assert scores_of(Path(tmp_path)) == []
    (tmp_path / "scores.jsonl").write_text(json.dumps({"step": 1}) + "\n")
    assert scores_of(tmp_path) == [{"step": 1}]
