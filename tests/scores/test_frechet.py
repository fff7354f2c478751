"""Moments against float64, and the distance against scipy's matrix root and Gaussians whose distance is known."""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from scipy.linalg import sqrtm

from gan_jax.scores.frechet import Moments, empty, frechet_distance, frechet_distance_of_moments, merge, moments


def by_matrix_root(real, fake):
    covariances = np.cov(real.T), np.cov(fake.T)
    root = sqrtm(covariances[0] @ covariances[1]).real
    return np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2) + np.trace(sum(covariances) - 2 * root)


def correlated(seed, n, d=6):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def errors(found: Moments, points):
    """Of mean and covariance, relative to the points' spread."""
    points = np.asarray(points, np.float64)
    mean = np.float64(found.mean) + np.float64(found.mean_rest)
    return (
        np.abs(mean - points.mean(axis=0)).max() / points.std(),
        np.abs(np.float64(found.covariance) - np.cov(points.T)).max() / points.var(),
    )


def test_equal_to_the_matrix_root():
    real, fake = correlated(0, 60), correlated(1, 40)
    expected = by_matrix_root(real, fake)
    with jax.enable_x64(True):
        value = frechet_distance(real=jnp.asarray(real), fake=jnp.asarray(fake))
        assert value.dtype == jnp.float64
        np.testing.assert_allclose(value, expected, rtol=1e-10)
    fake = correlated(1, 60)
    np.testing.assert_allclose(frechet_distance(real=real, fake=fake), by_matrix_root(real, fake), rtol=1e-5)


@pytest.mark.parametrize(("n", "m"), [(40, 60), (5, 60), (60, 5), (5, 7)])
@pytest.mark.parametrize("constant", [False, True], ids=["", "a constant feature"])
def test_equal_in_float64_whatever_the_rank(n, m, constant):
    """By the roots of eigenvalues of S_f^(1/2) S_r S_f^(1/2), whose zeros cost it half the digits."""
    real, fake = correlated(0, n, 12), correlated(1, m, 12)
    real[:, 3] *= not constant
    values, axes = np.linalg.eigh(np.cov(fake.T))
    root = axes * np.sqrt(np.maximum(values, 0)) @ axes.T
    between = np.linalg.eigvalsh(root @ np.cov(real.T) @ root)
    trace = np.trace(np.cov(real.T) + np.cov(fake.T)) - 2 * np.sqrt(np.maximum(between, 0)).sum()
    expected = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2) + trace
    with jax.enable_x64(True):
        found = frechet_distance(real=jnp.asarray(real), fake=jnp.asarray(fake))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_few_vectors_of_many_numbers_make_no_covariance():
    points = jax.ShapeDtypeStruct((20, 4096), jnp.float32)
    program = jax.jit(lambda real, fake: frechet_distance(real=real, fake=fake)).lower(points, points)
    assert "4096x4096" not in program.as_text()
    assert program.compile().memory_analysis().temp_size_in_bytes < 4096**2


def test_near_sets_keep_their_digits():
    """The distance is 1e-5 of each trace: their difference, in float32, would have two digits."""
    real = correlated(0, 60)
    fake = real + 0.01 * np.random.default_rng(1).normal(size=(60, 6))
    expected = by_matrix_root(real, fake)
    assert expected < 3e-5 * np.trace(np.cov(real.T))
    np.testing.assert_allclose(frechet_distance(real=real, fake=fake), expected, rtol=2e-3)


@pytest.mark.parametrize("n", [3, 60], ids=["singular", "regular"])
def test_gaussians_of_commuting_covariances(n):
    """Of S and 9 S, by hand: the shift's square and tr(S + 9 S - 2 * 3 S)."""
    real = correlated(0, n)
    fake = 3 * (real - real.mean(axis=0)) + real.mean(axis=0) + np.arange(6)
    np.testing.assert_allclose(frechet_distance(real=real, fake=fake), 55 + 4 * np.trace(np.cov(real.T)), rtol=1e-6)


@pytest.mark.parametrize("n", [60, 3], ids=["regular", "singular"])
def test_a_set_has_no_distance_to_itself(n):
    real = correlated(0, n)
    real[0] = real[1]
    # A rounded zero among the eigenvalues is 1e-7 of the largest.
    limit = 1e-6 * np.trace(np.cov(real.T))
    assert 0 <= frechet_distance(real=real, fake=real) < limit
    assert 0 <= frechet_distance(real=real, fake=real[::-1]) < limit


def test_constant_sets():
    ones = np.ones((3, 6))
    assert frechet_distance(real=ones, fake=ones) == 0
    assert frechet_distance(real=ones, fake=3 * ones) == 24


