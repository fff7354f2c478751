"""What systems of one loss share: parameters, their average and an optimizer, moved together."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.sharding import BatchSharding
from gan_jax.systems.ema import HalfLife, ema_decay
from gan_jax.systems.optimizers import apply_gradient
from gan_jax.types import Array, Params

__all__ = ["Learner", "State"]


class State(NamedTuple):
    """Everything that a system of one loss carries from one iteration to the next.

    Attributes:
      step: iterations done, int32.
      params: the parameters.
      ema: their exponential moving average over the iterations, with which samples are drawn.
      optimizer: the optimizer's state.
    """

    step: Array
    params: Params
    ema: Params
    optimizer: optax.OptState


class Learner(NamedTuple):
    """How parameters move; nothing of it changes while they do.

    Attributes:
      optimizer: any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, or its half-life in images.
      batch_size: samples of one step, over all devices.
      sharding: how each batch is sharded over devices.
    """

    optimizer: optax.GradientTransformation
    ema_decay: float | HalfLife
    batch_size: int
    sharding: BatchSharding

    def begin(self, params: Params) -> State:
        """Return the state before the first step."""
        ema = jax.tree.map(jnp.copy, params)  # its own buffers, so that the state can be donated
        return State(jnp.zeros((), jnp.int32), params, ema, self.optimizer.init(params))

    def step(
        self, state: State, loss: Callable[[Params], tuple[Array, dict[str, Array]]]
    ) -> tuple[State, dict[str, Array]]:
        """Take one step down a loss of this device's shard, and return its metrics beside the gradient's norm."""
        found = jax.value_and_grad(loss, has_aux=True)(state.params)
        (value, metrics), gradient = self.sharding.mean(found)
        return self.move(state, gradient, value), metrics | {"param_grad_norm": optax.tree.norm(gradient)}

    def move(self, state: State, gradient: Params, value: Array) -> State:
        """Take one step down a gradient, the mean over devices; the optimizer may read the loss's value."""
        params, optimizer = apply_gradient(self.optimizer, gradient, state.optimizer, state.params, value)
        decay = ema_decay(self.ema_decay, state.step, self.batch_size)
        ema = optax.incremental_update(params, state.ema, 1 - decay)
        return State(state.step + 1, params, ema, optimizer)
