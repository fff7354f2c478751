"""A network learns to take the noise out: against the best that can be done, and against learning by heart.

`python experiments/derivation/15_denoising.py` takes about a minute on two CPU cores. Trained on endless samples the
network's error is that of the exact denoiser at every level; trained on twenty, it becomes the denoiser of the twenty.
"""

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, RED, panels, play, publish
from line import GRID, denoiser, diffusion, draw

from gan_jax.diffusion.oracles import empirical
from gan_jax.systems.diffusion.model import bind_denoiser

STEPS, FEW = 8_000, 20
COLORS = {"endless samples": BLUE, f"{FEW} samples": RED}
LEVELS = jnp.geomspace(0.02, 10.0, 25)
TWENTY = draw(jax.random.key(7), FEW)


def few(key, count):
    """Draw from the twenty, again and again."""
    return TWENTY[jax.random.randint(key, (count,), 0, FEW)]


def experiment():
    """Train on endless samples and on twenty; measure errors and distances by level of noise."""
    learned = {}
    for name, source in (("endless samples", draw), (f"{FEW} samples", few)):
        system = diffusion(STEPS)
        state, _, _ = play(system, jax.random.key(0), source, steps=STEPS)
        learned[name] = bind_denoiser(system.sample.args[0], state.ema)
    endless = learned["endless samples"]

    x0 = draw(jax.random.key(1), 20_000)
    noise = jax.random.normal(jax.random.key(2), x0.shape)

    @jax.jit
    def at(sigma):
        x, one = x0 + sigma * noise, jnp.float32(1)
        said = {name: d(x, one, sigma) for name, d in (("exact", denoiser), *learned.items())}
        errors = {name: ((value - x0) ** 2).mean() for name, value in said.items()}
        of_few = TWENTY[:, None] + sigma * jax.random.normal(jax.random.key(3), (FEW, 500, 1))
        of_few = of_few.reshape(-1, 1)
        best = empirical(TWENTY)(of_few, one, sigma)
        apart = {name: jnp.sqrt(((d(of_few, one, sigma) - best) ** 2).mean()) for name, d in learned.items()}
        return errors, apart

    errors, apart = jax.lax.map(at, LEVELS)
    figure, (left, middle, right) = panels(3)
    one, sigma = jnp.float32(1), jnp.float32(0.5)
    x = GRID[:, None]
    left.plot(GRID, denoiser(x, one, sigma), color=GRAY, lw=4, alpha=0.5, label="exact")
    left.plot(GRID, endless(x, one, sigma), color=BLUE, label="network")
    left.plot(GRID, GRID, color=GRAY, lw=0.5)
    left.set(title="what x with noise 0.5 was", xlabel="noisy x", ylabel="denoised")
    left.legend()
    middle.loglog(LEVELS, errors["exact"], color=GRAY, lw=4, alpha=0.5, label="exact")
    for name, color in COLORS.items():
        middle.loglog(LEVELS, errors[name], color=color, label=name)
    middle.set(title="squared error on new samples", xlabel="noise")
    middle.legend()
    for name, color in COLORS.items():
        right.loglog(LEVELS, apart[name], color=color, label=name)
    right.set(title=f"distance to the denoiser of the {FEW}", xlabel="noise")
    right.legend(loc="lower right")
    worst = {name: float((values / errors["exact"]).max()) for name, values in errors.items()}
    return figure, {
        "error_over_the_least": worst,
        "distance_to_learning_by_heart": {name: float(values.mean()) for name, values in apart.items()},
    }


if __name__ == "__main__":
    publish(__file__)
