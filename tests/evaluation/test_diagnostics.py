"""What is measured on which data, and what of it is recorded over time."""

import jax
import numpy as np
import pytest

from gan_jax.data.dataset import from_arrays
from gan_jax.data.images import to_float
from gan_jax.data.toy import gaussians_25
from gan_jax.evaluation import diagnose, diagnostics, history, mode_counts, modes, of_array
from gan_jax.systems import Metric, System

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 200, (30, 2, 2, 1)).astype(np.uint8)
HELD_OUT = RNG.integers(100, 256, (30, 2, 2, 1)).astype(np.uint8)
DATA = from_arrays(
    {"sample": TRAIN, "label": np.zeros(30, np.int32)}, {"sample": HELD_OUT, "label": np.ones(30, np.int32)}
)


def system_of(diagnose):
    return System(None, None, None, metrics={}, counts={}, diagnose=diagnose)


def measure(state, key, batch):
    count = len(batch["sample"])
    return {
        "mean": batch["sample"].reshape(count, -1).mean(axis=1),
        "label": batch["label"].astype(np.float32),
        "noise": state * jax.random.normal(key, (count,)),
    }


SYSTEM = system_of(measure)


def test_each_part_of_the_data_is_measured_by_itself():
    found = diagnose(SYSTEM, 1.0, DATA, count=30, seed=3)
    assert [*found] == ["train", "held_out"]
    held_out = to_float(HELD_OUT).mean(axis=(1, 2, 3))
    assert found["held_out"]["mean"]["mean"] == pytest.approx(float(held_out.mean()), abs=1e-6)
    assert found["held_out"]["mean"]["q95"] == pytest.approx(np.quantile(held_out, 0.95), abs=1e-6)
    assert found["train"]["mean"]["mean"] < found["held_out"]["mean"]["mean"] - 0.3
    assert (found["train"]["label"]["max"], found["held_out"]["label"]["mean"]) == (0, 1)
    with pytest.raises(ValueError, match="31 is more than the 30 training or 30 held-out"):
        diagnose(SYSTEM, 1.0, DATA, count=31, seed=3)


def test_both_parts_have_the_same_noise_and_each_seed_its_own():
    found = diagnose(SYSTEM, 1.0, DATA, count=30, seed=3)
    assert found["train"]["noise"] == found["held_out"]["noise"]
    assert found["train"]["noise"] != diagnose(SYSTEM, 1.0, DATA, count=30, seed=4)["train"]["noise"]


def test_the_data_are_dequantized_as_they_are_in_training():
    grey = from_arrays(*2 * [{"sample": np.full((30, 2, 2, 1), 255, np.uint8), "label": np.zeros(30, np.int32)}])
    found = diagnose(SYSTEM, 1.0, grey, count=30, seed=3, dequantization=0.5)
    assert 0 < found["train"]["mean"]["max"] - 1 <= 0.5
    assert 0 < found["train"]["mean"]["sd"] == found["held_out"]["mean"]["sd"]
    assert diagnose(SYSTEM, 1.0, grey, count=30, seed=3)["train"]["mean"]["sd"] == 0


def test_many_samples_are_measured_in_chunks(monkeypatch):
    monkeypatch.setattr(diagnostics, "chunk_size", lambda shape: 27)
    points = np.arange(30.0, dtype=np.float32)[:, None]
    sizes = []

    def first(state, key, batch):
        sizes.append(len(batch["sample"]))
        return {"x": batch["sample"][:, 0]}

    data = from_arrays({"sample": points}, {"sample": points})
    found = diagnose(system_of(first), None, data, count=len(points), seed=0)
    assert (found["train"]["x"]["max"], found["train"]["x"]["mean"]) == (29, 14.5)
    assert sizes == [27, 3]  # traced once for each size


def test_a_system_without_a_diagnosis_has_none():
    assert diagnose(system_of(None), None, DATA, count=99, seed=0) == {}
    assert history({}, {"mean": Metric("mean", "level", history=("train",))}) == {}


def test_a_history_holds_what_the_metrics_say():
    train = {"mean": 5.0, "q05": 1.0, "median": 4.0, "q95": 9.0}
    statistics = {"train": {"a": train, "b": train, "c": train}, "held_out": {name: {"mean": 3.0} for name in "abc"}}
    metrics = {
        "a": Metric("a", "1", history=("train", "held_out")),
        "b": Metric("b", "1", history=("gap", "quantiles")),
        "c": Metric("c", "1"),
        "of training alone": Metric("d", "1", history=("train",)),
    }
    assert history(statistics, metrics) == {
        **{"a_train": 5.0, "a_held_out": 3.0},
        **{"b_gap": 2.0, "b_q05": 1.0, "b_median": 4.0, "b_q95": 9.0},
    }


def test_known_modes_are_counted(monkeypatch):
    monkeypatch.setattr(modes, "mode_scores", jax.jit(modes.mode_scores))  # in one compilation
    points = np.repeat(np.asarray(gaussians_25().modes)[3:4], 40, axis=0)
    assert mode_counts("25gaussians", of_array(points), seed=0) == {
        **{"n": 40, "of": 25, "hit": 1, "high_quality": 1.0},
        "kl": pytest.approx(np.log(25), abs=1e-5),
    }
    assert mode_counts("digits", of_array(points), seed=0) is None
