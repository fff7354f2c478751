"""How steep a critic is: differences and gradients by hand, on average, and in their units."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.penalties import SLOPES, at_both, at_fake, at_real, interpolate, score_batch
from gan_jax.penalties.needs import needed_by
from gan_jax.penalties.slopes import adversarial, noisy

KEY = jax.random.key(0)
WEIGHT = np.array([2.0, -1.0, 2.0], np.float32)  # norm 3
GRADIENTS = {name for name in SLOPES if name.startswith("gradient")}
every_slope = pytest.mark.parametrize("name", SLOPES)


def normal(seed, *shape):
    return jnp.array(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def linear(x):
    return (x * WEIGHT[None]).sum(axis=1) + 0.5


def quadratic(x):
    """Its gradient at x is x."""
    return (x.reshape(len(x), -1) ** 2).sum(axis=1) / 2


def flat(x):
    return 0 * x.reshape(len(x), -1).sum(axis=1)


def smooth(x):
    """Of images (N, 2, 2, 1), or whatever holds four numbers."""
    kernel = jnp.array([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.3], [2.0, 0.7]])
    return jnp.tanh(x.reshape(len(x), 4) @ kernel).sum(axis=1)


def slope(name, critic, real, fake, points=at_both, key=KEY):
    return SLOPES[name](score_batch(critic, points, KEY, real=real, fake=fake), key)


def test_the_registry_holds_gradients_and_differences():
    assert sorted(GRADIENTS) == [f"gradient{of}" for of in ("", "_dual_l10", "_l1", "_linf", "_sobolev")]
    assert set(SLOPES) == GRADIENTS | {"pair", "root_pair", "noisy", "adversarial"}


def test_gradients_of_a_linear_critic():
    real, fake = normal(0, 4, 3), normal(1, 4, 3)
    norms = {"": 3.0, "_l1": 5.0, "_linf": 2.0, "_dual_l10": (2 * 2 ** (10 / 9) + 1) ** 0.9}
    for name, norm in norms.items():
        np.testing.assert_allclose(slope(f"gradient{name}", linear, real, fake), [norm] * 8, rtol=1e-5)


def test_the_sobolev_slope_of_a_linear_critic_of_images():
    """Its gradient is constant, and a constant image has but the frequency that weighs 1."""
    real, fake = normal(0, 4, 2, 2, 1), normal(1, 4, 2, 2, 1)
    np.testing.assert_allclose(
        slope("gradient_sobolev", lambda x: 3 * x.sum(axis=(1, 2, 3)), real, fake), [6.0] * 8, rtol=1e-5
    )


def test_slopes_of_pairs_by_hand():
    real, fake = jnp.array([[0.0, 0.0], [1.0, 0.0]]), jnp.array([[3.0, 4.0], [1.0, 0.0]])
    np.testing.assert_allclose(slope("pair", quadratic, real, fake, at_fake), [2.5, 0.0])  # 12.5 over 5; no distance
    np.testing.assert_allclose(slope("pair", quadratic, real, fake, at_real), [0.0, 0.0])
    np.testing.assert_allclose(slope("pair", quadratic, real, fake, at_both), [0.0, 0.0, 2.5, 0.0])
    root = 12.5 / (5 / np.sqrt(2)) ** 0.5
    np.testing.assert_allclose(slope("root_pair", quadratic, real, fake, at_fake), [root, 0.0], rtol=1e-6)


def test_a_pairs_slope_on_its_own_segment_is_that_of_the_segment():
    real, fake = normal(0, 20, 3), normal(1, 20, 3)
    along = np.abs((fake - real) @ WEIGHT) / np.linalg.norm(fake - real, axis=1)
    for points in (at_fake, interpolate):
        np.testing.assert_allclose(slope("pair", linear, real, fake, points), along, rtol=1e-3)


def test_noisy_differences_estimate_the_square_of_the_gradients_norm():
    """Of `|x|^2 / 2` at |x| = 3, to which its own bend adds sd^2 d (d + 2) / 4."""
    points = jnp.broadcast_to(jnp.asarray(WEIGHT), (20_000, 3))
    scored = score_batch(quadratic, at_real, KEY, real=points, fake=points)
    for sd in (0.01, 0.5):
        squares = np.asarray(noisy(scored, KEY, sd=sd)) ** 2
        error = squares.std() / np.sqrt(len(squares))
        assert abs(squares.mean() - (9 + sd**2 * 15 / 4)) < 4 * error + 0.02  # and rounding, divided by sd
        assert error < 0.2


@pytest.mark.slow
def test_the_adversarial_slope_of_a_linear_critic_is_the_norm_of_its_weight():
    """Where the range of the data, which two samples make wide, has room for the step."""
    real, fake = normal(0, 5, 3).at[0].set(-9), normal(1, 5, 3).at[0].set(9)
    for seed in range(5):
        slopes = slope("adversarial", linear, real, fake, key=jax.random.key(seed))
        np.testing.assert_allclose(jnp.delete(slopes, jnp.array([0, 5])), [3.0] * 8, rtol=1e-3)


@pytest.mark.slow
def test_the_adversarial_step_stays_in_the_range_of_the_data():
    """Of black and white images every coordinate is at an end of the range."""
    real, fake = jnp.sign(normal(0, 8, 16, 16)), jnp.sign(normal(1, 8, 16, 16))
    seen = []

    def critic(x):
        jax.debug.callback(lambda x: seen.append(np.asarray(x)), x)
        return jnp.tanh(x.reshape(len(x), -1) @ jnp.linspace(-0.1, 0.1, 256))

    slopes = slope("adversarial", critic, real, fake)
    jax.effects_barrier()
    assert len(seen) >= 3
    assert max(np.abs(x).max() for x in seen) <= 1 + 1e-6
    moved = seen[-1] - np.concatenate([real, fake])
    assert 0.2 < (np.abs(moved) > 1e-7).mean() < 0.8  # inwards
    change = np.abs(np.asarray(critic(jnp.asarray(seen[-1])) - critic(jnp.concatenate([real, fake]))))
    np.testing.assert_allclose(slopes, change / np.sqrt((moved**2).sum(axis=(1, 2))), rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_the_adversarial_slope_is_zero_where_the_data_have_no_range():
    same = jnp.full((4, 3), 0.5)
    np.testing.assert_array_equal(slope("adversarial", linear, same, same), np.zeros(8))


def test_the_adversarial_slope_of_a_flat_critic_is_zero():
    np.testing.assert_array_equal(slope("adversarial", flat, normal(0, 4, 3), normal(1, 4, 3)), np.zeros(8))


def test_the_adversarial_step_leads_uphill_or_downhill_by_a_length_between_the_bounds():
    """Along x, `|x|^2 / 2` changes by `|x| +- r / 2` per unit of the step's length r."""
    points = normal(0, 2000, 3)
    points = 10 * points / jnp.linalg.norm(points, axis=1, keepdims=True)

    @jax.jit
    def slopes_of(points):
        scored = score_batch(quadratic, at_real, KEY, real=points, fake=2 * points)
        return adversarial(scored, KEY, least=0.5, most=1.0, probe=1e-2)

    slopes = np.asarray(slopes_of(points))
    length = 2 * np.abs(slopes - 10) / np.sqrt(3)  # a root mean square
    assert 0.48 < length.min() < 0.55
    assert 0.95 < length.max() < 1.02
    assert 0.3 < (slopes > 10).mean() < 0.7
    # A step as long, in a random direction, would find less.
    assert slopes.min() > 9


