"""Likelihoods of a trained denoiser: by the probability flow, and the variational bound."""

import jax
import jax.numpy as jnp

from gan_jax.diffusion import dequantize, log_likelihood, variational_bound
from gan_jax.systems.diffusion.model import Model, State, bind_denoiser
from gan_jax.systems.diffusion.sampling import solver_levels
from gan_jax.types import Batch, Key, PerSample

__all__ = ["OPTIONS", "likelihood"]

OPTIONS = ("steps", "probes")
_EXACT_UP_TO = 8  # numbers in a sample, whose trace takes so many products
_STEPS = 50


def likelihood(
    model: Model, state: State, key: Key, batch: Batch, *, steps: int = _STEPS, probes: int | None = None
) -> dict[str, PerSample]:
    """Return log densities (N,), in nats: "flow", by the probability flow, and "bound", a variational lower bound.

    Images are dequantized, so that theirs are densities on [-1, 1]. The trace is exact for samples of few numbers,
    else of so many random probes, one by default.
    """
    dequantize_key, probe_key, bound_key = jax.random.split(key, 3)
    x = jnp.asarray(batch["sample"])
    if x.ndim == 4:
        x = dequantize(dequantize_key, x)
    label = jnp.asarray(batch["label"]) if getattr(model.network, "classes", 0) else None
    denoiser, chosen = bind_denoiser(model, state.ema, label), solver_levels(model, steps)
    count = probes or (None if x[0].size <= _EXACT_UP_TO else 1)
    flow, _ = log_likelihood(denoiser, probe_key, x, chosen, count)
    return {"flow": flow, "bound": variational_bound(denoiser, bound_key, x, chosen)}
