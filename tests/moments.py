"""A second system, in twenty lines: the mean and the standard deviation of the data, learned by gradient descent."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from gan_jax import Metric, System


@dataclass(frozen=True)
class Moments:
    """Fit a Gaussian, each coordinate by itself."""

    learning_rate: float = 0.05

    def build(self, spec, *, batch_size, classes, sharding, trains):
        shape, dtype = spec["sample"].shape, spec["sample"].dtype

        def loss(state, x):
            z = (x - state["mean"][None]) / jnp.exp(state["log_sd"])[None]
            return (z**2 / 2 + state["log_sd"][None]).reshape(len(x), -1).mean(axis=1)

        def update(state, key, batch):
            x = sharding.shard(batch["sample"])
            value, gradient = sharding.mean(jax.value_and_grad(lambda state: loss(state, x).mean())(state))
            return jax.tree.map(lambda p, g: p - self.learning_rate * g, state, gradient), {"nll": value}

        def sample(state, key, n, condition=None):
            return state["mean"][None] + jnp.exp(state["log_sd"])[None] * jax.random.normal(key, (n, *shape))

        return System(
            init=lambda key, spec: {"mean": jnp.zeros(shape, dtype), "log_sd": jnp.zeros(shape, dtype)},
            update=update,
            sample=sample,
            metrics={"nll": Metric("Negative log-likelihood", "nats", history=("gap",), progress=True)},
            counts={"images": batch_size},
            diagnose=lambda state, key, batch: {"nll": loss(state, batch["sample"])},
        )
