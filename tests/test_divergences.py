"""Divergences against scipy, and histograms hard and soft, with their gradients."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads
from scipy import stats
from scipy.spatial.distance import jensenshannon

from gan_jax.divergences import histogram, js, kl, log10_cells, soft_histogram

EDGES = np.array([-1, -0.5, 0, 2, 3], np.float32)
COVERING = np.array([-np.inf, -0.5, 0, 2, np.inf], np.float32)
SAMPLE = jnp.array([-0.8, -0.1, 0.05, 0.4, 1.9, 2.5])

# One length, so that the examples share their compilations.
weights = st.lists(st.sampled_from([0.0, 0.0, 1e-30, 1e-6, 0.3, 1.0, 5.0]), min_size=6, max_size=6).filter(any)
probabilities = weights.map(lambda w: (np.array(w) / np.sum(w)).astype(np.float32))
# On and off the edges, inside and outside.
samples = st.lists(st.floats(-2, 4, width=32) | st.sampled_from(EDGES.tolist()), min_size=7, max_size=7)
samples = samples.map(lambda x: np.array(x, np.float32))

jitted_kl, jitted_js, jitted_histogram, jitted_soft = (jax.jit(f) for f in (kl, js, histogram, soft_histogram))
gradient_js = jax.jit(jax.grad(js, (0, 1)))
jacobian_soft = jax.jit(jax.jacobian(soft_histogram))
gradient_kl = jax.jit(jax.grad(kl, (0, 1)))


class ValuesTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_divergences_of_scipy(self):
        p, q = np.random.default_rng(0).dirichlet(np.full(100, 0.2), (2, 3)).astype(np.float32)
        np.testing.assert_allclose(self.variant(kl)(p, q), stats.entropy(p, q, axis=-1), rtol=1e-5)
        np.testing.assert_allclose(self.variant(js)(p, q), jensenshannon(p, q, axis=-1) ** 2, atol=1e-5)

    @chex.variants(with_jit=True, without_jit=True)
    def test_empty_cells_by_hand(self):
        p, q = jnp.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]), jnp.array([[0.25, 0.25, 0.5], [0.0, 0.5, 0.5]])
        np.testing.assert_allclose(self.variant(kl)(p, q), [np.log(2), np.inf], rtol=1e-6)
        np.testing.assert_allclose(self.variant(js)(p, q), [0.21576155, np.log(2) / 2], rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_a_histogram_by_hand(self):
        """Left edges belong to their cell, the last right edge too; what is outside counts in N alone."""
        x = jnp.array([-1.0, -0.5, -0.25, 0.0, 3.0, 2.9, -1.1, 3.1, jnp.nan, jnp.inf])
        np.testing.assert_allclose(self.variant(histogram)(x, EDGES), [0.1, 0.2, 0.1, 0.2], rtol=1e-6)

    @chex.variants(with_jit=True, without_jit=True)
    def test_a_soft_histogram_of_scipy(self):
        truth = np.diff(stats.norm.cdf((EDGES[None] - np.asarray(SAMPLE)[:, None]) / 0.3)).mean(axis=0)
        np.testing.assert_allclose(self.variant(soft_histogram)(SAMPLE, EDGES, 0.3), truth, atol=1e-6)


@pytest.mark.slow
@given(probabilities, probabilities)
def test_divergences_keep_their_bounds(p, q):
    value = jitted_js(p, q)
    assert -1e-6 <= value <= np.log(2) + 1e-6
    assert value == jitted_js(q, p)
    assert jitted_kl(p, q) >= -1e-6
    assert jitted_kl(p, p) == jitted_js(p, p) == 0
    assert jnp.isinf(jitted_kl(p, q)) == ((p > 0) & (q == 0)).any()
    np.testing.assert_allclose(value, jensenshannon(p, q) ** 2, atol=1e-5)


@given(probabilities, probabilities, probabilities)
def test_the_root_of_js_obeys_the_triangle_inequality(p, q, r):
    pq, qr, pr = (np.sqrt(max(jitted_js(*pair), 0)) for pair in ((p, q), (q, r), (p, r)))
    assert pr <= pq + qr + 1e-3


@given(probabilities, probabilities)
def test_gradients_are_finite_in_every_cell(p, q):
    for gradient in (gradient_kl(p, q), gradient_js(p, q)) if (q > 1e-20).all() else (gradient_js(p, q),):
        chex.assert_tree_all_finite(gradient)


def test_js_of_the_smallest_probabilities_is_finite():
    tiny = jnp.array([np.finfo(np.float32).tiny, 1.0])
    chex.assert_tree_all_finite((jitted_js(tiny, jnp.array([0.0, 1.0])), gradient_js(tiny, jnp.array([0.0, 1.0]))))


@given(samples, st.permutations(range(7)))
def test_a_histogram_counts_each_sample_once_in_any_order(x, order):
    values = jitted_histogram(x, EDGES)
    np.testing.assert_allclose(values, np.histogram(x, EDGES)[0] / 7, rtol=1e-6)
    np.testing.assert_array_equal(values, jitted_histogram(x[np.array(order)], EDGES))
    np.testing.assert_allclose(jitted_histogram(x, COVERING).sum(), 1, rtol=1e-6)


@given(samples, st.permutations(range(7)), st.sampled_from([1e-3, 0.2, 5.0]))
def test_a_soft_histogram_keeps_mass_in_any_order(x, order, bandwidth):
    values = jitted_soft(x, EDGES, bandwidth)
    assert (values >= 0).all()
    assert values.sum() <= 1 + 1e-6
    np.testing.assert_allclose(values, jitted_soft(x[np.array(order)], EDGES, bandwidth), atol=1e-6)
    np.testing.assert_allclose(jitted_soft(x, COVERING, bandwidth).sum(), 1, rtol=1e-6)


def test_a_soft_histogram_tends_to_the_hard_one():
    np.testing.assert_allclose(jitted_soft(SAMPLE, EDGES, 1e-3), jitted_histogram(SAMPLE, EDGES), atol=1e-6)


def test_a_soft_histogram_is_the_expected_histogram_of_noisy_samples():
    noise = jax.random.normal(jax.random.key(0), (40_000, 1))
    noisy = jitted_histogram((SAMPLE[None] + 0.5 * noise).ravel(), EDGES)
    np.testing.assert_allclose(jitted_soft(SAMPLE, EDGES, 0.5), noisy, atol=5e-3)


def test_cells_far_from_the_sample_keep_their_small_shares():
    """On both sides alike: measured from the wrong tail the right ones would be rounding, or negative."""
    edges = np.arange(-11, 12, dtype=np.float32)
    shares = jitted_soft(jnp.zeros(1), edges, 1.0)
    np.testing.assert_allclose(shares, shares[::-1], rtol=1e-5)
    np.testing.assert_allclose(shares[-1], stats.norm.sf(10) - stats.norm.sf(11), rtol=1e-4)


@jax.jit
@jax.value_and_grad
def to_hard(x):
    return js(histogram(x, EDGES), jnp.full(4, 0.25))


@jax.jit
@jax.value_and_grad
def to_soft(x):
    return js(soft_histogram(x, EDGES, 0.3), jnp.full(4, 0.25))


def test_the_indicator_has_no_gradient_and_its_smoothing_has():
    """Both losses are far from zero, and only one says where to go."""
    (hard, no_slope), (soft, slope) = to_hard(SAMPLE), to_soft(SAMPLE)
    assert min(hard, soft) > 0.01
    np.testing.assert_array_equal(no_slope, jnp.zeros(6))
    assert (jnp.abs(slope) > 1e-4).all()
    assert to_soft(SAMPLE - slope)[0] < soft


@pytest.mark.slow
def test_first_and_second_derivatives():
    tolerances = {"order": 2, "modes": ["rev"], "atol": 2e-2, "rtol": 2e-2, "eps": 1e-2}
    p, q = jnp.array([0.25, 0.3, 0.45]), jnp.array([0.4, 0.25, 0.35])
    check_grads(jax.jit(lambda p, q: (kl(p, q), js(p, q))), (p, q), **tolerances)
    check_grads(lambda x, h: jitted_soft(x, EDGES, h), (SAMPLE, jnp.array(0.5)), **tolerances)


def test_infinite_edges_leave_derivatives_finite():
    curvature = jax.jit(jax.jacobian(jax.grad(lambda x: soft_histogram(x, COVERING, 0.3)[0])))
    chex.assert_tree_all_finite((jacobian_soft(SAMPLE, COVERING, 0.3), curvature(SAMPLE)))


def test_samples_vmap():
    rows = jnp.stack([SAMPLE, SAMPLE + 0.3])
    hard, soft = (
        jax.vmap(jitted_histogram, (0, None))(rows, EDGES),
        jax.vmap(jitted_soft, (0, None, None))(rows, EDGES, 0.3),
    )
    np.testing.assert_array_equal(hard, [jitted_histogram(row, EDGES) for row in rows])
    np.testing.assert_allclose(soft, [jitted_soft(row, EDGES, 0.3) for row in rows], atol=1e-6)


def test_half_precision_and_integers_give_float32():
    half, edges = SAMPLE.astype(jnp.bfloat16), jnp.array(EDGES, jnp.bfloat16)
    p = jnp.array([0.25, 0.75], jnp.bfloat16)
    shapes = [
        jax.eval_shape(kl, p, p),
        jax.eval_shape(js, p, p),
        jax.eval_shape(histogram, half, edges),
        jax.eval_shape(soft_histogram, half, edges, 0.3),
    ]
    assert {shape.dtype for shape in shapes} == {jnp.dtype("float32")}
    np.testing.assert_allclose(jitted_histogram(half, edges), jitted_histogram(SAMPLE, EDGES))
    np.testing.assert_allclose(jitted_histogram(jnp.arange(4), jnp.array([0, 2, 4])), [0.5, 0.5])


@pytest.mark.parametrize("divergence", [kl, js])
@pytest.mark.parametrize(("p", "q"), [((3,), (4,)), ((2, 3), (3,)), ((3, 1), (3,)), ((), ())])
@pytest.mark.usefixtures("unchecked_types")
def test_distributions_that_would_broadcast_are_refused(divergence, p, q):
    with pytest.raises(ValueError, match=r"one shape \(..., K\), got \(.*\) and \("):
        divergence(jnp.ones(p), jnp.ones(q))


@pytest.mark.parametrize("estimate", [histogram, lambda x, edges: soft_histogram(x, edges, 0.3)])
@pytest.mark.parametrize(("x", "edges"), [((3, 1), (4,)), ((), (4,)), ((0,), (4,)), ((3,), (1,)), ((3,), (4, 1))])
@pytest.mark.usefixtures("unchecked_types")
def test_samples_and_edges_that_are_no_vectors_are_refused(estimate, x, edges):
    with pytest.raises(ValueError, match=r"samples must be .* edges a vector \(K \+ 1,\).* got \(.*\) and \("):
        estimate(jnp.ones(x), jnp.ones(edges))


@pytest.mark.parametrize("bandwidth", [0, -0.1])
def test_bandwidths_that_are_not_positive_are_refused(bandwidth):
    with pytest.raises(ValueError, match=f"positive, got {bandwidth}"):
        soft_histogram(SAMPLE, EDGES, bandwidth)


def test_the_number_of_cells():
    assert abs(log10_cells(2, 784) - np.log10(float(2**784))) < 1e-9
    assert log10_cells(100, 3) == 6
    for arguments in ((0, 3), (2, 0)):
        with pytest.raises(ValueError, match="at least 1, got"):
            log10_cells(*arguments)


def test_the_divergence_of_what_is_not_a_number_is_none():
    p, q = jnp.array([jnp.nan, 0.5]), jnp.array([0.5, 0.5])
    assert jnp.isnan(jnp.stack([kl(p, q), kl(q, p), js(p, q), js(q, p)])).all()
