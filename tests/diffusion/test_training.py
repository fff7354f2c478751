"""What denoisers are trained on: times, errors and bounds, against closed forms; the presets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.diffusion import (
    PARAMETERIZATIONS,
    PRESETS,
    SAMPLERS,
    SCHEDULES,
    SPACINGS,
    TIMES,
    WEIGHTINGS,
    denoising_error,
    draw,
    encode,
    levels,
    oracles,
    variational_bound,
)

KEY = jax.random.key(0)
UNIFORM = (jnp.arange(1000, dtype=jnp.float32) + 0.5) / 1000


def normal(x, alpha, sigma):
    """The denoiser of standard normal data."""
    return x * alpha / (alpha**2 + sigma**2)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_what_there_is_and_the_exact_network_has_the_least_error(name):
    preset = PRESETS[name]
    assert preset.spacing in SPACINGS
    assert preset.sampler in SAMPLERS
    levels(preset.spacing, SCHEDULES[preset.schedule], steps=preset.steps)
    chosen = {
        "schedule": SCHEDULES[preset.schedule],
        "parameterization": PARAMETERIZATIONS[preset.parameterization],
        "times": preset.times,
        "weighting": preset.weighting,
    }
    parameterization = chosen["parameterization"]
    x0 = jax.random.normal(KEY, (4000, 1))

    def network(share):
        def said(scaled, alpha, sigma):
            """What the output is where the data are standard normal, or a share more."""
            x = scaled / parameterization.scale(alpha, sigma)
            denoised = share * normal(x, alpha, sigma)
            return parameterization.target(denoised, (x - alpha * denoised) / sigma, alpha, sigma)

        return said

    errors = [denoising_error(network(share), jax.random.key(1), x0, **chosen).mean() for share in (0.8, 1.0, 1.2)]
    assert errors[1] < min(errors[0], errors[2])


@pytest.mark.parametrize("schedule", ["edm", "ddpm", "vp"])
def test_times_are_spread_as_their_names_say(schedule):
    schedule = SCHEDULES[schedule]
    times = {name: np.asarray(TIMES[name](schedule, UNIFORM)) for name in TIMES}
    assert all((schedule.low <= t).all() and (t <= schedule.high).all() for t in times.values())
    np.testing.assert_allclose(times["uniform"].mean(), (schedule.low + schedule.high) / 2, rtol=1e-3)
    middle = times["logit_normal"][250:751]
    assert np.ptp(middle) < np.ptp(times["uniform"][250:751])
    t = times["log_normal"].astype(np.float64)
    inner = (schedule.low + 1e-3 < t) & (t < schedule.high - 1e-3)
    log_ratio = np.log(schedule.sigma(t) / schedule.alpha(t))[inner]
    assert abs(np.median(log_ratio) - -1.2) < 0.05


def test_steps_come_alike():
    steps = TIMES["steps"](SCHEDULES["ddpm"], (jnp.arange(5000, dtype=jnp.float32) + 0.5) / 5000)
    np.testing.assert_array_equal(np.bincount(np.asarray(steps, int)), np.full(1000, 5))


def test_an_error_is_the_mean_over_a_sample_of_the_target_missed():
    eps, x0 = jax.random.normal(KEY, (2, 3, 4))
    uniform = jnp.array([0.1, 0.5, 0.9])
    chosen = {"schedule": SCHEDULES["vp"], "parameterization": PARAMETERIZATIONS["velocity"]}
    found = denoising_error(
        lambda x, alpha, sigma: 0.5 * x, KEY, x0, times="uniform", uniform=uniform, eps=eps, **chosen
    )
    t = np.float64(1e-3 + (1 - 1e-3) * np.asarray(uniform))[:, None]
    alpha, sigma = SCHEDULES["vp"].alpha(t), SCHEDULES["vp"].sigma(t)
    expected = ((0.5 * (alpha * x0 + sigma * eps) - (alpha * eps - sigma * x0)) ** 2).mean(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
def test_the_bound_weighs_errors_so_that_their_mean_is_the_variational_bound():
    """Of normal data by the exact denoiser: the integral over t of 1/2 |dSNR/dt| var(x0 | x)."""
    schedule = SCHEDULES["vp"]
    x0, eps = jax.random.normal(KEY, (2, 100_000, 1))
    uniform = (jnp.arange(100_000, dtype=jnp.float32) + 0.5) / 100_000
    found = denoising_error(
        normal,
        KEY,
        x0,
        schedule=schedule,
        parameterization=PARAMETERIZATIONS["sample"],
        weighting="bound",
        uniform=uniform,
        eps=eps,
    ).mean()
    snr = [(schedule.alpha(t) / schedule.sigma(t)) ** 2 for t in np.float64([schedule.low, schedule.high])]
    exact = 0.5 * np.log((1 + snr[0]) / (1 + snr[1]))  # the variance of x0 given x is 1 / (1 + SNR)
    assert float(found) == pytest.approx(exact, rel=0.03)
    assert "output" in WEIGHTINGS


@pytest.mark.slow
def test_a_variational_bound_is_the_log_density_for_the_exact_denoiser_and_below_it_for_others():
    mixture = (jnp.array([[-1.0, 0.0], [1.0, 0.5]]), jnp.array([0.2, 0.1]), jnp.array([0.4, 0.6]))
    which = (jnp.arange(20_000) % 5 >= 2).astype(int)
    points = mixture[0][which] + jnp.sqrt(mixture[1])[which][:, None] * jax.random.normal(KEY, (20_000, 2))
    exact = float(oracles.mixture_log_density(points, *mixture).mean())
    denoiser = oracles.gaussian_mixture(*mixture)

    def bound(denoiser, steps):
        chosen = levels("log_snr", SCHEDULES["edm"], steps=steps)
        return float(jax.jit(lambda points: variational_bound(denoiser, KEY, points, chosen))(points).mean())

    assert bound(denoiser, 60) == pytest.approx(exact, abs=0.06)
    assert bound(denoiser, 500) == pytest.approx(exact, abs=0.04)
    assert bound(lambda x, alpha, sigma: 1.2 * denoiser(x, alpha, sigma), 60) < exact - 0.2
    with pytest.raises(ValueError, match="noise at every level"):
        variational_bound(denoiser, KEY, points, levels("karras", SCHEDULES["edm"], steps=5))


def test_a_bound_of_samples_of_few_values_is_their_log_probability():
    data = jnp.array([[-1.0], [1.0], [1.0]])
    chosen = levels("log_snr", SCHEDULES["edm"], steps=100)
    points, values = jnp.tile(data, (2000, 1)), np.array([-1.0, 1.0])
    bound = jax.jit(lambda x: variational_bound(oracles.empirical(data), KEY, x, chosen, values))
    entropy = -(np.log(1 / 3) + 2 * np.log(2 / 3)) / 3
    assert -float(bound(points).mean()) == pytest.approx(entropy, abs=0.02)
    # Of more values the last level takes some for their neighbours, four of its deviations away.
    more = jax.jit(lambda x: variational_bound(oracles.empirical(data), KEY, x, chosen, np.linspace(-1, 1, 256)))
    assert entropy < -float(more(points).mean()) < entropy + 0.1


def test_encoded_samples_are_normal_and_decoded_to_themselves():
    mixture = (jnp.array([[-1.0, 0.0], [1.0, 0.5]]), jnp.array([0.02, 0.01]), jnp.array([0.5, 0.5]))
    which = jnp.arange(2000) % 2
    points = mixture[0][which] + jnp.sqrt(mixture[1])[which][:, None] * jax.random.normal(KEY, (2000, 2))
    denoiser, steps = oracles.gaussian_mixture(*mixture), levels("log_snr", SCHEDULES["edm"], steps=100)

    @jax.jit
    def there_and_back(points):
        latents = encode(denoiser, points, steps)
        return latents, draw(denoiser, KEY, steps.sigma[0] * latents, steps, sampler="heun")

    latents, again = there_and_back(points)
    np.testing.assert_allclose(again, points, atol=0.02)
    np.testing.assert_allclose(latents.std(axis=0), 1, atol=0.05)
