"""Likelihoods by the probability flow against closed forms, and the parameterizations and schedules they rest on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.diffusion import (
    PARAMETERIZATIONS,
    SCHEDULES,
    bits_per_dimension,
    dequantize,
    draw,
    levels,
    log_likelihood,
    oracles,
)
from gan_jax.diffusion.schedules import discrete, zero_terminal

KEY = jax.random.key(0)
MEANS = jnp.array([[-1.0, 0.0], [1.0, 0.5]])
MIXTURE = (MEANS, jnp.array([0.2, 0.1]), jnp.array([0.4, 0.6]))
POINTS = jnp.concatenate([MEANS, jax.random.normal(KEY, (30, 2))])


def of_mixture(n):
    chosen = jax.random.bernoulli(KEY, 0.6, (n,)).astype(int)
    spread = jnp.sqrt(MIXTURE[1])[chosen][:, None]
    return MEANS[chosen] + spread * jax.random.normal(jax.random.key(2), (n, 2))


@pytest.mark.parametrize("schedule", ["edm", "vp", "flow"])
def test_a_mixtures_density_is_found_by_its_flow(schedule):
    steps, points = levels("log_snr", SCHEDULES[schedule], steps=60), of_mixture(500)
    found, latents = jax.jit(lambda x: log_likelihood(oracles.gaussian_mixture(*MIXTURE), KEY, x, steps))(points)
    error = found - oracles.mixture_log_density(points, *MIXTURE)
    assert abs(float(error.mean())) < 0.005
    assert float(jnp.abs(error).max()) < 0.1
    assert latents.shape == points.shape
    with pytest.raises(ValueError, match="noise at every level"):
        log_likelihood(oracles.gaussian_mixture(*MIXTURE), KEY, points, levels("karras", SCHEDULES["edm"], steps=5))


@pytest.mark.slow
def test_normal_data_of_the_spread_are_exact():
    normal = jnp.zeros((1, 2)), jnp.array([0.25]), jnp.ones(1)
    points = 0.5 * jax.random.normal(KEY, (100, 2))
    steps = levels("log_snr", SCHEDULES["edm"], steps=20)
    found, _ = log_likelihood(oracles.gaussian_mixture(*normal), KEY, points, steps)
    np.testing.assert_allclose(found, oracles.mixture_log_density(points, *normal), atol=5e-3)


def test_one_dimension_agrees_with_a_sum_over_the_line():
    line = jnp.linspace(-6, 6, 2001)[:, None]
    mixture = jnp.array([[-1.0], [2.0]]), jnp.array([0.3, 0.1]), jnp.array([0.5, 0.5])
    total = jnp.exp(oracles.mixture_log_density(line, *mixture)).sum() * 12 / 2000
    np.testing.assert_allclose(total, 1, rtol=1e-4)


@pytest.mark.slow
def test_probes_estimate_the_trace_and_keep_to_their_sign():
    denoiser, steps = oracles.gaussian_mixture(*MIXTURE), levels("log_snr", SCHEDULES["edm"], steps=30)
    exact, _ = log_likelihood(denoiser, KEY, POINTS, steps)
    many, _ = log_likelihood(denoiser, KEY, POINTS, steps, probes=64)
    np.testing.assert_allclose(many.mean(), exact.mean(), atol=0.05)
    one, _ = log_likelihood(denoiser, KEY, POINTS, steps, probes=1)
    assert 0 < float(jnp.abs(one - exact).mean()) < 2


@pytest.mark.slow
def test_the_flow_leads_back_to_the_data():
    denoiser, steps = oracles.gaussian_mixture(*MIXTURE), levels("log_snr", SCHEDULES["edm"], steps=60)
    points = of_mixture(200)
    _, latents = log_likelihood(denoiser, KEY, points, steps)
    np.testing.assert_allclose(draw(denoiser, KEY, latents, steps, sampler="heun"), points, atol=0.02)
    np.testing.assert_allclose(latents.std() / steps.sigma[0], 1, rtol=0.1)


def test_dequantized_uniform_noise_takes_eight_bits():
    images = dequantize(KEY, jnp.asarray(np.random.default_rng(0).integers(0, 256, (40, 6)) / 127.5 - 1, jnp.float32))
    assert float(jnp.abs(images).max()) < 1

    def of_uniform(x, alpha, sigma):
        """The mean of a normal around x / alpha, cut off at -1 and 1."""
        rho, y = sigma / alpha, x / alpha
        low, high = (-1 - y) / rho, (1 - y) / rho
        flip = low > 0  # both ends in one tail: the other has the digits
        low, high = jnp.where(flip, -high, low), jnp.where(flip, -low, high)
        normal, whole = jax.scipy.stats.norm.pdf, jax.scipy.stats.norm.cdf
        moved = rho * (normal(low) - normal(high)) / jnp.maximum(whole(high) - whole(low), 1e-20)
        return jnp.clip(y + jnp.where(flip, -moved, moved), -1, 1)

    steps = levels("log_snr", SCHEDULES["edm"]._replace(low=1e-3), steps=200)
    found, _ = jax.jit(lambda x: log_likelihood(of_uniform, KEY, x, steps))(images * 0.98)
    np.testing.assert_allclose(bits_per_dimension(found, 6).mean(), 8, rtol=0.01)


@pytest.mark.parametrize("name", PARAMETERIZATIONS)
def test_what_a_network_should_say_gives_the_data_back(name):
    kind, rng = PARAMETERIZATIONS[name], np.random.default_rng(0)
    x0, eps = (jnp.asarray(rng.normal(size=(5, 3)), jnp.float32) for _ in range(2))
    for schedule in ("vp", "ve", "flow", "edm"):
        t = jnp.full((5, 1), 0.4)
        alpha, sigma = SCHEDULES[schedule].alpha(t), SCHEDULES[schedule].sigma(t)
        said = kind.target(x0, eps, alpha, sigma)
        x = alpha * x0 + sigma * eps
        np.testing.assert_allclose(kind.denoised(said, x, alpha, sigma), x0, rtol=1e-4, atol=1e-4)
        assert (kind.scale(alpha, sigma) > 0).all()
        assert (kind.weight(alpha, sigma) == 1).all()


def test_edms_input_and_target_have_variance_one():
    kind = PARAMETERIZATIONS["edm"]
    x0 = 0.5 * jax.random.normal(KEY, (20_000, 1))
    eps = jax.random.normal(jax.random.key(1), x0.shape)
    for sigma in (0.01, 0.5, 20.0):
        alpha, sigma = jnp.ones(()), jnp.float32(sigma)
        target, seen = kind.target(x0, eps, alpha, sigma), kind.scale(alpha, sigma) * (x0 + sigma * eps)
        np.testing.assert_allclose(target.std(), 1, rtol=0.03)
        np.testing.assert_allclose(seen.std(), 1, rtol=0.03)


@pytest.mark.parametrize("name", SCHEDULES)
def test_noise_grows_and_jax_and_numpy_agree(name):
    schedule = SCHEDULES[name]
    times = np.linspace(schedule.low, schedule.high, 50)
    alpha, sigma = np.asarray(schedule.alpha(times)), np.asarray(schedule.sigma(times))
    assert (np.diff(sigma / np.maximum(alpha, 1e-12)) > 0).all()
    for function, expected in ((schedule.alpha, alpha), (schedule.sigma, sigma)):
        np.testing.assert_allclose(function(jnp.asarray(times, jnp.float32)), expected, rtol=2e-3, atol=2e-5)
    if name not in ("ve", "edm", "flow", "subvp"):
        np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=1e-9)


def test_the_published_numbers_of_schedules():
    ddpm, vp = SCHEDULES["ddpm"], SCHEDULES["vp"]
    betas = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(ddpm.alpha(np.array([0, 10, 999])) ** 2, np.cumprod(1 - betas)[[0, 10, 999]], rtol=1e-9)
    np.testing.assert_allclose(vp.alpha(1.0), np.exp(-0.25 * 19.9 - 0.05), rtol=1e-9)
    np.testing.assert_allclose(SCHEDULES["subvp"].sigma(0.5), 1 - vp.alpha(0.5) ** 2, rtol=1e-9)
    np.testing.assert_allclose(SCHEDULES["ve"].sigma(np.array([0.0, 1.0])), [0.01, 50], rtol=1e-9)
    ended = discrete(zero_terminal(betas), "")
    assert float(ended.alpha(999)) < 1e-6
    np.testing.assert_allclose(ended.alpha(0), ddpm.alpha(0), rtol=1e-9)


def test_a_finite_data_sets_denoiser_is_the_weighted_mean():
    data, x = jax.random.normal(KEY, (7, 2, 2)), jax.random.normal(jax.random.key(1), (3, 2, 2))
    alpha, sigma = jnp.float32(0.8), jnp.float32(0.6)
    square = ((x[:, None] - alpha * data[None]) ** 2).sum(axis=(2, 3))
    share = np.exp(-square / (2 * 0.36))
    expected = np.einsum("nm,mij->nij", share / share.sum(axis=1, keepdims=True), data)
    found = oracles.empirical(data)(x, alpha, sigma)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    near = oracles.empirical(data)(alpha * data, alpha, jnp.float32(0.01))
    np.testing.assert_allclose(near, data, atol=1e-4)
