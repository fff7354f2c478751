"""What can be scored: sets that a run draws, files and folders; and what cannot, in one line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import Experiment, System
from gan_jax.data.images import to_uint8
from gan_jax.errors import InputError
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.run import Run, sample_sets
from gan_jax.runs.samples import open_candidate

SPEC = {"sample": jax.ShapeDtypeStruct((2, 2, 1), jnp.float32)}


def uniform(state, key, n, condition=None):
    labels = jnp.zeros(n) if condition is None else condition["label"].astype(jnp.float32)
    return labels.reshape(n, 1, 1, 1) / 10 + 0.1 * jax.random.uniform(key, (n, 2, 2, 1))


@pytest.fixture
def run(tmp_path):
    system = System(init=None, update=None, sample=uniform, metrics={}, counts={})
    return Run(Experiment(), system, (), 7, SPEC, (), "", RunFolder(tmp_path))


def test_each_set_of_a_run_is_what_its_seed_draws(run):
    sets = sample_sets(run)
    drawn = dict(sets.take((3, 9), 12))
    assert [*drawn] == [3, 9]
    np.testing.assert_array_equal(drawn[9], run.sample(12, seed=9))
    assert (drawn[3] != drawn[9]).any()


def test_fewer_samples_are_the_first_of_more(run):
    np.testing.assert_array_equal(run.sample(600, seed=1)[:7], run.sample(7, seed=1))


@pytest.mark.parametrize(
    ("shape", "size"), [((2,), 500), ((32, 32, 3), 500), ((64, 64, 3), 125), ((128, 128, 3), 31), ((999, 999, 3), 1)]
)
def test_large_samples_are_drawn_a_few_at_a_time(run, shape, size):
    drawn = []

    def count(state, key, n, condition=None):
        drawn.append(n)
        return jax.random.uniform(key, (n, *shape))

    spec = {"sample": jax.ShapeDtypeStruct(shape, "float32")}
    run = run._replace(system=run.system._replace(sample=count), spec=spec)
    np.testing.assert_array_equal(run.sample(size + 1)[:1], run.sample(1))
    assert drawn == [size]  # one program for all chunks


def test_the_bytes_of_a_seed_stay(run):
    """Of samples of at most 32x32x3, the i-th 500 are of the i-th key."""
    drawn = run.sample(1000, seed=4)
    for i in range(2):
        levels = uniform(None, jax.random.fold_in(jax.random.key(4), i), 500)
        np.testing.assert_array_equal(drawn[500 * i : 500 * (i + 1)], to_uint8(levels))


def test_each_sample_meets_its_condition(run):
    """More than are drawn at a time."""
    labels = np.arange(700) % 9
    drawn = run._replace(classes=tuple("abcdefghi"), class_counts=(1,) * 9).sample(700, label=labels)
    np.testing.assert_allclose(drawn.mean(axis=(1, 2, 3)) / 127.5 - 1, labels / 10 + 0.05, atol=0.06)


def test_paths_that_hold_no_samples(tmp_path):
    with pytest.raises(InputError, match=r"there is no run folder, .npz file or folder of images"):
        open_candidate(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no images"):
        open_candidate(tmp_path)
    np.savez(tmp_path / "points.npz", points=np.full((20, 2), np.inf))
    with pytest.raises(InputError, match=r"points.npz: 40 of the points' numbers are not finite"):
        open_candidate(tmp_path / "points.npz")
    with pytest.raises(InputError, match=r"^best: .* is not a run folder"):
        open_candidate(tmp_path / "points.npz", best=True)
    np.savez(tmp_path / "points.npz", points=np.zeros((20, 2)))
    assert open_candidate(tmp_path / "points.npz").sets.shape == (2,)
