"""Penalties as data: the published ones, and those of one's own."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.losses import LOSSES, Loss, wasserstein
from gan_jax.penalties import (
    PENALTIES,
    POINTS,
    SHAPES,
    SLOPES,
    Penalty,
    PlainPenalty,
    at_fake,
    at_real,
    check_loss,
    lazy_adam,
    one_sided,
    power,
    score_batch,
    two_sided,
    zero_centered,
)
from gan_jax.penalties.slopes import pair

KEY = jax.random.key(0)
REQUIRED = {
    *("wgan_gp", "wgan_lp", "dragan", "r1", "r2", "r1_r2", "zero_centered", "max_gradient", "wgan_div"),
    *("banach", "one_sided_linear", "consistency", "adversarial_lipschitz", "finite_difference_r1", "gan_qp", "lecam"),
}


def quadratic(x):
    return (x**2).sum(axis=1) / 2


def test_the_registry_holds_the_penalties_of_the_field():
    assert set(PENALTIES) >= REQUIRED


@pytest.mark.parametrize("name", PENALTIES)
def test_a_preset_is_made_of_what_is_registered_and_says_where_it_is_from(name):
    penalty = PENALTIES[name]
    assert penalty.points in POINTS.values()
    if isinstance(penalty, Penalty):
        assert penalty.slope in SLOPES.values()
        assert penalty.shape in [factory() for factory in SHAPES.values()]
    assert penalty.weight > 0
    assert penalty.every == 1
    assert len(penalty.paper) > 20
    assert {*penalty.losses} <= {*LOSSES.values()}


def fits(penalty, loss):
    try:
        check_loss(penalty, loss)
    except InputError:
        return False
    return True


def test_which_penalties_fit_some_losses_only():
    fit = {name: {of for of, loss in LOSSES.items() if fits(penalty, loss)} for name, penalty in PENALTIES.items()}
    limited = {name: losses for name, losses in fit.items() if losses != {*LOSSES}}
    assert limited == {"gan_qp": {"wasserstein"}, "lecam": {*LOSSES} - {"relativistic"}}


def test_a_penalty_that_does_not_fit_a_loss_is_refused_in_one_line_with_those_that_do():
    with pytest.raises(InputError, match=r"^penalty: it fits the losses wasserstein only; choose ") as error:
        check_loss(PENALTIES["gan_qp"], LOSSES["hinge"])
    assert "\n" not in str(error.value)
    assert error.value.field == "penalty"
    with pytest.raises(InputError, match=r"losses wasserstein, minimax, non_saturating, hinge, least_squares only"):
        check_loss(PENALTIES["lecam"], LOSSES["relativistic"])


def test_a_loss_of_ones_own_meets_what_it_fits():
    own = Loss(critic=lambda *, real, fake: fake**2 - real, generator=lambda *, real, fake: -fake)
    check_loss(PENALTIES["lecam"], own)
    check_loss(PENALTIES["wgan_gp"], own._replace(anchored=False))
    with pytest.raises(InputError, match="it fits the losses wasserstein, minimax"):
        check_loss(PENALTIES["lecam"], own._replace(anchored=False))
    with pytest.raises(InputError, match="it fits the losses wasserstein only"):
        check_loss(PENALTIES["gan_qp"], own)
    only_own = PENALTIES["r1"]._replace(losses=(own,))
    check_loss(only_own, own)
    with pytest.raises(InputError, match="it fits the losses that it lists only"):
        check_loss(only_own, wasserstein)
    check_loss(PENALTIES["gan_qp"], Loss(wasserstein.critic, wasserstein.generator))  # the same, made anew


@pytest.mark.parametrize("wrap", [jax.jit, partial, lambda function: jax.jit(partial(function))])
def test_compiled_and_partial_functions_fit_what_the_functions_fit(wrap):
    def wrapped(loss):
        return loss._replace(critic=wrap(loss.critic), generator=wrap(loss.generator))

    for name, penalty in PENALTIES.items():
        for of, loss in LOSSES.items():
            assert fits(penalty, wrapped(loss)) == fits(penalty, loss), (name, of)
    own = PlainPenalty(at_fake, wrap(PENALTIES["lecam"].value))  # which says by itself what it needs
    assert not fits(own, LOSSES["relativistic"])
    assert fits(own, LOSSES["hinge"])
    assert fits(Penalty(at_fake, two_sided()), LOSSES["relativistic"])
    assert not fits(Penalty(at_fake, two_sided(), needs_anchored=True), LOSSES["relativistic"])


def test_weights_make_up_for_the_factors_of_the_papers():
    """What the papers write, for a slope of 3: their factor times its square or power."""
    papers = {"r1": 10 / 2, "r2": 10 / 2, "zero_centered": 10.0, "finite_difference_r1": 0.01}
    for name, factor in papers.items():
        penalty = PENALTIES[name]
        np.testing.assert_allclose(penalty.weight * penalty.shape(jnp.array([3.0])), factor * 9, rtol=1e-6)
    r1_r2 = PENALTIES["r1_r2"]  # half the sum of two means
    np.testing.assert_allclose(r1_r2.weight * r1_r2.shape(jnp.array([3.0, 2.0])).mean(), (9 + 4) / 2, rtol=1e-6)
    wgan_div = PENALTIES["wgan_div"]
    np.testing.assert_allclose(wgan_div.weight * wgan_div.shape(jnp.array([3.0])), 2 * 3**6, rtol=1e-6)


def test_weights_of_plain_penalties_make_up_for_the_factors_of_the_papers():
    """`0.3 (E_real (D - a_fake)^2 + E_fake (D - a_real)^2)`, and `2 E (D(x + e) - D(x + e'))^2`."""
    real, fake = jnp.array([[3.0], [5.0]]), jnp.array([[2.0], [1.0]])
    scored = score_batch(lambda x: x[:, 0], at_real, KEY, real=real, fake=fake, averages=jnp.array([4.0, 1.0]))
    lecam, consistency = PENALTIES["lecam"], PENALTIES["consistency"]
    total = lecam.weight * lecam.terms(scored, KEY)["penalty"].mean()
    np.testing.assert_allclose(total, 0.3 * ((2**2 + 4**2) / 2 + (2**2 + 3**2) / 2), rtol=1e-6)

    one, other = (scored.noise(jax.random.normal, key, (1,)) for key in jax.random.split(KEY))
    total = consistency.weight * consistency.terms(scored, KEY)["penalty"].mean()
    np.testing.assert_allclose(total, 2 * (0.1**2 * (one - other) ** 2).mean(), rtol=1e-4)


def test_the_quadratic_potential_of_gan_qp():
    """`(D(x) - D(y))^2 / (2 lambda d)`, lambda = 10, d the root mean square distance."""
    real, fake = jnp.array([[1.0, 2.0, 2.0]]), jnp.array([[0.0, 0.0, 0.0]])
    penalty = PENALTIES["gan_qp"]
    found = penalty.weight * penalty(quadratic, KEY, real=real, fake=fake)
    np.testing.assert_allclose(found, [4.5**2 / (2 * 10 * np.sqrt(9 / 3))], rtol=1e-6)


def test_points_slope_shape_and_bound_are_put_together():
    real, fake = jnp.zeros((2, 2)), jnp.array([[3.0, 4.0], [0.0, 1.0]])
    values = partial(Penalty.__call__, critic=quadratic, key=KEY, real=real, fake=fake)
    two = Penalty(at_fake, two_sided())
    np.testing.assert_allclose(values(two), [16, 0])  # the gradient, and a bound of 1
    np.testing.assert_allclose(values(two._replace(shape=replace(two.shape, bound=3.0))), [4, 4])
    np.testing.assert_allclose(values(Penalty(at_fake, one_sided(2.0), slope=pair)), [0.25, 0])
    np.testing.assert_allclose(values(Penalty(at_real, power(exponent=2.0))), 0)
    np.testing.assert_allclose(values(Penalty(at_fake, jnp.sqrt)), np.sqrt([5, 1]))  # any function of slopes


def test_terms_are_the_penalty_and_if_there_is_one_the_slope():
    scored = score_batch(quadratic, at_fake, KEY, real=jnp.zeros((1, 2)), fake=jnp.array([[3.0, 4.0]]))
    terms = Penalty(at_fake, two_sided()).terms(scored, KEY)
    assert {name: value.tolist() for name, value in terms.items()} == {"penalty": [16.0], "slope": [5.0]}
    terms = PlainPenalty(at_fake, lambda scored, key: scored.scores).terms(scored, KEY)
    assert {name: value.tolist() for name, value in terms.items()} == {"penalty": [12.5]}


LABELS = jnp.array([0.0, 9.0])
PAIRS = {"real": jnp.array([[1.0, 2.0], [0.5, -1.0]]), "fake": jnp.array([[0.0, 0.1], [-1.0, -0.3]])}


def labeled(x, label):
    return label * jnp.tanh(x).sum(axis=1)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_with_labels_is_given_them(name):
    penalty, averages = PENALTIES[name], jnp.array([1.0, 2.0])

    def values(critic, condition=None):
        scored = score_batch(critic, penalty.points, KEY, **PAIRS, condition=condition, averages=averages)
        return penalty.terms(scored, KEY)["penalty"].reshape(-1, 2)

    one_each = values(labeled, LABELS)
    alone = [values(lambda x, label=label: labeled(x, label))[:, i] for i, label in enumerate(LABELS)]
    expected = jnp.stack(alone, axis=1)
    if name == "max_gradient":
        expected = jnp.broadcast_to(expected.max(), expected.shape)
    np.testing.assert_allclose(one_each, expected, rtol=1e-4, atol=1e-6)
    assert one_each.max() > 1e-3
    assert penalty(labeled, KEY, **PAIRS, condition=LABELS).shape == (one_each.size,)


OF_N = {"r1", "r2", "r1_r2", "finite_difference_r1", "gan_qp", "pair_slope", "lecam"}  # pass by pass, N samples each


@pytest.mark.parametrize("name", sorted(OF_N))
def test_a_critic_with_its_labels_closed_over_is_scored_where_n_samples_pass_at_once(name):
    found = PENALTIES[name](lambda x: labeled(x, LABELS), KEY, **PAIRS)
    np.testing.assert_allclose(found, PENALTIES[name](labeled, KEY, **PAIRS, condition=LABELS), rtol=1e-5)


@pytest.mark.parametrize("name", sorted(PENALTIES.keys() - OF_N))
def test_a_critic_with_its_labels_closed_over_is_refused_in_one_line_elsewhere(name):
    with pytest.raises(InputError, match=r"^critic: .* 2 samples but no more .* labels .* give condition=") as error:
        PENALTIES[name](lambda x: labeled(x, LABELS), KEY, **PAIRS)
    assert "\n" not in str(error.value)


def test_an_error_of_the_critics_own_is_not_hidden():
    with pytest.raises(TypeError, match="incompatible shapes"):
        PENALTIES["wgan_gp"](lambda x: x.sum(axis=1) * jnp.ones(7), KEY, **PAIRS)
    with pytest.raises(TypeError, match="incompatible shapes"):
        PENALTIES["wgan_gp"](lambda x, label: x.sum(axis=1) * LABELS, KEY, **PAIRS, condition=LABELS)


def test_weight_and_interval_are_left_to_the_caller():
    real, fake = jnp.ones((2, 2)), jnp.zeros((2, 2))
    once = Penalty(at_real, zero_centered())(quadratic, KEY, real=real, fake=fake)
    heavy = Penalty(at_real, zero_centered(), weight=7.0, every=4)(quadratic, KEY, real=real, fake=fake)
    np.testing.assert_array_equal(once, heavy)
    np.testing.assert_allclose(once, [1, 1])


def test_a_plain_penalty_of_ones_own_is_taken_at_every_third_step():
    """By plain descent of `a x`, whose loss is `-a`: the penalty `a^2` has a step of its own, thrice as heavy."""
    own = PlainPenalty(at_real, lambda scored, key: scored.scores**2, weight=0.5, every=3)
    real, fake = jnp.ones((2, 1)), jnp.zeros((2, 1))
    rate, *_ = lazy_adam(own.every, 0.1, 0.0, 0.9)

    def scored(a):
        return score_batch(lambda x: a * x[:, 0], own.points, KEY, real=real, fake=fake)

    def loss(a):
        return wasserstein.critic(real=scored(a).real_score, fake=scored(a).fake_score).mean()

    def penalty(a):
        return own.every * own.weight * own.terms(scored(a), KEY)["penalty"].mean()

    def step(a, count):
        a = a - rate * jax.grad(loss)(a)
        a = jax.lax.cond(count % own.every == 0, lambda a: a - rate * jax.grad(penalty)(a), lambda a: a, a)
        return a, a

    _, path = jax.jit(lambda: jax.lax.scan(step, jnp.array(2.0), jnp.arange(5)))()
    a, expected = 2.0, []
    for count in range(5):
        a += rate
        a -= rate * 3 * 0.5 * 2 * a if count % 3 == 0 else 0
        expected.append(a)
    np.testing.assert_allclose(path, expected, rtol=1e-5)