@pytest.mark.slow
def test_the_adversarial_derivative_takes_the_step_for_a_constant():
    real, fake = normal(0, 4, 3), normal(1, 4, 3)
    points, scored = jnp.concatenate([real, fake]), []

    def critic(kernel, x):
        scored.append(x)
        return jnp.tanh(x @ kernel).sum(axis=1)

    def total(kernel):
        return slope("adversarial", lambda x: critic(kernel, x), real, fake).mean()

    kernel = normal(2, 3, 4)
    value = total(kernel)
    step = scored[-1] - points  # the last pass is made where it leads

    def by_hand(kernel):
        change = critic(kernel, points + step) - critic(kernel, points)
        return (jnp.abs(change) / jnp.linalg.norm(step, axis=1)).mean()

    np.testing.assert_allclose(by_hand(kernel), value, rtol=1e-4)
    np.testing.assert_allclose(jax.grad(total)(kernel), jax.grad(by_hand)(kernel), rtol=1e-3, atol=1e-4)


@every_slope
@pytest.mark.parametrize("factor", [-3.0, 0.25])
def test_a_scaled_critic_has_scaled_slopes(name, factor):
    real, fake = normal(0, 4, 2, 2, 1), normal(1, 4, 2, 2, 1)
    once = slope(name, smooth, real, fake)
    times = slope(name, lambda x: factor * smooth(x), real, fake)
    assert once.shape == (8,)
    assert (once >= 0).all()
    assert once.max() > 0.1
    np.testing.assert_allclose(times, abs(factor) * once, rtol=1e-3, atol=1e-4)


