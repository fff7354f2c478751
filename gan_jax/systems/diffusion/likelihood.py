"""Likelihoods of a trained denoiser: by the probability flow, and the variational bound."""

from math import log

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.diffusion import dequantize, log_likelihood, variational_bound
from gan_jax.systems.diffusion.model import Model, bind_denoiser, told_in
from gan_jax.systems.diffusion.sampling import solver_levels
from gan_jax.systems.learner import State
from gan_jax.types import Batch, Key, PerSample

__all__ = ["OPTIONS", "likelihood"]

OPTIONS = ("steps", "probes")
_EXACT_UP_TO = 8  # numbers in a sample, whose trace takes so many products
_STEPS = 50
_VALUES = np.linspace(-1, 1, 256)


def likelihood(
    model: Model, state: State, key: Key, batch: Batch, *, steps: int = _STEPS, probes: int | None = None
) -> dict[str, PerSample]:
    """Return log-likelihoods (N,), in nats: "flow", by the probability flow, and "bound", a variational lower bound.

    Of points they are densities, of images the probability of the 8-bit image: by dequantization for the flow, by what
    the last level says of each of 256 values for the bound. The trace is exact for samples of few numbers, else of so
    many random probes, one by default.
    """
    dequantize_key, probe_key, bound_key = jax.random.split(key, 3)
    x = jnp.asarray(batch["sample"])
    image = x.ndim == 4
    denoiser, chosen = bind_denoiser(model, state.ema, told_in(model, batch)), solver_levels(model, steps)
    count = probes or (None if x[0].size <= _EXACT_UP_TO else 1)
    spread = dequantize(dequantize_key, x) if image else x
    flow, _ = log_likelihood(denoiser, probe_key, spread, chosen, count)
    bound = variational_bound(denoiser, bound_key, x, chosen, _VALUES if image else None)
    levels = x[0].size * log(128) if image else 0.0  # 256 of them lie on a length of 2
    return {"flow": flow - levels, "bound": bound}
