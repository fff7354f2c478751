"""What is measured is measured on what it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data.images import to_float
from gan_jax.data.sources import DataSet
from gan_jax.data.toy import gaussians_25
from gan_jax.evaluation import evaluate
from gan_jax.experiment import Data, Experiment
from gan_jax.metrics.manifold import precision_recall
from gan_jax.run import Run, draw
from gan_jax.systems import System

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 200, (30, 2, 2, 1)).astype(np.uint8)
HELD_OUT = RNG.integers(100, 256, (12, 2, 2, 1)).astype(np.uint8)


def run_of(sample, shape, source="digits"):
    """A system whose measurement of a sample is its mean."""

    def measure(state, key, batch):
        return {"mean": batch.reshape(len(batch), -1).mean(axis=1)}

    system = System(init=None, update=None, sample=sample, evaluate=measure, counts={})
    return Run(Experiment(data=Data(source=source)), system, (), 7, shape)


def test_each_part_of_the_data_is_measured_by_itself():
    def sample(state, key, count):
        return jax.random.uniform(key, (count, 2, 2, 1), minval=-1)

    run = run_of(sample, (2, 2, 1))
    metrics = evaluate(run, DataSet(TRAIN, HELD_OUT), count=12, seed=3)
    assert (metrics["step"], metrics["n_real"], metrics["n_fake"]) == (7, 12, 12)
    held_out = to_float(HELD_OUT).mean(axis=(1, 2, 3))
    assert metrics["held_out"]["mean"]["mean"] == pytest.approx(float(held_out.mean()), abs=1e-6)
    assert metrics["held_out"]["mean"]["q95"] == pytest.approx(np.quantile(held_out, 0.95), abs=1e-6)
    assert metrics["train"]["mean"]["mean"] < metrics["held_out"]["mean"]["mean"] - 0.3

    fake = draw(run, jax.random.split(jax.random.key(3), 4)[0], 12)
    expected = precision_recall(
        real=jnp.asarray(HELD_OUT.reshape(12, -1) / np.float32(255)),
        fake=jnp.asarray(fake.reshape(12, -1) / np.float32(255)),
    )
    assert (metrics["precision"], metrics["recall"]) == pytest.approx(tuple(map(float, expected)))
    assert metrics["precision"] != metrics["recall"]
    assert "modes" not in metrics
    with pytest.raises(ValueError, match="12 held-out"):
        evaluate(run, DataSet(TRAIN, HELD_OUT), count=13, seed=3)


def test_known_modes_are_counted():
    def sample(state, key, count):
        return jnp.broadcast_to(gaussians_25().modes[3], (count, 2))

    points = RNG.normal(size=(2, 8, 2)).astype(np.float32)
    metrics = evaluate(run_of(sample, (2,), "25gaussians"), DataSet(*points), count=8, seed=0)
    assert metrics["features"] == "coordinates"
    assert metrics["modes"] == {
        **{"n": 10_000, "of": 25, "hit": 1, "high_quality": 1.0},
        "kl": pytest.approx(np.log(25), abs=1e-5),
    }