@every_slope
def test_a_slope_is_in_units_of_the_score_per_unit_of_the_data(name):
    """Data in another unit. A noise of fixed size has no limit but that of small ones."""
    unit = 4.0
    powers = {"root_pair": 0.5}
    real, fake = normal(0, 4, 2, 2, 1), normal(1, 4, 2, 2, 1)
    once = slope(name, smooth, real, fake)
    changed = score_batch(lambda x: smooth(x / unit), at_both, KEY, real=unit * real, fake=unit * fake)
    sizes = {"noisy": {"sd": 0.01 * unit}, "adversarial": {"least": 0.0072, "most": 0.72, "probe": 0.72}}
    found = SLOPES[name](changed, KEY, **sizes.get(name, {}))
    np.testing.assert_allclose(found, once / unit ** powers.get(name, 1.0), rtol=1e-3, atol=1e-4)


@every_slope
def test_only_differences_in_random_directions_depend_on_the_key(name):
    real, fake = normal(0, 4, 2, 2, 1), normal(1, 4, 2, 2, 1)
    changes = bool((slope(name, smooth, real, fake) != slope(name, smooth, real, fake, key=jax.random.key(1))).any())
    assert changes == (name in ("noisy", "adversarial"))


def test_real_and_generated_samples_get_their_own_noise():
    x = jnp.ones((4, 3))
    assert len(np.unique(slope("noisy", linear, x, x))) == 8


@pytest.mark.parametrize("name", ["noisy", "adversarial"])
def test_half_precision_is_refused_where_differences_are_small(name):
    """Of the score `x`, which bfloat16 rounds to a multiple of 2^-7, differences over 0.01 would be far off."""
    x = jnp.linspace(1.0, 2.0, 64)[:, None]
    with pytest.raises(InputError, match=r"^scores: bfloat16 rounds away .* give float32 scores, or choose .*, as r1$"):
        slope(name, lambda x: x[:, 0].astype(jnp.bfloat16), x, x)
    with pytest.raises(InputError, match=r"^samples: bfloat16 rounds away"):
        slope(name, lambda x: x[:, 0], x.astype(jnp.bfloat16), x.astype(jnp.bfloat16))


def test_a_gradient_that_is_not_a_number_is_no_slope_of_zero():
    x = normal(0, 4, 2, 2, 1)
    for name in GRADIENTS:
        slopes = slope(name, lambda x: jnp.nan * smooth(x), x, x)
        assert jnp.isnan(slopes).all(), name


def test_slopes_say_what_they_need_also_within_partial_and_jit():
    for name, needed in {"gradient": set(), "gradient_sobolev": {"images"}, "noisy": {"float32"}}.items():
        for wrap in (lambda slope: slope, partial, jax.jit, lambda slope: jax.jit(partial(slope))):
            assert needed_by(wrap(SLOPES[name])) == needed
