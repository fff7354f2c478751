"""Samplers against the formulas of their papers in NumPy, and against a mixture whose denoiser is known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.diffusion import SAMPLERS, SCHEDULES, SPACINGS, Levels, draw, evaluations, guided, levels, oracles, step
from gan_jax.diffusion.samplers import slope

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X, X0, Z = (RNG.normal(size=(4, 3)) for _ in range(3))
MEANS = jnp.array([[-1.5, 0.0], [1.5, 0.5], [0.0, -2.0]])
VARIANCES, WEIGHTS = jnp.array([0.02, 0.04, 0.03]), jnp.array([0.5, 0.2, 0.3])
MIXTURE = oracles.gaussian_mixture(MEANS, VARIANCES, WEIGHTS)


def stepped(start, end, eta):
    given = (jnp.asarray(values, jnp.float64) for values in (X0, X, Z))
    denoised, x, noise = given
    pairs = (tuple(map(jnp.float64, pair)) for pair in (start, end))
    return step(denoised, x, *pairs, noise, eta=eta)


@jax.enable_x64(True)
def test_ddpms_posterior_with_its_small_variance():
    betas = np.linspace(1e-4, 0.02, 1000)
    product = np.cumprod(1 - betas)
    for t in (1, 500, 999):
        before, now, beta = product[t - 1], product[t], betas[t]
        mean = np.sqrt(before) * beta / (1 - now) * X0 + np.sqrt(1 - beta) * (1 - before) / (1 - now) * X
        variance = (1 - before) / (1 - now) * beta
        found = stepped((np.sqrt(now), np.sqrt(1 - now)), (np.sqrt(before), np.sqrt(1 - before)), 1.0)
        np.testing.assert_allclose(found, mean + np.sqrt(variance) * Z, rtol=1e-9, atol=1e-9)


@jax.enable_x64(True)
def test_ddim_euler_ancestral_and_flow_matching():
    (a, s), (b, r) = (0.6, 0.8), (0.9, np.sqrt(1 - 0.81))
    noise = (X - a * X0) / s
    np.testing.assert_allclose(stepped((a, s), (b, r), 0.0), b * X0 + r * noise, rtol=1e-9)
    half = 0.5 * np.sqrt((1 - b**2) * (1 - a**2 / b**2) / (1 - a**2)) / np.sqrt(1 - b**2) * np.sqrt(1 - b**2)
    spread = 0.5 * np.sqrt((1 - b**2) / (1 - a**2)) * np.sqrt(1 - a**2 / b**2)  # DDIM's equation 16, eta one half
    assert half == pytest.approx(spread)
    expected = b * X0 + np.sqrt(1 - b**2 - spread**2) * noise + spread * Z
    np.testing.assert_allclose(stepped((a, s), (b, r), 0.5), expected, rtol=1e-9)

    s, r = 3.0, 2.0  # of Euler-ancestral, as k-diffusion's
    up = np.sqrt(r**2 * (s**2 - r**2) / s**2)
    down = np.sqrt(r**2 - up**2)
    expected = X + (X - X0) / s * (down - s) + up * Z
    np.testing.assert_allclose(stepped((1.0, s), (1.0, r), 1.0), expected, rtol=1e-9)

    t, u = 0.7, 0.4  # x = (1 - t) x0 + t eps moves by the velocity eps - x0
    velocity = (X - (1 - t) * X0) / t - X0
    np.testing.assert_allclose(stepped((1 - t, t), (1 - u, u), 0.0), X + (u - t) * velocity, rtol=1e-9)


def test_heuns_step_is_edms():
    ratios = np.array([10.0, 4.0])
    x = np.asarray(10 * RNG.normal(size=(5, 2)), np.float32)

    def denoise(x, sigma):
        return np.asarray(MIXTURE(jnp.asarray(x), jnp.float32(1), jnp.float32(sigma)))

    d = (x - denoise(x, 10.0)) / 10
    guess = x + (4 - 10) * d
    expected = x + (4 - 10) * (d + (guess - denoise(guess, 4.0)) / 4) / 2
    path = Levels(jnp.ones(2), jnp.asarray(ratios, jnp.float32))
    no_memory = jnp.zeros((5, 2)), jnp.zeros(())
    ends = tuple((path.alpha[i], path.sigma[i]) for i in range(2))
    found, _ = SAMPLERS["heun"](MIXTURE, KEY, jnp.asarray(x), *ends, no_memory)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slope(jnp.asarray(denoise(x, 10.0)), jnp.asarray(x), jnp.float32(10)), d, rtol=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_levels_fall_from_the_noisiest(schedule, spacing):
    if spacing in ("leading", "trailing") and SCHEDULES[schedule].high <= 1:
        with pytest.raises(ValueError, match="cannot make 10 different levels"):
            levels(spacing, SCHEDULES[schedule], steps=10)
        return
    found = levels(spacing, SCHEDULES[schedule], steps=10)
    assert found.alpha.shape == found.sigma.shape == (11,)
    ratio = np.asarray(found.sigma[:-1]) / np.maximum(found.alpha[:-1], 1e-9)
    assert (np.diff(ratio) < 0).all()
    if spacing != "log_snr":
        assert (float(found.alpha[-1]), float(found.sigma[-1])) == (1, 0)
    else:
        widths = np.diff(np.log(np.asarray(found.sigma, np.float64) / np.asarray(found.alpha)))
        np.testing.assert_allclose(widths, widths.mean(), rtol=0.02)


def test_where_subsets_of_a_thousand_steps_begin():
    ddpm = SCHEDULES["ddpm"]
    for spacing, first, last in (("leading", 900, 0), ("trailing", 999, 99), ("linspace", 999, 0)):
        found = levels(spacing, ddpm, steps=10)
        np.testing.assert_allclose(found.sigma[0], ddpm.sigma(first), rtol=1e-5)
        np.testing.assert_allclose(found.sigma[-2], ddpm.sigma(last), rtol=1e-4)
    with pytest.raises(ValueError, match="one step or more, got 0"):
        levels("linspace", ddpm, steps=0)
    with pytest.raises(ValueError, match="cannot make 2000 different levels"):
        levels("leading", ddpm, steps=2000)


@partial(jax.jit, static_argnames=("schedule", "spacing", "sampler", "steps", "n"))
def drawn(schedule, spacing, sampler, steps=60, n=4000):
    found = levels(spacing, SCHEDULES[schedule], steps=steps)
    noise = found.sigma[0] * jax.random.normal(KEY, (n, 2))
    return draw(MIXTURE, jax.random.key(1), noise, found, sampler=sampler)


@pytest.mark.parametrize(
    ("schedule", "spacing", "sampler"),
    [
        ("ddpm", "trailing", "ddpm"),
        ("cosine", "trailing", "ddim"),
        ("vp", "linspace", "predictor_corrector"),
        ("subvp", "log_snr", "heun"),
        ("ve", "log_snr", "churn"),
        ("flow", "linspace", "dpm_2m"),
    ],
)
def test_every_sampler_draws_the_mixture(schedule, spacing, sampler):
    steps = 250 if sampler == "ddpm" else 60  # with few, its smaller variance is too small
    samples = np.asarray(drawn(schedule, spacing, sampler, steps=steps))
    distances = np.linalg.norm(samples[:, None] - np.asarray(MEANS)[None], axis=2)
    nearest = distances.argmin(axis=1)
    np.testing.assert_allclose(np.bincount(nearest) / len(samples), WEIGHTS, atol=0.04)
    for k in range(3):
        own = samples[nearest == k]
        np.testing.assert_allclose(own.mean(axis=0), MEANS[k], atol=0.04)
        np.testing.assert_allclose(own.var(axis=0).mean(), VARIANCES[k], rtol=0.3)


@pytest.mark.slow
def test_more_steps_and_higher_orders_are_nearer_to_the_flow():
    exact = drawn("edm", "karras", "heun", steps=400, n=200)

    def error(sampler, steps):
        return float(jnp.abs(drawn("edm", "karras", sampler, steps=steps, n=200) - exact).mean())

    assert error("ddim", 80) < 0.7 * error("ddim", 40)
    assert error("heun", 40) < 0.5 * error("ddim", 80)
    assert error("dpm_2m", 40) < 0.5 * error("ddim", 40)
    np.testing.assert_array_equal(drawn("edm", "karras", "ddim"), drawn("edm", "karras", "ddim"))


@pytest.mark.slow
def test_evaluations_are_counted():
    counted = []

    def denoiser(x, alpha, sigma):
        jax.debug.callback(lambda sigma: counted.append(float(sigma)), sigma)
        return x * 0

    for sampler in SAMPLERS:
        for spacing in ("karras", "log_snr"):
            counted.clear()
            found = levels(spacing, SCHEDULES["edm"], steps=4)
            draw(denoiser, KEY, jnp.ones((2, 1)), found, sampler=sampler)
            jax.effects_barrier()
            assert len(counted) == evaluations(found, sampler)


def test_guidance_pushes_away_within_its_interval():
    def always(value):
        return lambda x, alpha, sigma: jnp.full_like(x, value)

    x, one = jax.random.normal(KEY, (3, 8)), jnp.float32(1)
    for weight, expected in ((0.0, 1.0), (1.0, 3.0), (2.5, 6.0)):
        found = guided(always(3.0), always(1.0), weight=weight)(x, one, one)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    limited = guided(always(3.0), always(1.0), weight=2.0, interval=(0.5, 2.0))
    assert [float(limited(x, one, jnp.float32(sigma))[0, 0]) for sigma in (0.1, 1.0, 9.0)] == [3.0, 5.0, 3.0]

    def told(x, alpha, sigma):
        return 0.3 * x

    rescaled = guided(told, always(0.0), weight=4.0, rescale=1.0)(x, one, one)
    noise, of_told = x - rescaled, x - 0.3 * x
    np.testing.assert_allclose(noise.std(axis=1), of_told.std(axis=1), rtol=1e-5)