def test_a_stream_far_from_zero_is_as_exact_as_float64():
    d = 16
    points = np.random.default_rng(0).normal(size=(200, 500, d)) @ correlated(0, d, d) / 4
    points = np.asarray(points / points.std() + 1000, np.float32)

    @jax.jit
    def stream(points):
        return lax.scan(lambda total, batch: (merge(total, moments(batch)), None), empty(d), points)[0]

    total = stream(points)
    assert (total.n.dtype, int(total.n)) == (jnp.int32, 100_000)
    of_mean, of_covariance = errors(total, points.reshape(-1, d))
    assert of_mean < 1e-8  # without the rest, 3e-4
    assert of_covariance < 1e-6


def test_small_terms_of_a_long_sum_are_not_lost():
    """Each of 1000 batches adds half a unit in the last place of a scatter of 2^24, which rounding alone would drop."""
    large, small = (moments(jnp.array([[-x], [x]])) for x in (2.0**11.5, 0.5))
    total = jax.jit(lambda start: lax.fori_loop(0, 1000, lambda _, total: merge(total, small), start))(large)
    scatter = np.float64(total.scatter) + np.float64(total.scatter_rest)
    np.testing.assert_allclose(scatter - np.float64(large.scatter), 500, rtol=1e-6)


def test_counts_are_exact_where_float32_is_not():
    many = empty(1)._replace(n=jnp.int32(2**24))
    assert int(merge(many, moments(jnp.ones((1, 1)))).n) == 2**24 + 1


@given(st.permutations(range(4)), st.sampled_from([0.0, 1e6]))
def test_merged_in_any_order_and_grouping(order, offset):
    batches = np.float32(
        np.random.default_rng(0).normal(size=(4, 8, 3)) * [[[1.0]], [[10.0]], [[0.1]], [[1.0]]] + offset
    )
    a, b, c, d = (moments(batches[index]) for index in order)
    one_by_one = reduce(merge, (a, b, c, d))
    in_pairs = merge(merge(a, b), merge(c, d))
    for total in (one_by_one, in_pairs):
        assert int(total.n) == 32
        assert max(errors(total, batches.reshape(-1, 3))) < 1e-6


def test_nothing_is_neutral():
    batch = moments(np.float32(correlated(0, 5, 3) + 1000))
    for total in (merge(empty(3), batch), merge(batch, empty(3))):
        jax.tree.map(np.testing.assert_array_equal, total, batch)
    nothing = merge(empty(3), empty(3))
    assert int(nothing.n) == 0
    assert not nothing.mean.any()


def test_vectors_one_by_one():
    points = np.float32(correlated(0, 5, 3))
    one = moments(points[:1])
    assert jnp.isnan(one.covariance).all()
    assert jnp.isnan(empty(3).covariance).all()
    assert jnp.isnan(frechet_distance_of_moments(real=one, fake=one))
    total = reduce(merge, (moments(points[i : i + 1]) for i in range(5)))
    assert max(errors(total, points)) < 1e-6


def test_spread_over_devices():
    """As the compiler spreads a batch, and as each device's part, merged by all."""
    points = np.float32(correlated(0, 32, 3) + 100)
    mesh = Mesh(jax.devices(), "data")
    assert mesh.size == 8
    spread = jax.device_put(points, NamedSharding(mesh, PartitionSpec("data")))

    @partial(jax.shard_map, mesh=mesh, in_specs=PartitionSpec("data"), out_specs=PartitionSpec(), check_vma=False)
    def together(part):
        parts = lax.all_gather(moments(part), "data")
        return lax.scan(lambda total, part: (merge(total, part), None), empty(3), parts)[0]

    for total in (moments(spread), jax.jit(together)(spread)):
        assert int(total.n) == 32
        assert max(errors(total, points)) < 1e-6


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("real", "fake"), [((5, 2), (5, 3)), ((5, 2), (1, 2)), ((5,), (5,))], ids=str)
def test_sets_that_cannot_be_compared_are_refused(real, fake):
    with pytest.raises(ValueError, match=r"more than 1 vectors of one length; got real \(.*\), fake \("):
        frechet_distance(real=jnp.zeros(real), fake=jnp.zeros(fake))


@pytest.mark.usefixtures("unchecked_types")
def test_moments_that_cannot_be_merged_are_refused():
    for call in (merge, lambda a, b: frechet_distance_of_moments(real=a, fake=b)):
        with pytest.raises(ValueError, match=r"one length, got \(2,\) and \(3,\)"):
            call(empty(2), empty(3))
    for shape in ((5,), (0, 2)):
        with pytest.raises(ValueError, match="more than 0 vectors"):
            moments(jnp.zeros(shape))
