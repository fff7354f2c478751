"""CDFs, their inverses and the maps between distributions, against scipy and closed forms."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy import stats

from gan_jax.transport import cdf, inverse_cdf, to_normal, transport_map, wasserstein_1d

UNIT = jnp.linspace(0, 1, 1001)
# Mass 1 on [-0.25, 1], mass 1 on [1.75, 3], nothing between, on a grid of quarters: every sum is exact in binary.
QUARTERS = jnp.linspace(-1, 4, 21)
BOXES = jnp.array([0.0] * 4 + [1.0] * 4 + [0.0] * 4 + [1.0] * 4 + [0.0] * 5)

# One length, so that the examples share their compilations.
densities = st.lists(st.sampled_from([0.0, 0.0, 1e-6, 0.1, 1.0, 7.0]), min_size=12, max_size=12).filter(any)
densities = densities.map(lambda pdf: np.array(pdf, np.float32))
samples = st.lists(st.floats(-100, 100, width=32), min_size=6, max_size=6).map(lambda x: np.array(x, np.float32))
seeds = st.integers(0, 2**31 - 1)

jitted_cdf, jitted_inverse, jitted_normal = jax.jit(cdf), jax.jit(inverse_cdf), jax.jit(to_normal)
jitted_map = jax.jit(lambda x, source, target, grid: transport_map(source, target, grid)(x))
distance = jax.jit(wasserstein_1d, static_argnames="p")


def uneven_grid(seed):
    return np.random.default_rng(seed).uniform(0.1, 2, 12).cumsum().astype(np.float32)


@given(densities, seeds, st.floats(0.125, 8, width=32))
def test_a_cdf_rises_from_zero_to_one_whatever_the_scale(pdf, seed, scale):
    values = np.asarray(jitted_cdf(pdf, uneven_grid(seed)))
    assert (values[0], values[-1]) == (0, 1)
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose(values, jitted_cdf(pdf * np.float32(scale), uneven_grid(seed)), atol=1e-6)


def test_a_long_cdf_does_not_fall_by_rounding():
    pdf = np.random.default_rng(0).uniform(size=100_000).astype(np.float32)
    values = np.asarray(jitted_cdf(pdf, np.arange(100_000, dtype=np.float32)))
    assert (values[0], values[-1]) == (0, 1)
    assert (np.diff(values) >= 0).all()


class ValuesTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_cdfs_of_scipy(self):
        for law in (stats.norm, stats.logistic, stats.gumbel_r):
            grid = np.linspace(*law.ppf([1e-6, 1 - 1e-6]), 1001)
            values = self.variant(cdf)(law.pdf(grid), grid)
            np.testing.assert_allclose(values, law.cdf(grid), atol=1e-5, err_msg=law.name)

    @chex.variants(with_jit=True, without_jit=True)
    def test_constant_and_linear_densities_are_exact(self):
        flat, p = jnp.ones(1001), np.array([1e-30, 1e-9, 1e-4, 0.3, 0.5, 0.7, 0.9, 0.9999], np.float32)
        inverse, normal = self.variant(inverse_cdf), self.variant(to_normal)
        transport = self.variant(lambda x, source, target: transport_map(source, target, UNIT)(x))
        np.testing.assert_allclose(inverse(p, flat, UNIT), p, atol=1e-6)
        np.testing.assert_allclose(inverse(p, 2 * UNIT, UNIT), stats.triang(1).ppf(p), atol=1e-6)
        np.testing.assert_allclose(inverse(p, 2 - 2 * UNIT, UNIT), stats.triang(0).ppf(p), atol=1e-6)
        np.testing.assert_allclose(normal(p, flat, UNIT), stats.norm.ppf(p.astype(float)), rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(transport(p, flat, 2 * UNIT), np.sqrt(p), atol=1e-6)
        np.testing.assert_allclose(transport(p, 2 * UNIT, flat), p**2, atol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_wasserstein_by_hand(self):
        """Halves of [0, 1] against thirds: |0 - 0| on 2/6 of it, |0 - 1| on 1/6, |3 - 1| on 1/6, |3 - 3| on 2/6."""
        x, y = jnp.array([3.0, 0.0]), jnp.array([1.0, 0.0, 3.0])
        for p, truth in ((1, 3 / 6), (2, np.sqrt(5 / 6))):
            value = self.variant(lambda x, y, p=p: wasserstein_1d(x, y, p))(x, y)
            np.testing.assert_allclose(value, truth, rtol=1e-6)


def test_both_tails_are_exact():
    """A normal density mapped to itself, where at 5.5 a float32 probability near 1 would be off by a quarter; and a
    Cauchy density, on a grid that widens with it out to a thousand scales."""
    grid, x = np.linspace(-10, 10, 4001), np.array([-7, -5.5, -1, 1, 5.5, 7], np.float32)
    np.testing.assert_allclose(jitted_normal(x, stats.norm.pdf(grid), grid), x, atol=2e-5)
    grid, p = np.sinh(np.linspace(-8, 8, 4001)), np.array([0.001, 0.01, 0.5, 0.9, 0.99, 0.999], np.float32)
    below = stats.cauchy.cdf(grid[0])
    truth = stats.cauchy.ppf(below + (1 - 2 * below) * p.astype(float))
    np.testing.assert_allclose(jitted_inverse(p, stats.cauchy.pdf(grid), grid), truth, rtol=1e-4, atol=1e-5)


@given(densities, densities, seeds)
def test_maps_rise_and_keep_mass(source, target, seed):
    grid = uneven_grid(seed)
    x = np.linspace(grid[0] - 1, grid[-1] + 1, 50, dtype=np.float32)
    y, z = jitted_map(x, source, target, grid), jitted_normal(x, source, grid)
    assert (np.diff(y) >= -1e-5 * grid[-1]).all()
    assert (np.diff(z) >= -1e-4).all()
    assert ((y >= grid[0]) & (y <= grid[-1])).all()
    # The mass below a point is the mass below its image, compared where Phi^-1 does not stretch rounding.
    np.testing.assert_allclose(stats.norm.cdf(jitted_normal(y, target, grid)), stats.norm.cdf(z), atol=1e-4)
    p = np.linspace(0.01, 0.99, 50, dtype=np.float32)
    back = jitted_normal(jitted_inverse(p, target, grid), target, grid)
    np.testing.assert_allclose(stats.norm.cdf(back), p, atol=1e-4)


def test_a_gap_gives_its_left_end():
    p = jnp.array([-1.0, 0.0, 0.25, 0.5, 0.500001, 0.75, 1.0, 2.0])
    values = jitted_inverse(p, BOXES, QUARTERS)
    np.testing.assert_allclose(values, [-0.25, -0.25, 0.375, 1.0, 1.751, 2.375, 3.0, 3.0], atol=1e-5)
    assert jnp.isfinite(jax.jit(jax.grad(lambda p: inverse_cdf(p, BOXES, QUARTERS).sum()))(p)).all()
    # A gap in the source goes to one point.
    gap = jnp.linspace(1, 1.75, 6)
    np.testing.assert_allclose(jitted_map(gap, BOXES, jnp.ones(21), QUARTERS), [1.5] * 6, atol=1e-6)
    np.testing.assert_allclose(jitted_normal(gap, BOXES, QUARTERS), [0] * 6, atol=1e-6)


def test_points_outside_the_grid_are_clamped():
    outside = jnp.array([-jnp.inf, -9.0, -1.0, 4.0, 9.0, jnp.inf])
    np.testing.assert_allclose(jitted_normal(outside, BOXES, QUARTERS), [-12.94995] * 3 + [12.94995] * 3, rtol=1e-5)
    np.testing.assert_array_equal(jitted_map(outside, jnp.ones(21), BOXES, QUARTERS), [-0.25] * 3 + [3.0] * 3)
    slopes = jax.jit(jax.grad(lambda x: to_normal(x, BOXES, QUARTERS).sum()))(outside)
    np.testing.assert_array_equal(slopes, jnp.zeros(6))
    assert jnp.isnan(jitted_normal(outside * jnp.nan, BOXES, QUARTERS)).all()


@pytest.mark.slow
def test_first_and_second_derivatives():
    """By the points, away from the grid's and from the median, where the tail changes; and by the densities."""
    grid = jnp.linspace(0, 1, 5)
    source, target, x = 1 + grid, 2 - grid**2, jnp.array([0.1, 0.35, 0.9])
    tolerances = {"atol": 2e-2, "rtol": 2e-2, "eps": 5e-3}
    check_grads(jitted_cdf, (source, grid), order=2, modes=["rev"], **tolerances)
    check_grads(lambda x, pdf: jitted_normal(x, pdf, grid), (x, source), order=1, modes=["rev"], **tolerances)
    # Forward alone: the second reverse pass takes longer to compile than the rest of this file's derivatives.
    check_grads(lambda x, *pdfs: jitted_map(x, *pdfs, grid), (x, source, target), order=2, modes=["fwd"], **tolerances)


