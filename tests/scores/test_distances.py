"""Distances in blocks against NumPy's of all pairs."""

import jax
import numpy as np
import pytest

from gan_jax.scores import distances
from gan_jax.scores.distances import map_distances, nearest_distance, smallest


def all_distances(points, others):
    return jax.jit(lambda points, others: map_distances(lambda square: square, points, others))(points, others)


@pytest.mark.parametrize("block", [1, 70], ids=["a row", "rows and a rest"])
def test_blocks_of_every_size(monkeypatch, block):
    monkeypatch.setattr(distances, "_BLOCK", block)
    points, others = np.float32(np.random.default_rng(0).normal(size=(2, 20, 3)))
    expected = np.sum((points[:, None] - others[None]) ** 2, axis=-1)
    np.testing.assert_allclose(all_distances(points[:7], others), expected[:7], atol=1e-5)


def test_an_offset_costs_no_digits():
    points = np.float32(np.random.default_rng(0).normal(size=(20, 3)) + 1000)
    expected = np.sum((np.float64(points)[:, None] - points[None]) ** 2, axis=-1)
    np.testing.assert_allclose(all_distances(points, points), expected, atol=2e-5)


def test_smallest():
    x = np.random.default_rng(0).integers(0, 9, size=30).astype(np.float32)
    found = jax.jit(lambda x: [smallest(k, x) for k in (1, 4, 30)])(x)
    assert found == [np.sort(x)[k - 1] for k in (1, 4, 30)]


def test_copies_are_at_no_distance():
    others = np.float32(np.random.default_rng(0).normal(size=(50, 20)) + 100)
    nearest = jax.jit(nearest_distance)
    assert not np.asarray(nearest(others[::-1], others)).any()
    near = others.copy()
    near[:, 3] += 2.0**-10  # far below the rounding of the expanded squares
    np.testing.assert_array_equal(nearest(near, others), np.full(50, 2.0**-10))
