"""A variational autoencoder on the line: a bound of the log density, and a latent for every sample.

`python experiments/derivation/13_bound.py` takes about 20 s on two CPU cores. The bound of one draw lies below the log
density everywhere, that of many draws nearer to it, and latents lead back to their samples.
"""

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, ORANGE, RED, panels, play, publish
from line import GRID, draw, log_density, pdf

from gan_jax import VAE, AdamConfig, VAENetworkConfig

STEPS, BATCH, DRAWS = 6_000, 256, 200


def experiment():
    """Train by the evidence lower bound; compare bounds with the density, and follow samples to latents and back."""
    system = VAE(
        network=VAENetworkConfig("mlp", width=64, depth=2, latents=(1,)),
        optimizer=AdamConfig(learning_rate=2e-3, b1=0.9, b2=0.99),
        free_bits=1.5,  # or it would leave its latent unused, and be one Gaussian
    ).build({"sample": jax.ShapeDtypeStruct((1,), jnp.float32)}, batch_size=BATCH)
    state, metrics, _ = play(system, jax.random.key(0), draw, steps=STEPS)

    # Bounds along the line, and their means over the data: the mean log density less a divergence.
    likelihood = jax.jit(lambda x: system.likelihood(state, jax.random.key(1), {"sample": x}, draws=DRAWS))
    x = GRID[::10]
    along, exact = likelihood(x[:, None]), log_density(x)
    held_out = draw(jax.random.key(2), 5_000)
    means = {name: float(values.mean()) for name, values in likelihood(held_out).items()}
    entropy = float(log_density(held_out[:, 0]).mean())

    latents = jax.jit(system.encode)(state, jax.random.key(3), {"sample": x[:, None]})
    decoded = jax.jit(system.decode)(state, latents)[:, 0]
    some = jax.jit(system.encode)(state, jax.random.key(3), {"sample": held_out})

    figure, (left, middle, right) = panels(3)
    left.plot(metrics["elbo"].reshape(-1, 50).mean(axis=1), color=BLUE)
    left.axhline(entropy, color=GRAY, ls="--", lw=1)
    left.set(title="evidence lower bound, nats", xlabel="50 steps", ylim=(entropy - 1, entropy + 0.2))
    middle.plot(x, exact, color=GRAY, lw=4, alpha=0.5, label="log density")
    middle.plot(x, along["iwae"], color=RED, label=f"bound of {DRAWS} draws")
    middle.plot(x, along["elbo"], color=BLUE, label="bound of one draw")
    middle.set(title="log density and its bounds", xlabel="x", ylim=(-8, 0.5))
    middle.legend(loc="lower center")
    right.plot(x, latents[:, 0], color=ORANGE, label="latent of x")
    right.plot(x, decoded, color=BLUE, label="decoded again")
    right.fill_between(GRID, -3, -3 + 3 * pdf(GRID), color=GRAY, alpha=0.3, lw=0)
    right.set(title="to a latent and back", xlabel="x", ylim=(-3, 3))
    right.legend(loc="upper left")
    mass = pdf(x)
    missed = jnp.sqrt((mass * (decoded - x) ** 2).sum() / mass.sum())
    return figure, {
        "mean_log_density": entropy,
        "mean_bound": means["elbo"],
        f"mean_bound_of_{DRAWS}": means["iwae"],
        "reconstruction_error": float(missed),
        "latent_mean": float(some.mean()),
        "latent_sd": float(some.std()),
    }


if __name__ == "__main__":
    publish(__file__)
