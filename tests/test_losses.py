"""One suite over every loss, and the values of each by hand."""

from itertools import permutations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from gan_jax.losses import LOSSES, permutation_average, sample_average

REAL, FAKE = np.array([2.0, -0.5, 0.25], np.float32), np.array([-1.5, 3.0, 0.5], np.float32)
MEMBERS = [(name, member) for name in LOSSES for member in ("critic", "generator")]


def softplus(x):
    return np.log1p(np.exp(x))


BY_HAND = {
    ("wasserstein", "critic"): [-3.5, 3.5, 0.25],
    ("wasserstein", "generator"): [1.5, -3.0, -0.5],
    ("minimax", "critic"): softplus(-REAL) + softplus(FAKE),
    ("minimax", "generator"): np.log(1 - 1 / (1 + np.exp(-FAKE))),
    ("non_saturating", "critic"): -np.log(1 / (1 + np.exp(-REAL))) - np.log(1 - 1 / (1 + np.exp(-FAKE))),
    ("non_saturating", "generator"): -np.log(1 / (1 + np.exp(-FAKE))),
    ("hinge", "critic"): [0.0, 5.5, 2.25],
    ("hinge", "generator"): [1.5, -3.0, -0.5],
    ("least_squares", "critic"): [1.625, 5.625, 0.40625],
    ("least_squares", "generator"): [3.125, 2.0, 0.125],
    ("relativistic", "critic"): softplus(np.array([-3.5, 3.5, 0.25])),
    ("relativistic", "generator"): softplus(np.array([3.5, -3.5, -0.25])),
}

every_member = pytest.mark.parametrize(("name", "member"), MEMBERS)


def loss(name, member):
    return getattr(LOSSES[name], member)


def test_the_registry_holds_the_losses_of_the_field():
    assert set(LOSSES) == {"wasserstein", "minimax", "non_saturating", "hinge", "least_squares", "relativistic"}


class ValuesTest(chex.TestCase):
    @chex.variants(with_jit=True, without_jit=True)
    def test_values_by_hand(self):
        for name, member in MEMBERS:
            values = self.variant(loss(name, member))(real=jnp.array(REAL), fake=jnp.array(FAKE))
            chex.assert_shape(values, (3,))
            np.testing.assert_allclose(values, BY_HAND[name, member], rtol=2e-6, err_msg=f"{name} {member}")


@every_member
def test_first_and_second_derivatives(name, member):
    """Away from the kinks of the hinge, which has none among these scores."""

    def f(real, fake):
        return loss(name, member)(real=real, fake=fake)

    check_grads(f, (jnp.array(REAL), jnp.array(FAKE)), order=2, modes=["fwd", "rev"], atol=2e-2, rtol=2e-2)


@every_member
def test_values_and_gradients_stay_finite_at_extreme_scores(name, member):
    extreme = jnp.array([-1e4, -50.0, 0.0, 50.0, 1e4])
    for real, fake in ((extreme, extreme), (extreme, extreme[::-1])):
        value, gradient = jax.value_and_grad(
            lambda fake, real=real: loss(name, member)(real=real, fake=fake).sum(), argnums=0
        )(fake)
        assert jnp.isfinite(value)
        assert jnp.isfinite(gradient).all()


def test_saturating_and_non_saturating_gradients_where_the_critic_is_sure():
    """Goodfellow's argument: sure of a fake, the one gradient vanishes and the other is whole."""
    sure = jnp.array([-30.0])
    slope = {
        name: jax.grad(lambda fake, name=name: loss(name, "generator")(real=sure, fake=fake).sum())(sure)
        for name in ("minimax", "non_saturating")
    }
    np.testing.assert_allclose(slope["minimax"], [-np.exp(-30.0)], rtol=1e-5)
    np.testing.assert_allclose(slope["non_saturating"], [-1.0], rtol=1e-5)


@every_member
@pytest.mark.parametrize(
    ("real", "fake"), [((3, 1), (3, 1)), ((3, 1), (3,)), ((3,), (4,)), ((), ()), ((3,), (1,))], ids=str
)
def test_scores_that_would_broadcast_are_refused(name, member, real, fake):
    with pytest.raises(ValueError, match=r"\(N,\).*real \(.*\) and fake \("):
        loss(name, member)(real=jnp.zeros(real), fake=jnp.zeros(fake))


@every_member
def test_half_precision_scores_give_float32(name, member):
    real, fake = jnp.array(REAL, jnp.bfloat16), jnp.array(FAKE, jnp.bfloat16)
    values = loss(name, member)(real=real, fake=fake)
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, BY_HAND[name, member], rtol=2e-2)


scores = st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=6)


@given(scores)
def test_a_critic_that_tells_nothing_apart_gains_nothing(values):
    """Equal scores: the Wasserstein gap is zero and no critic loss is below its value at zero scores."""
    same = jnp.array(values, jnp.float32)
    assert (LOSSES["wasserstein"].critic(real=same, fake=same) == 0).all()
    for name in ("minimax", "non_saturating", "hinge", "least_squares", "relativistic"):
        at_zero = {"least_squares": 0.25, "hinge": 2.0, "relativistic": np.log(2)}.get(name, 2 * np.log(2))
        assert (LOSSES[name].critic(real=same, fake=same) >= at_zero - 1e-5).all(), name


@given(scores, st.integers(0, 100))
def test_samples_do_not_mix(values, seed):
    """Permuting the pairs permutes the losses."""
    fake = jnp.array(values, jnp.float32)
    real = fake[::-1] + 1
    order = np.random.default_rng(seed).permutation(len(values))
    for name, member in MEMBERS:
        f = loss(name, member)
        np.testing.assert_array_equal(f(real=real, fake=fake)[order], f(real=real[order], fake=fake[order]))


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
    additive = permutation_average(lambda y: jnp.mean(jax.vmap(of_one)(y)), samples)
    np.testing.assert_allclose(additive, sample_average(of_one, samples), rtol=1e-5, atol=1e-6)


def test_the_average_over_all_orders_written_out():
    samples = jax.random.normal(jax.random.key(0), (4, 2))
    by_hand = np.mean([in_order(samples[jnp.array(order)]) for order in permutations(range(4))])
    np.testing.assert_allclose(permutation_average(in_order, samples), by_hand, rtol=1e-5)
    check_grads(lambda y: permutation_average(in_order, y), (samples,), order=2, modes=["rev"], atol=2e-2, rtol=2e-2)


def test_seven_samples_are_allowed_and_eight_refused_with_the_count():
    assert jnp.isfinite(averages["all orders"](jnp.ones((7, 2))))
    with pytest.raises(ValueError, match=r"8 samples have 8! = 4.03e\+04 orders"):
        permutation_average(in_order, jnp.ones((8, 2)))


@pytest.mark.parametrize("average", [permutation_average, sample_average])
@pytest.mark.parametrize("samples", [jnp.ones(()), jnp.ones((0, 2))], ids=lambda x: str(x.shape))
def test_averages_need_a_sample(average, samples):
    with pytest.raises(ValueError, match=r"samples \(M, ...\)"):
        average(jnp.sum, samples)


@pytest.mark.parametrize("average", [permutation_average, sample_average])
def test_averaged_scores_are_scalars_in_float32(average):
    with pytest.raises(ValueError, match="must be a scalar, got"):
        average(lambda y: y, jnp.ones((3, 2)))
    assert average(jnp.sum, jnp.ones((3, 2), jnp.bfloat16)).dtype == jnp.float32