def test_densities_and_points_vmap():
    pdfs = jnp.stack([jnp.ones(1001), 2 * UNIT])
    values = jax.jit(jax.vmap(to_normal, (None, 0, None)))(jnp.full((2, 3), 0.25), pdfs, UNIT)
    np.testing.assert_allclose(values[:, 1, 2], stats.norm.ppf([0.25, 0.0625]), rtol=1e-5)
    distances = jax.vmap(distance, (0, None))(jnp.arange(6.0).reshape(2, 3), jnp.array([1.0]))
    np.testing.assert_allclose(distances, [2 / 3, 3], rtol=1e-6)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@given(samples, samples, samples)
def test_wasserstein_is_a_metric(p, x, y, z):
    xy, yz, xz = distance(x, y, p), distance(y, z, p), distance(x, z, p)
    assert distance(x, x[::-1], p) == 0 <= xy
    np.testing.assert_allclose(xy, distance(y, x, p), rtol=1e-5)
    assert xz <= (xy + yz) * (1 + 1e-5)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (41, 7), (997, 1000)])
def test_wasserstein_of_scipy_and_of_repeated_samples(n, m):
    rng = np.random.default_rng(n + m)
    x, y = rng.normal(size=n).astype(np.float32), 1 + 2 * rng.normal(size=m).astype(np.float32)
    np.testing.assert_allclose(distance(x, y), stats.wasserstein_distance(x, y), atol=1e-5)
    apart = np.abs(np.sort(x).repeat(m) - np.sort(y).repeat(n)).astype(np.float64)
    for p in (2,) if n > 41 else (1.5, 3):
        np.testing.assert_allclose(distance(x, y, p), (apart**p).mean() ** (1 / p), atol=1e-5, err_msg=str(p))


