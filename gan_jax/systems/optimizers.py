"""Optimizers: Adam, whose rate and second decay may follow a schedule, or any of optax."""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.config import Choice, Count, Decay, Positive, config
from gan_jax.penalties import lazy_adam
from gan_jax.schedules import Cosine, value_at
from gan_jax.types import Array, Params

__all__ = ["AdamConfig", "Optimizer", "apply_gradient", "build_optimizer"]


@config
class AdamConfig:
    """One network's optimizer.

    Attributes:
      learning_rate: of every step, or a schedule.
      b1: decay of the first moment.
      b2: decay of the second moment, or a schedule.
      warmup: images over which the learning rate rises to what it is; none by default.
      clip_norm: the largest norm of a gradient, above which it is scaled down; none by default.
    """

    learning_rate: Positive | Cosine = 1e-4
    b1: Decay = 0.5
    b2: Decay | Cosine = 0.9
    warmup: Count | None = None
    clip_norm: Positive | None = None

    def build(self, images_each: int, every: int = 1) -> optax.GradientTransformation:
        """Return Adam, of which each step sees so many images.

        A penalty that is due every so many steps has a step of its own there, without images of its own.
        """
        each = images_each if every == 1 else images_each * every / (every + 1)

        def corrected(i: int) -> Any:
            """The rate (0) or the second decay (2), as a number or as optax's function of the steps done."""

            def at(images: Any) -> Any:
                warm = jnp.minimum((images + each) / self.warmup, 1) if self.warmup else 1.0
                rate = value_at(self.learning_rate, images) * warm
                return lazy_adam(every, rate, self.b1, value_at(self.b2, images))[i]

            moves = isinstance((self.learning_rate, self.b1, self.b2)[i], Cosine) or (i == 0 and self.warmup)
            return (lambda count: at(jnp.asarray(count, jnp.float32) * each)) if moves else at(0)

        rate, b2, b1 = corrected(0), corrected(2), corrected(1)
        make: Callable[..., Any] = optax.inject_hyperparams(optax.adam) if callable(b2) else optax.adam
        adam = make(learning_rate=rate, b1=b1, b2=b2)
        return optax.chain(optax.clip_by_global_norm(self.clip_norm), adam) if self.clip_norm else adam


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, AdamConfig | optax.GradientTransformation)


Optimizer = Annotated[
    AdamConfig | optax.GradientTransformation, Choice({}, _is_optimizer, "an AdamConfig or an optax optimizer")
]


def build_optimizer(given: Any, *, images_each: int, every: int = 1) -> optax.GradientTransformation:
    """Return the optimizer of a configuration, or the one given."""
    return given.build(images_each, every) if isinstance(given, AdamConfig) else given


def apply_gradient(
    optimizer: optax.GradientTransformation, gradient: Params, state: optax.OptState, params: Params, value: Array
) -> tuple[Params, optax.OptState]:
    """Return the parameters after one step of an optimizer, which may read the loss's value, and its state."""
    with jax.numpy_dtype_promotion("standard"):  # optax mixes its counters with floats, which strict users forbid
        updates, state = optax.with_extra_args_support(optimizer).update(gradient, state, params, value=value)
    return optax.apply_updates(params, updates), state
