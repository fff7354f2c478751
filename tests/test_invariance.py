"""Scores of sets against sums over orders that are written out."""

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numerical import check_derivatives

from gan_jax.invariance import permutation_average, sample_average


def in_order(samples):
    """A score that depends on the order, of samples (M, 2)."""
    places = jnp.arange(1, len(samples) + 1, dtype=samples.dtype)
    return jnp.tanh(samples * places[:, None]).prod(axis=1).sum() + samples[0, 1] ** 2


def of_one(sample):
    return jnp.sin(sample[0]) * sample[1]


sets = st.integers(1, 4), st.integers(0, 2**31 - 1)
averages = {
    "all orders": jax.jit(lambda samples: permutation_average(in_order, samples)),
    "one by one": jax.jit(lambda samples: sample_average(of_one, samples)),
    "all orders of an additive score": jax.jit(
        lambda samples: permutation_average(lambda y: jnp.mean(jax.vmap(of_one)(y)), samples)
    ),
}


@pytest.mark.parametrize("average", averages)
@given(*sets)
def test_averages_do_not_depend_on_the_order(average, count, seed):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(count, 2)).astype(np.float32)
    shuffled = samples[rng.permutation(count)]
    np.testing.assert_allclose(averages[average](samples), averages[average](shuffled), rtol=1e-4, atol=1e-6)


@given(*sets)
def test_both_averages_agree_where_the_score_is_additive(count, seed):
    samples = jnp.asarray(np.random.default_rng(seed).normal(size=(count, 2)), jnp.float32)
    additive, mean = averages["all orders of an additive score"](samples), averages["one by one"](samples)
    np.testing.assert_allclose(additive, mean, rtol=1e-5, atol=1e-6)


def test_the_average_over_all_orders_written_out():
    samples = jax.random.normal(jax.random.key(0), (4, 2))
    score = jax.jit(in_order)
    by_hand = np.mean([score(np.asarray(samples)[list(order)]) for order in permutations(range(4))])
    np.testing.assert_allclose(averages["all orders"](samples), by_hand, rtol=1e-5)
    check_derivatives(lambda y: permutation_average(in_order, y), samples)


def test_seven_samples_are_allowed_and_eight_refused_with_the_count():
    assert jnp.isfinite(averages["all orders"](jnp.ones((7, 2))))
    with pytest.raises(ValueError, match=r"8 samples have 8! = 4.03e\+04 orders"):
        permutation_average(in_order, jnp.ones((8, 2)))


@pytest.mark.parametrize("average", [permutation_average, sample_average])
@pytest.mark.parametrize("samples", [jnp.ones(()), jnp.ones((0, 2))], ids=lambda x: str(x.shape))
@pytest.mark.usefixtures("unchecked_types")
def test_averages_need_a_sample(average, samples):
    with pytest.raises(ValueError, match=r"samples \(M, ...\)"):
        average(jnp.sum, samples)


@pytest.mark.parametrize("average", [permutation_average, sample_average])
def test_averaged_scores_are_scalars_in_float32(average):
    with pytest.raises(ValueError, match="must be a scalar, got"):
        average(lambda y: y, jnp.ones((3, 2)))
    assert average(jnp.sum, jnp.ones((3, 2), jnp.bfloat16)).dtype == jnp.float32
