"""A network as the distance between two sets of samples: all orders, sets, or samples one by one.

`python experiments/derivation/05_network.py` takes about 40 s on two CPU cores.

A network of M samples in order gives a set as many distances as it has orders; the mean over all of them is one, at the
price of M! passes. A network of sets (phi of each sample, a mean, rho) does not see the order, and the mean of a score
per sample is the simplest of these.
"""

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, GREEN, RED, game, panels, play, publish

from gan_jax.invariance import permutation_average, sample_average
from gan_jax.networks.mlp import Critic, SetCritic
from gan_jax.systems.gan import State
from gan_jax.transport import wasserstein_1d
from gan_jax.types import Array, Key

MOST, ORDERS, STEPS, SETS_OF = 7, 200, 2000, 8


def real(key: Key, count: int) -> Array:
    """Two Gaussians on the line, (count, 1)."""
    side_key, noise_key = jax.random.split(key)
    return 1.5 * jax.random.rademacher(side_key, (count, 1), jnp.float32) + 0.3 * jax.random.normal(
        noise_key, (count, 1)
    )


def spread_over_orders(key: Key) -> dict[str, Array]:
    """Scores of one set in many orders, less their mean: by a network of the ordered set, and by three blind to it."""
    sample_key, order_key, *keys = jax.random.split(key, 5)
    samples = real(sample_key, MOST)
    orders = jax.vmap(lambda key: jax.random.permutation(key, samples))(jax.random.split(order_key, ORDERS))
    ordered, of_sets, of_one = Critic(width=64), SetCritic(width=64, set_size=MOST), Critic(width=64)
    as_vector = samples.reshape(1, -1)
    vector_params, set_params, one_params = (
        network.init(key, example)
        for network, key, example in zip((ordered, of_sets, of_one), keys, (as_vector, samples, samples), strict=True)
    )

    def in_order(samples: Array) -> Array:
        return ordered.apply(vector_params, samples.reshape(1, -1))[0]

    networks = {
        "in order": in_order,
        "all orders": lambda samples: permutation_average(in_order, samples),
        "set": lambda samples: of_sets.apply(set_params, samples)[0],
        "one by one": lambda samples: sample_average(lambda x: of_one.apply(one_params, x[None])[0], samples),
    }
    scores = {name: jax.lax.map(jax.jit(score), orders) for name, score in networks.items()}
    return {name: score - score.mean() for name, score in scores.items()}


def experiment():
    """Count passes, show what an order changes, and train a generator against each kind of network that is feasible."""
    figure, (passes, orders, learning) = panels(3)
    order_key, target_key, key = jax.random.split(jax.random.key(0), 3)

    counts = jnp.arange(1, 21)
    passes.plot(counts, jnp.exp(jax.scipy.special.gammaln(counts + 1.0)), color=RED, label="all orders, M!")
    passes.plot(counts, counts, color=BLUE, label="set, or one by one, M")
    passes.set(yscale="log", xlabel="samples M", title="passes through the network")
    passes.set_xticks([1, 5, 10, 15, 20])
    passes.legend()

    spreads = spread_over_orders(order_key)
    for i, (spread, color) in enumerate(zip(spreads.values(), (GRAY, RED, GREEN, BLUE), strict=True)):
        jitter = jnp.linspace(-0.25, 0.25, ORDERS)
        orders.scatter(i + jitter, spread, s=5, lw=0, color=color)
    orders.set(xticks=range(len(spreads)), xticklabels=spreads, title=f"score of one set in {ORDERS} orders")
    measured = {"spread_over_orders": {name: float(jnp.ptp(spread)) for name, spread in spreads.items()}}

    target = jnp.sort(real(target_key, 2000)[:, 0])
    for name, critic, color in (
        ("one by one", Critic(width=64, depth=3), BLUE),
        (f"sets of {SETS_OF}", SetCritic(width=64, depth=2, set_size=SETS_OF), GREEN),
    ):
        system = game(critic=critic)

        def distance(state: State, system=system) -> Array:
            return wasserstein_1d(system.sample(state, target_key, len(target))[:, 0], target)

        _, _, distances = play(system, key, real, steps=STEPS, watch=distance)
        learning.plot(distances, color=color, label=name)
        measured[f"wasserstein, {name}"] = float(distances[-100:].mean())
    learning.set(ylim=(0, None), xlabel="iteration", title="distance of samples to the target")
    learning.legend()
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
