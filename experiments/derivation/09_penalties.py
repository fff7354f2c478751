"""The slides' penalties at each choice of points: how much of the space between the data does each one cover?

`python experiments/derivation/09_penalties.py` takes about 40 s on two CPU cores. The data lie 2 apart, W1 = 2. With
a penalty at interpolated points, the critic keeps to the bound all the way; at samples alone, it climbs a cliff between
them. The squares let it pass by W1 / (2 weight) = 0.1. The hinge is a linear cost: being steeper by one gains W1 and
costs the weight, so that a weight of 10 holds the critic at the bound itself, and one of 1 nowhere.
"""

from functools import partial

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, GREEN, ORANGE, RED, descend, panels, publish

from gan_jax.data.toy import Mixture
from gan_jax.losses import wasserstein_critic
from gan_jax.networks import mlp
from gan_jax.penalties import POINTS, gradient_norm, one_sided, one_sided_linear, two_sided
from gan_jax.types import Array, Critic, Key, Params, Samples

REAL, FAKE = (Mixture(jnp.array([[x, 0.0]]), 0.1) for x in (1.0, -1.0))
WEIGHT, BOUND, BATCH, STEPS = 10.0, 1.0, 256, 1000
POSITIONS, PAIRS = jnp.linspace(0, 1, 101), 512
# By the slides' names: what they call hinge is `one_sided_linear`.
SHAPES = {"hinge": one_sided_linear(BOUND), "one_sided": one_sided(BOUND), "two_sided": two_sided(BOUND)}
TITLES = {
    "hinge": r"hinge: $\max(||\nabla D||,\, C)$",
    "one_sided": r"one-sided: $\max(||\nabla D|| - C,\, 0)^2$",
    "two_sided": r"two-sided: $(||\nabla D|| - C)^2$",
}
LINES = {  # color, and where the label goes
    "real": (ORANGE, 0.0, "left"),
    "fake": (RED, 1.0, "right"),
    "both": (GREEN, 0.5, "center"),
    "interpolated": (BLUE, 0.5, "center"),
}


def sample(key: Key, count: int) -> dict[str, Samples]:
    """Draw as many real as generated points."""
    real_key, fake_key = jax.random.split(key)
    return {"real": REAL.sample(real_key, count), "fake": FAKE.sample(fake_key, count)}


def train(shape: str, points: str, *, weight: float = WEIGHT) -> Critic:
    """Minimize the mean of `D(fake) - D(real) + weight shape(||dD/dx||, C)`, the last at the points. Returns D."""
    network = mlp.Critic(width=64, depth=3)

    def loss(params: Params, key: Key, progress: Array) -> Array:
        data_key, points_key = jax.random.split(key)
        data, critic = sample(data_key, BATCH), partial(network.apply, params)
        gap = wasserstein_critic(**{name: critic(x) for name, x in data.items()})
        norm = gradient_norm(critic, POINTS[points](points_key, **data))
        return jnp.mean(gap) + weight * jnp.mean(SHAPES[shape](norm))

    init_key, run_key = jax.random.split(jax.random.key(0))
    params = network.init(init_key, jnp.zeros((1, 2)))
    params = descend(loss, params, run_key, steps=STEPS, learning_rate=1e-3, b1=0.5, b2=0.9)
    return partial(network.apply, params)


def follow(critic: Critic) -> tuple[Array, dict[str, float]]:
    """Gradient norms on segments from generated to real points: quantiles at each position, and figures for all."""
    data, t = sample(jax.random.key(1), PAIRS), POSITIONS[:, None, None]
    segments = (1 - t) * data["fake"] + t * data["real"]
    norms = gradient_norm(critic, segments.reshape(-1, 2)).reshape(segments.shape[:2])
    return jnp.quantile(norms, jnp.array([0.05, 0.5, 0.95]), axis=1), {
        "covered": float(jnp.mean(norms <= 1.2 * BOUND)),
        "median": float(jnp.median(norms)),
        "max": float(jnp.max(norms)),
        "wasserstein": float(jnp.mean(critic(data["real"]) - critic(data["fake"]))),
    }


def experiment():
    """Train a critic for each shape and choice of points; measure how steep it is between the data."""
    figure, axes = panels(3, sharey=True)
    measured = {}
    for (shape, title), axis in zip(TITLES.items(), axes, strict=True):
        axis.axhline(BOUND, color=GRAY, lw=1, ls="--", zorder=3)
        axis.text(0.5, 0.8 * BOUND, f"bound C = {BOUND:g}", color=GRAY, ha="center", va="top", fontsize=8)
        for points, (color, x, align) in LINES.items():
            (low, median, high), measured[f"{shape}, {points}"] = follow(train(shape, points))
            axis.fill_between(POSITIONS, low, high, color=color, alpha=0.2, lw=0)
            axis.plot(POSITIONS, median, color=color)
            axis.text(x, 1.3 * jnp.interp(x, POSITIONS, median), points, color=color, ha=align, fontsize=9)
        axis.set(title=title, xlabel="from generated (0) to real (1)", yscale="log", ylim=(0.1, 2e4))
    axes[0].set(ylabel="gradient norm")
    _, measured["hinge, interpolated, weight 1"] = follow(train("hinge", "interpolated", weight=1.0))
    return figure, {"exact": 2.0, **measured}


if __name__ == "__main__":
    publish(__file__)
