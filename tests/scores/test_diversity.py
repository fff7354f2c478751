"""Diversity within classes against all pairs in NumPy."""

from functools import partial
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.scores.diversity import intra_class_diversity

LABELS = np.array([0] * 12 + [1] * 2 + [2] + [4] * 9)  # one class of one sample, one of none
diversity = partial(intra_class_diversity, classes=5)


def by_pairs(features):
    pairs = [np.sum((a - b) ** 2) for label in range(5) for a, b in combinations(features[label == LABELS], 2)]
    sizes = [12 * 11 // 2, 1, 0, 0, 9 * 8 // 2]
    return [np.sqrt(np.mean(part)) if len(part) else np.nan for part in np.split(pairs, np.cumsum(sizes)[:-1])]


def two_scales():
    return np.random.default_rng(0).normal(size=(24, 3)) * np.where(LABELS == 4, 1, 5)[:, None]


def test_equal_to_all_pairs_in_any_order():
    features, order = two_scales(), np.random.default_rng(1).permutation(24)
    expected = by_pairs(features)
    assert np.isnan(expected).tolist() == [False, False, True, True, False]
    with jax.enable_x64(True):
        value = diversity(jnp.asarray(features[order]), jnp.asarray(LABELS[order]))
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(diversity(features, LABELS), expected, rtol=1e-5)


def test_an_offset_costs_no_digits():
    features = np.float32(two_scales() + 1000)
    np.testing.assert_allclose(diversity(features, LABELS), by_pairs(np.float64(features)), rtol=1e-5)
    # Nor does it in long sums: 1000 and a million.
    many = np.float32(np.random.default_rng(0).normal(size=(1_000_000, 1)) + 1000)
    values = intra_class_diversity(many, np.zeros(len(many), int), classes=1)
    np.testing.assert_allclose(values, np.sqrt(2) * np.std(np.float64(many)), rtol=1e-3)


def test_collapsed_classes():
    collapsed = np.float32([0.1, 0.7, 1000.1])[LABELS % 3][:, None] * np.ones((24, 3), np.float32)
    # A mean of equal values is rounded, too.
    np.testing.assert_allclose(diversity(collapsed, LABELS), [0, 0, np.nan, np.nan, 0], atol=1e-6)


def test_other_labels_are_of_no_class():
    features = np.float32(two_scales())
    labels = np.where(LABELS == 1, -1, np.where(LABELS == 4, 5, LABELS))
    values = diversity(features, labels)
    assert jnp.isnan(values[1:]).all()
    np.testing.assert_allclose(values[0], by_pairs(features)[0], rtol=1e-5)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("features", "labels", "classes"), [((4, 2), (5,), 3), ((4, 2), (4, 1), 3), ((4, 2), (4,), 0)])
def test_labels_that_do_not_fit_are_refused(features, labels, classes):
    with pytest.raises(ValueError, match=r"a label for each of \(4, 2\), .*; got \("):
        intra_class_diversity(jnp.zeros(features), jnp.zeros(labels, jnp.int32), classes)


@pytest.mark.usefixtures("unchecked_types")
def test_features_that_are_no_vectors_are_refused():
    with pytest.raises(ValueError, match="more than 0 vectors"):
        intra_class_diversity(jnp.zeros(4), jnp.zeros(4, jnp.int32), 2)
