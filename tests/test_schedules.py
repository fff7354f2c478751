"""Schedules and what follows them, against closed forms and independent implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.config import parse_value
from gan_jax.errors import InputError
from gan_jax.schedules import Cosine, value_at
from gan_jax.systems.ema import ema_decay
from gan_jax.systems.gan import AdamConfig, HalfLife


def test_a_cosine_is_optaxs_and_stays_at_its_end():
    schedule = Cosine(first=2.0, last=0.5, images=1000)
    expected = optax.cosine_decay_schedule(2.0, 1000, alpha=0.25)
    for images in (0, 1, 333, 999, 1000, 5000):
        np.testing.assert_allclose(value_at(schedule, images), expected(images), rtol=1e-6)
    np.testing.assert_allclose(value_at(Cosine(first=0.0, last=0.55, images=4), jnp.int32(1)), 0.0805456, rtol=1e-5)
    assert value_at(0.3, jnp.int32(7)) == 0.3


def test_more_images_than_an_integer_holds():
    schedule = Cosine(first=1.0, last=0.0, images=2**31 - 1)
    np.testing.assert_allclose(value_at(schedule, jnp.float32(2.0**30)), 0.5, rtol=1e-6)


def test_settings_that_may_be_a_schedule_are_still_numbers_on_a_command_line():
    from gan_jax.runs.experiment import Experiment
    from gan_jax.settings import override, settings_of

    rate = "gan.critic_optimizer.learning_rate"
    changed = override(Experiment(), rate, "0.5")
    assert changed.gan.critic_optimizer.learning_rate == 0.5
    assert rate in {setting.name for setting in settings_of(changed)}
    with pytest.raises(InputError, match="must be an array or an object"):
        parse_value(Cosine, "3")


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_after_a_half_life_what_was_is_worth_a_half(batch):
    decays = [ema_decay(HalfLife(64.0, ramp=None), jnp.int32(step), batch) for step in range(64 // batch)]
    np.testing.assert_allclose(np.prod(decays), 0.5, rtol=1e-5)


def test_the_average_is_no_older_than_a_part_of_the_run():
    """At first it is the parameters; after n images its half-life is n / 20."""
    assert ema_decay(HalfLife(1e6), jnp.int32(0), 8) == 0
    np.testing.assert_allclose(ema_decay(HalfLife(1e6), jnp.int32(100), 8), 0.5 ** (8 / 40), rtol=1e-5)
    np.testing.assert_allclose(ema_decay(HalfLife(30.0), jnp.int32(100), 8), 0.5 ** (8 / 30), rtol=1e-5)
    growing = HalfLife(Cosine(first=0.0, last=100.0, images=800), ramp=None)
    np.testing.assert_allclose(ema_decay(growing, jnp.int32(50), 8), 0.5 ** (8 / 50), rtol=1e-5)


@pytest.mark.parametrize("every", [1, 4])
def test_adam_with_a_moving_second_decay_is_adam_with_its_decay_reset_each_step(every):
    """Written out in float64, as torch does with `betas` set before each step."""
    rate, second = Cosine(first=0.1, last=0.01, images=90), Cosine(first=0.5, last=0.99, images=60)
    optimizer = AdamConfig(learning_rate=rate, b1=0.3, b2=second).build(images_each=10, every=every)
    gradients = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    params, state = jnp.zeros(3), optimizer.init(jnp.zeros(3))
    c = every / (every + 1) if every > 1 else 1.0
    x, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
    with jax.numpy_dtype_promotion("standard"):
        for step, gradient in enumerate(gradients):
            updates, state = optimizer.update(jnp.asarray(gradient), state, params)
            params = optax.apply_updates(params, updates)
            lr, b1, b2 = c * value_at(rate, float(step) * 10 * c), 0.3**c, value_at(second, float(step) * 10 * c) ** c
            m, v = b1 * m + (1 - b1) * gradient, b2 * v + (1 - b2) * gradient.astype(float) ** 2
            x -= lr * (m / (1 - b1 ** (step + 1))) / (np.sqrt(v / (1 - b2 ** (step + 1))) + 1e-8)
            np.testing.assert_allclose(params, x, rtol=2e-5)


def test_a_learning_rate_warms_up_and_large_gradients_are_clipped():
    """A step of plain Adam is its rate, whatever the gradient's size: so the rate is read off."""
    adam = AdamConfig(learning_rate=0.1, b1=0.0, b2=0.0, warmup=40).build(images_each=10)
    params, state, steps = jnp.zeros(2), adam.init(jnp.zeros(2)), []
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(6):
            updates, state = adam.update(jnp.ones(2), state, params)
            steps.append(-float(updates[0]))
    np.testing.assert_allclose(steps, [0.025, 0.05, 0.075, 0.1, 0.1, 0.1], rtol=1e-4)
    clipped = AdamConfig(learning_rate=0.1, b1=0.5, b2=0.5, clip_norm=1.0).build(images_each=10)
    reference = optax.adam(0.1, b1=0.5, b2=0.5)
    own, other = clipped.init(params), reference.init(params)
    with jax.numpy_dtype_promotion("standard"):
        for gradient, of_norm_one_at_most in (([30.0, 40.0], [0.6, 0.8]), ([0.3, 0.4], [0.3, 0.4])):
            found, own = clipped.update(jnp.array(gradient), own, params)
            expected, other = reference.update(jnp.array(of_norm_one_at_most), other, params)
            np.testing.assert_allclose(found, expected, rtol=1e-5)
