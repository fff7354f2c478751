"""How fast may a distance change? The Lipschitz constant of a critic, with and without a gradient penalty.

`python experiments/derivation/08_lipschitz.py` takes about 15 s on two CPU cores. The root of a distance is Hölder with
exponent 0.50 only; a penalized critic is Lipschitz, its constant near 1.2; that of a free one is near 1000, and grows.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from gallery import BLUE, GRAY, GREEN, RED, panels, publish

from gan_jax.data.toy import Mixture, gaussians_8
from gan_jax.lipschitz import gradient_norm_quantiles, holder_fit, largest_gradient_norm, largest_slope, lipschitz_bound
from gan_jax.losses import wasserstein_critic
from gan_jax.networks.mlp import Critic
from gan_jax.penalties import gradient_penalty, interpolate
from gan_jax.types import Array, Key, Params, Samples

REAL, FAKE = gaussians_8(), Mixture(jnp.zeros((1, 2)), 0.5)
CRITICS = {"free": (0.0, RED), "penalized": (10.0, BLUE)}
BATCH, STEPS, EVERY, PAIRS = 256, 600, 50, 4096
NETWORK = Critic(width=64, depth=2)


def constants(params: Params, x: Samples) -> Array:
    """Largest slope, largest gradient norm and upper bound of the Lipschitz constant."""
    critic, kernels = partial(NETWORK.apply, params), [leaf for leaf in jax.tree.leaves(params) if leaf.ndim == 2]
    return jnp.stack([largest_slope(critic, x, x), largest_gradient_norm(critic, x), lipschitz_bound(kernels)])


@jax.jit
def train(weight: float, key: Key, real: Samples, fake: Samples) -> tuple[Params, Array]:
    """Minimize the mean of `D(fake) - D(real) + weight (||dD/dx|| - 1)^2`; returns D, and its constants in time."""
    optimizer = optax.adam(1e-3, b1=0.5, b2=0.9)

    def loss(params: Params, key: Key) -> Array:
        critic = partial(NETWORK.apply, params)
        penalty = gradient_penalty(critic, interpolate(key, real=real, fake=fake))
        return jnp.mean(wasserstein_critic(real=critic(real), fake=critic(fake)) + weight * penalty)

    def step(carry, key: Key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, key), state, params)
        return (optax.apply_updates(params, updates), state), params

    init_key, points_key, run_key = jax.random.split(key, 3)
    params = NETWORK.init(init_key, real)
    _, history = jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(run_key, STEPS + 1))
    watched = jax.tree.map(lambda leaf: leaf[::EVERY], history)
    points = jnp.concatenate([real, fake, interpolate(points_key, real=real, fake=fake)])
    return jax.tree.map(lambda leaf: leaf[-1], history), jax.lax.map(partial(constants, x=points), watched).T


def root(x: Samples) -> Array:
    """Root of the distance to the nearest mode: Hölder with exponent 1/2 and constant 1, not Lipschitz."""
    return jnp.sqrt(jnp.linalg.norm(x[:, None] - REAL.modes, axis=-1).min(axis=1))


def pairs(key: Key) -> tuple[Samples, Samples]:
    """Points about the modes and points about these, at distances even on a log scale."""
    distance_key, angle_key = jax.random.split(key)
    # Closer to the modes than to one another: `root` is rough there alone, and the shortest pairs should see it too.
    distance = 10 ** jax.random.uniform(distance_key, (2, PAIRS, 1), minval=jnp.array([[[-6]], [[-3]]]), maxval=0)
    angle = jax.random.uniform(angle_key, (2, PAIRS), maxval=2 * jnp.pi)
    offset, step = distance * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    x = jnp.resize(REAL.modes, (PAIRS, 2)) + offset
    return x, x + step


def experiment():
    """Train a free and a penalized critic; measure how fast they change, and where."""
    figure, (left, middle, right) = panels(3)
    train_key, real_key, fake_key, pairs_key, key = jax.random.split(jax.random.key(0), 5)
    data = {"real": REAL.sample(real_key, BATCH), "fake": FAKE.sample(fake_key, BATCH)}
    trained = {name: train(weight, train_key, **data) for name, (weight, _) in CRITICS.items()}
    critic, measured = partial(NETWORK.apply, trained["penalized"][0]), {}

    x, y = pairs(pairs_key)
    distance, ends = jnp.linalg.norm(x - y, axis=1), jnp.array([1e-3, 1.0])
    for name, f, color in (("root of a distance", root, GREEN), ("penalized critic", critic, BLUE)):
        alpha, constant = holder_fit(f, x, y)
        measured[name] = {"alpha": float(alpha), "C": float(constant)}
        left.plot(distance[::4], jnp.abs(f(x) - f(y))[::4], ".", color=color, ms=3, alpha=0.35, mew=0)
        left.plot(ends, constant * ends**alpha, color=color, label=rf"{name}, $\alpha$ = {alpha:.2f}")
    left.set(xlabel="||x - y||", xscale="log", ylabel="|D(x) - D(y)|", yscale="log", ylim=(1e-5, 20))
    left.set(title=r"$|D(x) - D(y)| \leq C\,||x - y||^\alpha$")
    left.legend(loc="upper left")

    for name, (_, watched) in trained.items():
        measured[name] = dict(zip(("slope", "norm", "bound"), watched[:, -1].tolist(), strict=True))
        for constant, style in zip(watched, ("o", "-", "--"), strict=True):
            middle.plot(jnp.arange(0, STEPS + 1, EVERY), constant, style, color=CRITICS[name][1], ms=4)
        middle.text(STEPS, watched[1, -1] / 2, name, color=CRITICS[name][1], ha="right", va="top", fontsize=9)
    for style, label in (("--", "bound from the kernels"), ("-", "largest gradient norm"), ("o", "largest slope")):
        middle.plot([], style, color=GRAY, ms=4, label=label)
    middle.set(title="Lipschitz constant in training", xlabel="step", yscale="log", ylim=(0.2, 1e5))
    middle.legend(loc="upper left")
    steps_up = jnp.diff(jnp.stack([watched for _, watched in trained.values()]), axis=1)
    measured["ordered"] = float(jnp.mean(jnp.all(steps_up >= 0, axis=1)))

    places = ("real", "interpolated", "fake")
    norms = gradient_norm_quantiles(critic, key, **data, quantiles=(0.05, 0.25, 0.5, 0.75, 0.95))
    measured["quantiles"] = {place: norms[place].tolist() for place in places}
    low, lower, median, upper, high = zip(*measured["quantiles"].values(), strict=True)
    right.axhline(1, color=GRAY, lw=1, ls="--")
    right.text(-0.45, 0.998, "bound C = 1", color=GRAY, va="top", fontsize=8)
    right.vlines(places, low, high, color=BLUE)
    right.vlines(places, lower, upper, color=BLUE, lw=12, alpha=0.4)
    right.plot(places, median, "o", color=BLUE, ms=5)
    right.set(title="penalized critic, 5 % to 95 %", ylabel="gradient norm", xlim=(-0.5, 2.5), ylim=(0.9, 1.12))
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