@pytest.mark.parametrize("p", [1, 3])
def test_powers_of_distances_far_from_one_stay_in_range(p):
    for shift in (1e-15, 0.5, 1e15):
        np.testing.assert_allclose(distance(np.zeros(50), np.full(30, shift), p), shift, rtol=1e-5)


@pytest.mark.parametrize(("p", "m"), [(1, 4), (2, 4), (1.5, 3)])
def test_derivatives_of_wasserstein(p, m):
    x, y = jnp.array([0.3, -1.0, 2.0, 0.9]), jnp.array([3.0, 0.1, -2.0, 1.4])[:m]
    tolerances = {"order": 2, "modes": ["rev"], "atol": 2e-2, "rtol": 2e-2, "eps": 1e-2}
    check_grads(lambda x, y: distance(x, y, p), (x, y), **tolerances)
    np.testing.assert_array_equal(jax.grad(distance)(x, x[::-1], p), jnp.zeros(4))
    np.testing.assert_array_equal(jax.grad(distance)(jnp.ones(4), jnp.ones(m), p), jnp.zeros(4))


def test_half_precision_and_integers_give_float32():
    x, ones, grid = (jnp.asarray(a, jnp.bfloat16) for a in ([0.25, 0.5], np.ones(5), np.linspace(0, 1, 5)))
    calls = [(cdf, ones, grid), (inverse_cdf, x, ones, grid), (to_normal, x, ones, grid), (wasserstein_1d, x, x[:1])]
    assert {jax.eval_shape(*call).dtype for call in calls} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(jitted_map(x, ones, ones, grid), jnp.array([0.25, 0.5], jnp.float32), strict=True)
    assert distance(jnp.arange(4), jnp.arange(1, 5)) == 1


@pytest.mark.parametrize(("pdf", "grid"), [((3,), (4,)), ((3, 1), (3,)), ((3, 1), (3, 1)), ((1,), (1,)), ((), ())])
@pytest.mark.usefixtures("unchecked_types")
def test_densities_off_their_grid_are_refused(pdf, grid):
    pdf, grid = jnp.ones(pdf), jnp.zeros(grid)
    for call in ((cdf,), (inverse_cdf, jnp.ones(2)), (to_normal, jnp.ones(2)), (transport_map, grid)):
        with pytest.raises(ValueError, match=r"\(K,\), K >= 2, got \(.*\) and \("):
            call[0](*call[1:], pdf, grid)


@pytest.mark.parametrize(
    ("x", "y", "p"), [((3, 1), (3,), 1), ((3,), (), 1), ((0,), (3,), 1), ((3,), (0,), 1), ((3,), (3,), 0.5)]
)
@pytest.mark.usefixtures("unchecked_types")
def test_samples_that_are_no_vectors_and_exponents_below_one_are_refused(x, y, p):
    with pytest.raises(ValueError, match=r"not empty, got \(.*\) and \(" if p == 1 else r"at least 1, got 0\.5"):
        wasserstein_1d(jnp.ones(x), jnp.ones(y), p)


def test_the_distance_of_what_is_not_a_number_is_none():
    for other in (jnp.zeros(3), jnp.zeros(5)):
        assert jnp.isnan(wasserstein_1d(jnp.array([0.0, jnp.nan, 1.0]), other))
