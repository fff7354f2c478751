"""JSON that strict readers take, and that gives back what was written; where what is kept lies."""

import json
import math
from pathlib import Path

import pytest

from gan_jax.files import append_json_line, cache_folder, forget_lines_after, read_json, read_json_lines, write_json

VALUE = {
    "step": 3,
    "loss": math.inf,
    "values": [1.0, -math.inf, {"deep": math.inf}],
    "pair": (math.inf, "text"),
    "n": 2,
}
BACK = VALUE | {"pair": [math.inf, "text"]}


def strict(text):
    """As `JSON.parse` reads it: Infinity and NaN are no JSON."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_value_is_strict_json_and_comes_back(tmp_path):
    file = tmp_path / "a.json"
    write_json(file, VALUE)
    assert strict(file.read_text())["values"] == [1.0, "-Infinity", {"deep": "Infinity"}]
    assert read_json(file) == BACK
    write_json(file, {"sd": math.nan})
    assert strict(file.read_text()) == {"sd": "NaN"}
    assert math.isnan(read_json(file)["sd"])


def test_lines_are_strict_json_and_come_back(tmp_path):
    file = tmp_path / "a.jsonl"
    append_json_line(file, VALUE)
    append_json_line(file, VALUE | {"step": 4, "loss": -math.inf})
    append_json_line(file, VALUE | {"step": 5})
    forget_lines_after(file, step=4)
    assert [strict(line)["loss"] for line in file.read_text().splitlines()] == ["Infinity", "-Infinity"]
    assert read_json_lines(file) == [BACK, BACK | {"step": 4, "loss": -math.inf}]


def test_numbers_of_older_files_are_read(tmp_path):
    (tmp_path / "a.json").write_text('{"loss": Infinity}')
    (tmp_path / "a.jsonl").write_text('{"step": 1, "loss": -Infinity}\n')
    assert read_json(tmp_path / "a.json") == {"loss": math.inf}
    assert read_json_lines(tmp_path / "a.jsonl") == [{"step": 1, "loss": -math.inf}]


def test_the_cache_folder_can_be_chosen(monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert cache_folder() == Path("/a")
    monkeypatch.setenv("GAN_JAX_CACHE", "")
    assert cache_folder() == Path("/b/gan_jax")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/gan_jax"
