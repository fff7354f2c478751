"""Eight devices compute what one does: points, slopes, penalties, noise, averages, and each label with its sample."""

from functools import cache, partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.losses import wasserstein
from gan_jax.penalties import (
    PENALTIES,
    POINTS,
    SLOPES,
    Penalty,
    PlainPenalty,
    at_both,
    interpolate,
    maximum,
    score_batch,
)
from gan_jax.penalties.plain import consistency, lecam
from gan_jax.training import devices

KEY = jax.random.key(0)
BATCH = 16
WEIGHT = np.random.default_rng(2).normal(size=(4, 2)).astype(np.float32)
REAL, FAKE = np.random.default_rng(1).normal(size=(2, BATCH, 2, 2, 1)).astype(np.float32)
LABELS = np.random.default_rng(3).permutation(BATCH).astype(np.float32)  # each sample its own
every_strategy = pytest.mark.parametrize("strategy", devices.STRATEGIES)


def run(strategy, function, *rest):
    """What `function(sharding, state, *rest)` gives on eight devices, or on one if there is no strategy."""
    parallel = devices.SINGLE_DEVICE if strategy is None else devices.data_parallel(8, strategy)
    state, *rest = parallel.replicate((WEIGHT, *rest))

    def program(state, *rest):
        return state, function(parallel.sharding, state, *rest)

    return jax.device_get(parallel.compile(program, state, *rest)(state, *rest)[1])


def critic(weight, x):
    """Smooth: rounding decides on which side of a kink a sample is."""
    return jnp.tanh(x.reshape(len(x), 4) @ weight).sum(axis=1)


def both_unshared(key, *, real, fake):
    """The points of `at_both`, in a pass of their own."""
    return at_both(key, real=real, fake=fake)


def of_largest(slope):
    return maximum()(slope) + slope


def own_penalties():
    """Every kind of points, of slopes and of plain values, where no preset has it: of N and 2N points, unshared."""
    slopes = {
        slope: partial(Penalty, shape=of_largest, slope=SLOPES[slope]) for slope in ("pair", "noisy", "adversarial")
    }
    values = {value.__name__: partial(PlainPenalty, value=value) for value in (consistency, lecam)}
    return {
        **{f"{name}, gradient": Penalty(POINTS[name], of_largest) for name in ("beta_interpolated", "mixed")},
        **{f"both, unshared, {name}": make(both_unshared) for name, make in (slopes | values).items()},
        **{f"interpolated, {name}": (slopes | values)[name](interpolate) for name in ("noisy", "consistency")},
    }


@cache
def gradients_and_terms(strategy):
    """The gradient of loss and penalty, and the penalty's terms: of every preset, and of others of one's own."""

    def all_penalties(sharding, weight, real, fake):
        real, fake = sharding.shard((real, fake))
        found = {}
        for name, penalty in {**PENALTIES, **own_penalties()}.items():

            def total(weight, penalty=penalty):
                scored = score_batch(
                    partial(critic, weight), penalty.points, KEY, real=real, fake=fake, sharding=sharding
                )
                terms = penalty.terms(scored, KEY)
                loss = wasserstein.critic(real=scored.real_score, fake=scored.fake_score).mean()
                # Terms lie in another order on several devices.
                numbers = {term: (values.mean(), (values**2).mean(), values.max()) for term, values in terms.items()}
                return loss + penalty.weight * terms["penalty"].mean(), (numbers, scored.averages)

            gradient, numbers = jax.grad(total, has_aux=True)(weight)
            found[name] = sharding.mean(gradient), numbers
        return found

    return run(strategy, all_penalties, REAL, FAKE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy", [pytest.param("jit", marks=pytest.mark.slow), "shard_map"]
)  # "pmap" has the program of "shard_map"
def test_eight_devices_compute_what_one_does(strategy):
    of_one = gradients_and_terms(None)
    for name, found in gradients_and_terms(strategy).items():
        chex.assert_trees_all_close(found, of_one[name], rtol=1e-3, atol=1e-4, custom_message=name)


