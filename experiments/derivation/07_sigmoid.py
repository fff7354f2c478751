"""Bounding the critic's output by a sigmoid, and how a sure critic starves the generator of gradient.

`python experiments/derivation/07_sigmoid.py` takes about 20 s on two CPU cores.

With s the logistic function, s(critic) is the probability of being real, restricted to (0, 1). The minimax generator
descends log(1 - s(fake)), whose gradient carries the factor s(fake) and vanishes where the critic is sure; the
non-saturating one descends -log s(fake), with the factor 1 - s(fake), which does not.
"""

import jax
import jax.numpy as jnp
import optax
from gallery import BLUE, GRAY, ORANGE, game, panels, play, publish

from gan_jax import losses
from gan_jax.networks import mlp
from gan_jax.systems.gan import State
from gan_jax.types import Array, Key

STEPS, START = 1000, 500
TARGET = 8.0
GENERATOR, CRITIC = mlp.Generator(shape=(1,), width=64, depth=2), mlp.Critic(width=64, depth=2)
NOISE = jax.random.normal(jax.random.key(1), (1024, 2))


def real(key: Key, count: int) -> Array:
    """A Gaussian that the untrained generator misses, (count, 1)."""
    return TARGET + 0.5 * jax.random.normal(key, (count, 1))


def taken_for_real(state: State) -> Array:
    """Mean probability of being real that the critic gives to generated samples."""
    return jax.nn.sigmoid(CRITIC.apply(state.critic.params, GENERATOR.apply(state.generator, NOISE))).mean()


def mean(state: State) -> Array:
    """Where generated samples are."""
    return GENERATOR.apply(state.generator, NOISE).mean()


def experiment():
    """Train a critic against a generator that stands still, then one that follows after the critic has had a start."""
    figure, (by_confidence, learning) = panels(2, width=8)
    measured = {}
    for name, color in (("minimax", ORANGE), ("non_saturating", BLUE)):
        shared = {"generator": GENERATOR, "critic": CRITIC, "loss": losses.LOSSES[name], "penalty": None}
        waiting = game(**shared, critic_steps=1, generator_optimizer=optax.set_to_zero())
        _, metrics, probability = play(waiting, jax.random.key(0), real, steps=STEPS, watch=taken_for_real)
        norm = metrics["generator_param_grad_norm"]
        by_confidence.scatter(probability, norm, color=color, s=4, lw=0, label=name.replace("_", "-"))

        # Plain descent: Adam would take a step of the same size along a gradient of any size, and hide the matter.
        rate = optax.join_schedules([optax.constant_schedule(0.0), optax.constant_schedule(1e-3)], [START])
        following = game(**shared, critic_steps=1, generator_optimizer=optax.sgd(rate))
        _, _, where = play(following, jax.random.key(0), real, steps=STEPS, watch=mean)
        learning.plot(where, color=color)
        measured[name] = {
            "gradient_first": float(norm[0]),
            "gradient_median_of_last_100": float(jnp.median(norm[-100:])),
            "taken_for_real_last": float(probability[-1]),
            "mean_100_iterations_later": float(where[START + 100]),
        }
    by_confidence.set(xscale="log", yscale="log", title="gradient of a generator that waits")
    by_confidence.set(xlabel="s(critic) of generated samples: the surer, the further right", ylabel="norm")
    by_confidence.invert_xaxis()
    by_confidence.legend(markerscale=3)
    learning.axhline(TARGET, color=GRAY, lw=0.8)
    learning.annotate("real", (0, TARGET), (0, -11), textcoords="offset points", color=GRAY, fontsize=8)
    learning.axvline(START, color=GRAY, lw=0.8, ls=":")
    learning.set(xlabel="iteration", ylabel="mean of x", title=f"a generator that follows from iteration {START} on")
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
