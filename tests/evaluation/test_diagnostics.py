"""What is measured is measured on the data that it says."""

import numpy as np
import pytest
from stub_runs import run_of

from gan_jax.data.images import to_float
from gan_jax.data.sources import Dataset
from gan_jax.data.toy import gaussians_25
from gan_jax.evaluation import diagnose, mode_counts, of_array

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 200, (30, 2, 2, 1)).astype(np.uint8)
HELD_OUT = RNG.integers(100, 256, (12, 2, 2, 1)).astype(np.uint8)


def test_each_part_of_the_data_is_measured_by_itself():
    run = run_of(None, (2, 2, 1))
    found = diagnose(run, Dataset(TRAIN, HELD_OUT), count=12, seed=3)
    held_out = to_float(HELD_OUT).mean(axis=(1, 2, 3))
    assert found["held_out"]["mean"]["mean"] == pytest.approx(float(held_out.mean()), abs=1e-6)
    assert found["held_out"]["mean"]["q95"] == pytest.approx(np.quantile(held_out, 0.95), abs=1e-6)
    assert found["train"]["mean"]["mean"] < found["held_out"]["mean"]["mean"] - 0.3
    with pytest.raises(ValueError, match="12 held-out"):
        diagnose(run, Dataset(TRAIN, HELD_OUT), count=13, seed=3)


def test_known_modes_are_counted():
    points = np.repeat(np.asarray(gaussians_25().modes[3:4]), 40, axis=0)
    assert mode_counts("25gaussians", of_array(points), seed=0) == {
        **{"n": 40, "of": 25, "hit": 1, "high_quality": 1.0},
        "kl": pytest.approx(np.log(25), abs=1e-5),
    }
    assert mode_counts("digits", of_array(points), seed=0) is None