@cache
def lazy_training(strategy, name):
    """Five steps of descent, with a step of the penalty's own at every second one, and running means of scores."""
    penalty = PENALTIES[name]._replace(every=2)

    def train(sharding, weight, real, fake):
        real, fake = sharding.shard((real, fake))

        def loss(weight):
            scores = sharding.concat_apply(partial(critic, weight), jnp.stack([real, fake]))
            return wasserstein.critic(real=scores[0], fake=scores[1]).mean(), scores.mean(axis=1)

        def lazy(weight, key, averages):
            scored = score_batch(
                partial(critic, weight), penalty.points, key, real=real, fake=fake, averages=averages, sharding=sharding
            )
            value = penalty.terms(scored, key)["penalty"].mean()
            return penalty.every * penalty.weight * value, value

        def step(carry, count):
            weight, averages = carry
            gradient, means = sharding.mean(jax.grad(loss, has_aux=True)(weight))
            weight, averages = weight - 0.1 * gradient, 0.9 * averages + 0.1 * means

            def due(weight):
                key = jax.random.fold_in(KEY, count)
                gradient, value = sharding.mean(jax.grad(lazy, has_aux=True)(weight, key, averages))
                return weight - 0.01 * gradient, value

            weight, value = jax.lax.cond(count % penalty.every == 0, due, lambda weight: (weight, 0.0), weight)
            return (weight, averages), value

        return jax.lax.scan(step, (weight, jnp.zeros(2)), jnp.arange(5))

    return run(strategy, train, REAL, FAKE)


@every_strategy
@pytest.mark.parametrize("name", ["max_gradient", "lecam"])
def test_eight_devices_take_a_lazy_penalty_where_one_does(name, strategy):
    of_one = lazy_training(None, name)
    assert [*(of_one[1] > 0)] == [True, False, True, False, True]
    chex.assert_trees_all_close(lazy_training(strategy, name), of_one, rtol=1e-3, atol=1e-5)


def labeled(x, label):
    """Scores a sample by its label, and closes over nothing."""
    x = x.reshape(len(x), 4)
    return jnp.cos(label) * x[:, 0] + jnp.sin(label) * (x[:, 1:] ** 2).sum(axis=1) + 10 * label


# Without "beta_interpolated", whose distribution takes long to compile, and which is "interpolated" otherwise.
LABELED = {name: POINTS[name] for name in ("interpolated", "around_real", "real", "fake", "both")}
LABELED["both, unshared"] = both_unshared


def terms_by_label(name, scored):
    """What has a pass of its own is looked at where there are 2N points, shared and unshared, and where there are N."""
    terms = {"gradient": SLOPES["gradient"]}
    if name in ("interpolated", "both", "both, unshared"):
        terms |= {"noisy": SLOPES["noisy"], "adversarial": SLOPES["adversarial"], "consistency": consistency}
    return {kind: term(scored, KEY) for kind, term in terms.items()}


@cache
def under_labels(strategy):
    """Scores, labels and terms under labels. Sorted: they lie in another order on several devices."""

    def all_points(sharding, weight, real, fake, labels):
        real, fake, labels = sharding.shard((real, fake, labels))
        found = {}
        for name, points in LABELED.items():
            scored = score_batch(labeled, points, KEY, real=real, fake=fake, condition=labels, sharding=sharding)
            numbers = {"real": scored.real_score, "fake": scored.fake_score, "points": scored.scores}
            numbers |= {"labels": scored.condition} | terms_by_label(name, scored)
            found[name] = {of: jnp.sort(sharding.all_gather(values)) for of, values in numbers.items()}
        return found

    return run(strategy, all_points, REAL, FAKE, LABELS)


@pytest.mark.slow
def test_on_one_device_each_sample_is_scored_by_its_label():
    real, fake = np.sort(labeled(REAL, LABELS)), np.sort(labeled(FAKE, LABELS))
    for name, found in under_labels(None).items():
        np.testing.assert_allclose(found["real"], real, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(found["fake"], fake, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(
            found["labels"], np.sort(np.concatenate([LABELS] * (len(found["points"]) // BATCH)))
        )
        if name == "both, unshared":
            np.testing.assert_allclose(found["points"], np.sort([*real, *fake]), rtol=1e-5, atol=1e-4)


@pytest.mark.slow
@every_strategy
def test_on_eight_devices_labels_stay_with_their_samples(strategy):
    of_one = under_labels(None)
    for name, found in under_labels(strategy).items():
        chex.assert_trees_all_close(found, of_one[name], rtol=2e-3, atol=2e-3, custom_message=name)
