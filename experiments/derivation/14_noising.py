"""A density dissolved in noise, step by step, until nothing is left of it.

`python experiments/derivation/14_noising.py` takes about 10 s on two CPU cores. Every level is known in closed form:
the mixture with its means drawn together and its variances filled up.
"""

import jax
import jax.numpy as jnp
import numpy as np
from gallery import BLUE, GRAY, RED, panels, publish
from line import GRID, MIXTURE, draw
from matplotlib.colors import LinearSegmentedColormap

from gan_jax.diffusion import SCHEDULES
from gan_jax.diffusion.oracles import mixture_log_density
from gan_jax.types import Array

TIMES = jnp.linspace(1e-3, 1.0, 201)
SHOWN = (0.001, 0.25, 0.5, 1.0)


def density(t: Array) -> Array:
    """Density on the grid at a time of the path."""
    alpha, sigma = SCHEDULES["vp"].alpha(t), SCHEDULES["vp"].sigma(t)
    means, variances, weights = MIXTURE
    return jnp.exp(mixture_log_density(GRID[:, None], alpha * means, alpha**2 * variances + sigma**2, weights))


def experiment():
    """Follow density and samples from the data to noise, and measure how far from noise they are."""
    densities = jax.jit(jax.vmap(density))(TIMES)
    normal = jnp.exp(-(GRID**2) / 2) / jnp.sqrt(2 * jnp.pi)
    ratio = jnp.log(jnp.maximum(densities, 1e-30) / normal[None])
    divergence = (densities * ratio).sum(axis=1) * (GRID[1] - GRID[0])

    # Samples noised in small steps, each forgetting a little: x' = sqrt(1 - beta) x + sqrt(beta) noise.
    alphas = SCHEDULES["vp"].alpha(TIMES)
    keep = (alphas[1:] / alphas[:-1])[:, None]
    noise = jax.random.normal(jax.random.key(1), (len(keep), 6))
    start = draw(jax.random.key(4), 6)[:, 0]

    def step(x, given):
        kept, eps = given
        x = kept * x + jnp.sqrt(1 - kept**2) * eps
        return x, x

    _, paths = jax.lax.scan(step, start, (keep, noise))
    many = draw(jax.random.key(2), 20_000)[:, 0]
    last = alphas[-1] * many + SCHEDULES["vp"].sigma(TIMES[-1]) * jax.random.normal(jax.random.key(3), many.shape)

    figure, (left, middle, right) = panels(3, width_ratios=(2, 1, 1))
    shades = LinearSegmentedColormap.from_list("mass", ["white", BLUE])
    edges = (float(TIMES[0]), float(TIMES[-1]), float(GRID[0]), float(GRID[-1]))
    left.imshow(np.asarray(densities.T), origin="lower", aspect="auto", extent=edges, cmap=shades)
    left.plot(TIMES, jnp.concatenate([start[None], paths]), color=RED, lw=0.7)
    left.set(title="density, and samples as they are noised", xlabel="t", ylabel="x")
    for place, t in enumerate(SHOWN):
        middle.plot(GRID, density(jnp.float32(t)) + 0.6 * place, color=BLUE)
        middle.text(-3.4, 0.6 * place + 0.08, f"t = {t:g}", fontsize=8)
    middle.set(title="density", xlabel="x", yticks=[])
    right.semilogy(TIMES, divergence, color=BLUE)
    right.axhline(1e-4, color=GRAY, lw=0.5)
    right.set(title="KL to N(0, 1), nats", xlabel="t")
    return figure, {
        "kl_at_the_data": float(divergence[0]),
        "kl_at_the_end": float(divergence[-1]),
        "largest_rise": float(jnp.maximum(jnp.diff(divergence), 0).max()),
        "mean_of_noised": float(last.mean()),
        "sd_of_noised": float(last.std()),
    }


if __name__ == "__main__":
    publish(__file__)
