"""The way back: by the probability flow without chance, by small random steps, and how likely a sample is.

`python experiments/derivation/16_flow.py` takes about 30 s on two CPU cores. Both ways end in the same density, and the
flow, which can be followed either way, also gives each sample's log density.
"""

from functools import partial

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, ORANGE, RED, panels, publish
from line import GRID, denoiser, draw, log_density, pdf

from gan_jax.diffusion import SAMPLERS, SCHEDULES, evaluations, levels, log_likelihood
from gan_jax.diffusion import draw as sample
from gan_jax.transport import wasserstein_1d

COUNT, STEPS = 20_000, 60
BUDGETS = (5, 10, 20, 50, 100)
WAYS = {"ddim": BLUE, "heun": RED, "dpm_2m": ORANGE, "ddpm": GRAY}


def paths(sampler: str, start):
    """Where points are at each level."""
    chosen = levels("log_snr", SCHEDULES["vp"], steps=STEPS)

    def step(x, given):
        key, *ends = given
        x, _ = SAMPLERS[sampler](denoiser, key, x, tuple(ends[:2]), tuple(ends[2:]), (x, jnp.zeros(())))
        return x, x[:, 0]

    ends = chosen.alpha[:-1], chosen.sigma[:-1], chosen.alpha[1:], chosen.sigma[1:]
    keys = jax.random.split(jax.random.key(3), STEPS)
    return jnp.concatenate([start.T, jax.jit(lambda x: jax.lax.scan(step, x, (keys, *ends))[1])(start)])


def experiment():
    """Follow both ways, take log densities by the flow, and count what solvers cost."""
    figure, (left, second, third, right) = panels(4, width=11.0)
    start = jnp.linspace(-2, 2, 9)[:, None]
    for axes, sampler, title in ((left, "heun", "probability flow"), (second, "ddpm", "random steps")):
        axes.plot(paths(sampler, start), color=BLUE, lw=0.8)
        axes.fill_betweenx(GRID, STEPS, STEPS + 25 * pdf(GRID), color=GRAY, alpha=0.4, lw=0)
        axes.set(title=f"noise to data: {title}", xlabel="step", ylim=(-3.5, 3.5))

    x = draw(jax.random.key(5), 500)
    chosen = levels("log_snr", SCHEDULES["vp"], steps=STEPS)
    found, _ = jax.jit(lambda x: log_likelihood(denoiser, jax.random.key(0), x, chosen))(x)
    exact = log_density(x[:, 0])
    third.plot(exact, found, ".", color=BLUE, ms=3)
    third.plot([-5, 0], [-5, 0], color=GRAY, lw=0.8)
    third.set(title="log density by the flow", xlabel="exact")

    real, distances = draw(jax.random.key(6), COUNT)[:, 0], {}
    floor = float(wasserstein_1d(draw(jax.random.key(8), COUNT)[:, 0], real))
    for sampler, color in WAYS.items():
        cost, apart = [], []
        for steps in BUDGETS:
            some = levels("karras", SCHEDULES["edm"], steps=steps)
            noise = some.sigma[0] * jax.random.normal(jax.random.key(7), (COUNT, 1))
            drawn = jax.jit(partial(sample, denoiser, jax.random.key(9), levels=some, sampler=sampler))(noise)
            cost.append(evaluations(some, sampler))
            apart.append(float(wasserstein_1d(drawn[:, 0], real)))
        distances[sampler] = dict(zip(map(str, cost), apart, strict=True))
        right.loglog(cost, apart, color=color, marker=".", label=sampler)
    right.axhline(floor, color=GRAY, ls="--", lw=1)
    right.set(title="distance by cost", xlabel="evaluations of the denoiser")
    right.legend()
    return figure, {
        "log_density_error": float(jnp.abs(found - exact).mean()),
        "log_density_bias": float((found - exact).mean()),
        "wasserstein_by_evaluations": distances,
        "wasserstein_target_to_itself": floor,
    }


if __name__ == "__main__":
    publish(__file__)
