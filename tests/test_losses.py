"""One suite over every loss, and the values of each by hand."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numerical import check_derivatives

from gan_jax.losses import LOSSES, Loss

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


@pytest.mark.parametrize("name", LOSSES)
def test_the_critics_loss_is_a_sum_of_terms_of_either_score_where_it_is_anchored(name):
    """Otherwise it depends on the pair's difference alone, and not linearly."""
    critic = LOSSES[name].critic

    def mixed(real, fake):
        """Zero where the loss is `f(real) + g(fake)`."""
        return (
            critic(real=real, fake=fake)
            + critic(real=real + 1, fake=fake + 1)
            - (critic(real=real + 1, fake=fake) + critic(real=real, fake=fake + 1))
        )

    real, fake = jnp.array(REAL), jnp.array(FAKE)
    assert LOSSES[name].anchored == bool((jnp.abs(mixed(real, fake)) < 1e-5).all())
    if not LOSSES[name].anchored:
        np.testing.assert_allclose(critic(real=real + 3, fake=fake + 3), critic(real=real, fake=fake), rtol=1e-5)


def test_a_loss_of_ones_own_is_anchored_unless_it_says_otherwise():
    own = Loss(critic=lambda *, real, fake: fake - real, generator=lambda *, real, fake: -fake)
    assert own.anchored
    assert not own._replace(anchored=False).anchored


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
    check_derivatives(lambda real, fake: loss(name, member)(real=real, fake=fake), REAL, FAKE, forward=True)


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
@pytest.mark.usefixtures("unchecked_types")
def test_scores_that_would_broadcast_are_refused(name, member, real, fake):
    with pytest.raises(ValueError, match=r"\(N,\).*real \(.*\) and fake \("):
        loss(name, member)(real=jnp.zeros(real), fake=jnp.zeros(fake))


@every_member
def test_half_precision_scores_give_float32(name, member):
    real, fake = jnp.array(REAL, jnp.bfloat16), jnp.array(FAKE, jnp.bfloat16)
    values = loss(name, member)(real=real, fake=fake)
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(values, BY_HAND[name, member], rtol=2e-2)


scores = st.lists(st.floats(-30, 30, width=32), min_size=4, max_size=4)  # one size is compiled once


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
