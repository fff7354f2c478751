"""What a network says of a noisy sample: the noise, the data, a velocity, or EDM's mixture; each turned into the data.

>>> import jax.numpy as jnp
>>> alpha, sigma, x0, eps = jnp.float32(0.6), jnp.float32(0.8), jnp.array([1.0]), jnp.array([2.0])
>>> x = alpha * x0 + sigma * eps
>>> velocity = PARAMETERIZATIONS["velocity"]
>>> velocity.denoised(velocity.target(x0, eps, alpha, sigma), x, alpha, sigma).round(5).tolist()
[1.0]
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from gan_jax.types import Array

__all__ = ["PARAMETERIZATIONS", "Parameterization", "edm"]


def _one(alpha: Array, sigma: Array) -> Array:
    return jnp.ones_like(alpha * sigma)


class Parameterization(NamedTuple):
    """How a network's output and the data belong together; alpha and sigma have the samples' shape, or 1 for an axis.

    Attributes:
      denoised: `(output, x, alpha, sigma) -> x0`, what the output says that the data are.
      target: `(x0, eps, alpha, sigma) -> output`, what it should be.
      scale: `(alpha, sigma) -> number`, what x is multiplied by before the network sees it.
      weight: `(alpha, sigma) -> number`, of the squared difference of output and target in the loss.
      paper: where it is from.
    """

    denoised: Callable[[Array, Array, Array, Array], Array]
    target: Callable[[Array, Array, Array, Array], Array]
    paper: str
    scale: Callable[[Array, Array], Array] = _one
    weight: Callable[[Array, Array], Array] = _one


def edm(sigma_data: float = 0.5) -> Parameterization:
    """Return EDM's, `D = c_skip y + c_out F(c_in y)` with `y = x / alpha` and `rho = sigma / alpha`.

    `c_skip = s^2 / (rho^2 + s^2)`, `c_out = rho s / sqrt(rho^2 + s^2)`, `c_in = 1 / sqrt(rho^2 + s^2)`, s the spread of
    the data: so the network's input and its target have variance 1 at every level. The loss in D is weighted by
    `1 / c_out^2`.

    Source: Karras et al. (2022), Elucidating the design space of diffusion-based generative models, table 1.

    >>> one = jnp.float32(1)
    >>> round(float(edm().denoised(jnp.float32(0), jnp.float32(5), one, one / 2)), 4)
    2.5
    """
    square = sigma_data**2

    def parts(alpha: Array, sigma: Array) -> tuple[Array, Array, Array]:
        rho = sigma / alpha
        total = rho**2 + square
        return square / total, rho * sigma_data / jnp.sqrt(total), 1 / jnp.sqrt(total)

    def denoised(output: Array, x: Array, alpha: Array, sigma: Array) -> Array:
        skip, out, _ = parts(alpha, sigma)
        return skip * x / alpha + out * output

    def target(x0: Array, eps: Array, alpha: Array, sigma: Array) -> Array:
        skip, out, _ = parts(alpha, sigma)
        return (x0 - skip * (x0 + sigma / alpha * eps)) / out

    def scale(alpha: Array, sigma: Array) -> Array:
        return parts(alpha, sigma)[2] / alpha

    paper = "Karras et al. (2022), Elucidating the design space of diffusion-based generative models"
    return Parameterization(denoised, target, paper, scale=scale)


PARAMETERIZATIONS: dict[str, Parameterization] = {
    # Undefined where no signal is left, alpha 0: there noise says nothing of the data.
    "noise": Parameterization(
        lambda output, x, alpha, sigma: (x - sigma * output) / alpha,
        lambda x0, eps, alpha, sigma: eps,
        "Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models",
    ),
    "sample": Parameterization(
        lambda output, x, alpha, sigma: output,
        lambda x0, eps, alpha, sigma: x0,
        "Ramesh et al. (2022), Hierarchical text-conditional image generation with CLIP latents",
    ),
    "velocity": Parameterization(
        lambda output, x, alpha, sigma: (alpha * x - sigma * output) / (alpha**2 + sigma**2),
        lambda x0, eps, alpha, sigma: alpha * eps - sigma * x0,
        "Salimans, Ho (2022), Progressive distillation for fast sampling of diffusion models",
    ),
    "flow": Parameterization(
        lambda output, x, alpha, sigma: (x - sigma * output) / (alpha + sigma),
        lambda x0, eps, alpha, sigma: eps - x0,
        "Lipman et al. (2023), Flow matching for generative modeling",
    ),
    "edm": edm(),
}
