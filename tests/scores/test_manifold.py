"""Precision, recall, density and coverage against brute-force NumPy versions and sets whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_jax.scores.manifold import density_coverage, precision_recall


def brute_force(real, fake, k):
    def covered(points, centres):
        distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        radii = np.sort(distances, axis=1)[:, k]
        return (np.linalg.norm(points[:, None] - centres[None], axis=-1) <= radii[None]).any(axis=1).mean()

    return covered(fake, real), covered(real, fake)


def brute_force_density(real, fake, k):
    radii = np.sort(np.linalg.norm(real[:, None] - real[None], axis=-1), axis=1)[:, k]
    inside = np.linalg.norm(real[:, None] - fake[None], axis=-1) <= radii[:, None]
    return inside.sum(axis=0).mean() / k, inside.any(axis=1).mean()


@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
def test_equal_to_brute_force(seed, k):
    rng = np.random.default_rng(seed)
    # Of whole numbers, so that ties are exact in both precisions.
    real, fake = rng.integers(0, 6, size=(2, 50, 3)).astype(np.float32)
    scores = precision_recall(real=real, fake=fake, k=k)
    np.testing.assert_allclose(scores, brute_force(real.astype(np.float64), fake.astype(np.float64), k), atol=1e-6)


def test_the_same_set_and_far_sets():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert tuple(map(float, precision_recall(real=points, fake=points))) == (1.0, 1.0)
    assert tuple(map(float, precision_recall(real=points, fake=points + 100))) == (0.0, 0.0)


def test_a_dropped_mode_costs_recall_and_not_precision():
    rng = np.random.default_rng(0)
    one, other, fake = rng.normal(size=(3, 50, 3)).astype(np.float32)
    real = np.concatenate([one[:25], other[25:] + 50])
    precision, recall = precision_recall(real=real, fake=fake)
    assert precision > 0.8
    assert 0.4 < recall <= 0.5


@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
def test_density_and_coverage_equal_to_brute_force(seed, k):
    rng = np.random.default_rng(seed)
    # As above; another number of fakes, so that neither can stand for the other.
    real, fake = (rng.integers(0, 6, size=(n, 3)).astype(np.float32) for n in (50, 25))
    scores = density_coverage(real=real, fake=fake, k=k)
    np.testing.assert_allclose(scores, brute_force_density(real, fake, k), rtol=1e-6)


def test_density_and_coverage_of_the_same_set_of_far_sets_and_of_constants():
    """A closed ball holds its centre and k fellows."""
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert tuple(map(float, density_coverage(real=points, fake=points, k=3))) == (pytest.approx(4 / 3), 1.0)
    assert tuple(map(float, density_coverage(real=points, fake=points + 100, k=3))) == (0.0, 0.0)
    ones = np.ones_like(points)
    assert tuple(map(float, density_coverage(real=ones, fake=ones, k=3))) == (pytest.approx(50 / 3), 1.0)


def test_far_fakes_enlarge_recall_and_not_coverage():
    real = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    fake = np.concatenate([real[:3] + 90, real[3:] - 90])  # each of the three reaches across to the others
    assert precision_recall(real=real, fake=fake).recall == 1
    assert density_coverage(real=real, fake=fake, k=3).coverage == 0


def test_one_repeated_sample_covers_what_it_copies():
    real = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    fake = np.broadcast_to(real[:1], (50, 3))
    density, coverage = density_coverage(real=real, fake=fake, k=3)
    np.testing.assert_allclose((density, coverage), brute_force_density(real, fake, 3), rtol=1e-6)
    assert 0 < coverage < 0.2


def test_an_offset_moves_no_score():
    real, fake = np.random.default_rng(0).normal(size=(2, 50, 3)).astype(np.float32) + 1000
    exact = real.astype(np.float64), fake.astype(np.float64)
    scores = precision_recall(real=real, fake=fake, k=3)
    np.testing.assert_allclose(scores, brute_force(*exact, 3), rtol=1e-6)
    scores = density_coverage(real=real, fake=fake, k=3)
    np.testing.assert_allclose(scores, brute_force_density(*exact, 3), rtol=1e-6)


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_one_vector_that_is_not_finite_makes_every_score_nan(kind):
    sets = dict(zip(("real", "fake"), np.random.default_rng(0).normal(size=(2, 30, 3)).astype(np.float32), strict=True))
    sets[kind][7] = np.nan
    assert np.isnan(precision_recall(**sets)).all()
    assert np.isnan(density_coverage(**sets)).all()


@pytest.mark.parametrize(("d", "grows"), [(8, True), (64, False)])
def test_recall_of_one_distribution_depends_on_the_size_of_the_sets_either_way(d, grows):
    def recall(n, seed=0):
        real, fake = np.random.default_rng(seed).normal(size=(2, n, d)).astype(np.float32)
        return float(precision_recall(real=real, fake=fake).recall)

    few, many = np.mean([recall(100, seed) for seed in range(10)]), recall(2000)
    assert abs(many - few) > 0.02
    assert (many > few) == grows


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("real", "fake"), [((5, 2), (5, 3)), ((5, 2), (3, 2)), ((5,), (5,))], ids=str)
def test_sets_that_cannot_be_compared_are_refused(real, fake):
    with pytest.raises(ValueError, match="more than 3 vectors"):
        precision_recall(real=np.zeros(real), fake=np.zeros(fake))
    with pytest.raises(ValueError, match="more than 3 vectors"):
        density_coverage(real=np.zeros(real), fake=np.zeros(fake), k=3)
