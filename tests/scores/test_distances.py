"""Distances in blocks against NumPy's of all pairs."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.scores import distances
from gan_jax.scores.distances import map_distances, nearest_distance, smallest


@pytest.mark.parametrize("block", [1, 70], ids=["a row", "rows and a rest"])
def test_blocks_of_every_size(monkeypatch, block):
    monkeypatch.setattr(distances, "_BLOCK", block)
    points, others = np.float32(np.random.default_rng(0).normal(size=(2, 20, 3)))
    expected = np.sum((points[:, None] - others[None]) ** 2, axis=-1)
    np.testing.assert_allclose(map_distances(lambda square: square, points[:7], others), expected[:7], atol=1e-5)


def test_an_offset_costs_no_digits():
    points = np.float32(np.random.default_rng(0).normal(size=(20, 3)) + 1000)
    expected = np.sum((np.float64(points)[:, None] - points[None]) ** 2, axis=-1)
    np.testing.assert_allclose(map_distances(lambda square: square, points, points), expected, atol=2e-5)


def test_smallest():
    x = np.random.default_rng(0).integers(0, 9, size=30).astype(np.float32)
    assert [float(smallest(k, x)) for k in (1, 4, 30)] == [np.sort(x)[k - 1] for k in (1, 4, 30)]


def test_copies_are_at_no_distance():
    others = np.float32(np.random.default_rng(0).normal(size=(50, 20)) + 100)
    assert not nearest_distance(others[::-1], others).any()
    near = others.copy()
    near[:, 3] += 2.0**-10  # far below the rounding of the expanded squares
    np.testing.assert_array_equal(nearest_distance(near, others), jnp.full(50, 2.0**-10))
