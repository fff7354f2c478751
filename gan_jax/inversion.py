"""The latent vector of a given sample, which a generator does not give: found by gradient descent."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Int, Key, Labels, Latents, Samples, Scores

__all__ = ["Inversion", "invert"]


class Inversion(NamedTuple):
    """What `invert` finds for each of N targets.

    Attributes:
      latents: the best noise vector, (N, z).
      samples: what the generator makes of it, (N, ...).
      errors: root mean square, over all its values, of the difference from the target, (N,); inf if all diverged.
      diverged: how many starts ended in an error that is not finite, and were left out, (N,) int32.
    """

    latents: Latents
    samples: Samples
    errors: Scores
    diverged: Int[Array, " n"]


def invert(
    generator: Callable[..., Samples],
    key: Key,
    targets: Samples,
    labels: Labels | None = None,
    *,
    latent: int,
    restarts: int = 16,
    steps: int = 300,
    learning_rate: float = 0.1,
) -> Inversion:
    """Find noise that a trained generator maps to given samples: `argmin_z mean((G(z) - x)^2)`, by Adam, with restarts.

    A GAN has no likelihood and no encoder: whether it can make a sample at all is a search, which descends from
    `restarts` standard normal vectors for each target, all at once, and keeps the best of those that did not diverge.
    Rates follow a cosine to zero.
    The search may miss, so the error bounds the distance from x to the generator's range from above. The z found may be
    far longer than the root of `latent`, the length of those that are drawn: x is then within the range, but not
    within what is ever sampled.

    Args:
      generator: callable (M, z) -> (M, ...) that makes each sample of its own noise alone; parameters closed over. With
        labels it is called `generator(noise, labels)`, labels (M,).
      key: for the starts.
      targets: (N, ...), in the generator's units.
      labels: of the targets, (N,), for a generator that is told them.
      latent: length z of a noise vector.
      restarts: starts for each target.
      steps: steps of Adam.
      learning_rate: of Adam, at the start.

    Raises:
      ValueError: the generator's samples are not shaped like the targets.

    Source: Lipton, Tripathi (2017), Precise recovery of latent vectors from generative adversarial networks; Bora et
    al. (2017), Compressed sensing using generative models (restarts).

    >>> found = invert(lambda z: 2 * z, jax.random.key(0), jnp.array([[1.0, -3.0]]), latent=2)
    >>> [round(float(z), 3) for z in found.latents[0]], bool(found.errors[0] < 1e-3)
    ([0.5, -1.5], True)
    """
    told = () if labels is None else (labels,)
    one = (jax.ShapeDtypeStruct((1,), label.dtype) for label in told)
    made = jax.eval_shape(generator, jax.ShapeDtypeStruct((1, latent), jnp.float32), *one)
    if jnp.ndim(targets) == 0 or made.shape[1:] != jnp.shape(targets)[1:]:
        raise ValueError(f"the generator makes {made.shape[1:]}, the targets are (N, ...) = {jnp.shape(targets)}")
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def mean_square(noise: Float[Array, " z"], target: Array, *label: Array) -> Float[Array, ""]:
        made = generator(noise[None], *(each[None] for each in label))[0]
        return jnp.mean(jnp.square(at_least_float32(made) - at_least_float32(target)))

    def descend(start: Float[Array, " z"], target: Array, *label: Array) -> tuple[Float[Array, " z"], Float[Array, ""]]:
        def step(carry, _):
            noise, state = carry
            with jax.numpy_dtype_promotion("standard"):  # optax mixes its counters with floats
                updates, state = optimizer.update(jax.grad(mean_square)(noise, target, *label), state)
            return (noise + updates, state), None

        noise = lax.scan(step, (start, optimizer.init(start)), length=steps)[0][0]
        return noise, mean_square(noise, target, *label)

    def best(
        starts: Latents, target: Array, *label: Array
    ) -> tuple[Float[Array, " z"], Float[Array, ""], Int[Array, ""]]:
        noise, errors = jax.vmap(lambda start: descend(start, target, *label))(starts)
        diverged = ~jnp.isfinite(errors)
        errors = jnp.where(diverged, jnp.inf, errors)  # argmin and min would take NaN
        return noise[jnp.argmin(errors)], jnp.sqrt(jnp.min(errors)), diverged.sum(dtype=jnp.int32)

    starts = jax.random.normal(key, (len(targets), restarts, latent), jnp.float32)
    latents, errors, diverged = jax.vmap(best)(starts, targets, *told)
    return Inversion(latents, generator(latents, *told), errors, diverged)
