"""Three maps from noise to data on the line: the one by CDFs, the probability flow's, and a GAN's.

`python experiments/derivation/17_maps.py` takes about a minute on two CPU cores. Paths of a flow cannot cross, so on
the line its map never falls, and there is one such map only: the one by CDFs. A GAN's needs not be it.
"""

import jax
import jax.numpy as jnp
import optax
from gallery import BLUE, GRAY, ORANGE, RED, game, panels, play, publish
from jax.scipy.stats import norm
from line import GRID, denoiser, diffusion, draw, pdf

from gan_jax.diffusion import SCHEDULES, levels
from gan_jax.diffusion import draw as sample
from gan_jax.networks import mlp
from gan_jax.systems.diffusion.model import bind_denoiser
from gan_jax.transport import transport_map, wasserstein_1d
from gan_jax.types import Array

Z = jnp.linspace(-2.5, 2.5, 401)
STEPS, GAMES, COUNT = 8_000, 3_000, 20_000
NOISE = jnp.linspace(-6, 6, 2401)


def flow(denoise):
    """The map of a denoiser's probability flow from normal z to x."""
    chosen = levels("karras", SCHEDULES["edm"], steps=50)

    @jax.jit
    def to_data(z: Array) -> Array:
        return sample(denoise, jax.random.key(0), chosen.sigma[0] * z[:, None], chosen, "heun")[:, 0]

    return to_data


def experiment():
    """Draw the maps over one another, and compare what they make of the same noise."""
    table = transport_map(norm.pdf(NOISE), pdf(NOISE), NOISE)
    maps = {"by CDFs": jax.jit(table), "flow, exact denoiser": flow(denoiser)}
    system = diffusion(STEPS)
    state, _, _ = play(system, jax.random.key(0), draw, steps=STEPS)
    maps["flow, trained network"] = flow(bind_denoiser(system.sample.args[0], state.ema))
    rival = game(
        generator=mlp.Generator(shape=(1,), width=64, depth=3),
        latent=1,
        generator_optimizer=optax.adam(optax.cosine_decay_schedule(1e-3, GAMES), b1=0.0, b2=0.9),
    )
    played, _, _ = play(rival, jax.random.key(1), draw, steps=GAMES)
    maps["a GAN's generator"] = jax.jit(lambda z: rival.decode(played, z[:, None])[:, 0])

    real, z = draw(jax.random.key(2), COUNT)[:, 0], jax.random.normal(jax.random.key(3), (COUNT,))
    exact = maps["by CDFs"](Z)
    weights = norm.pdf(Z) / norm.pdf(Z).sum()
    figure, (left, right) = panels(2, width=8.0, height=3.6, width_ratios=(2, 1))
    measured = {}
    styles = ((GRAY, 5, 0.5), (BLUE, 1.6, 1), (ORANGE, 1.2, 1), (RED, 1.6, 1))
    for (name, to_data), (color, width, alpha) in zip(maps.items(), styles, strict=True):
        x, made = to_data(Z), to_data(z)
        left.plot(Z, x, color=color, lw=width, alpha=alpha, label=name)
        measured[name] = {
            "from_the_map_by_cdfs": float(jnp.sqrt((weights * (x - exact) ** 2).sum())),
            "wasserstein_to_the_data": float(wasserstein_1d(made, real)),
            "largest_fall": float(jnp.maximum(x[:-1] - x[1:], 0).max()),
        }
    left.set(title="maps from noise to data", xlabel="z", ylabel="x", ylim=(-3, 3))
    left.legend()
    right.fill_betweenx(GRID, pdf(GRID), color=GRAY, alpha=0.4, lw=0)
    right.set(title="density of the data", xticks=[], ylim=(-3, 3))
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
