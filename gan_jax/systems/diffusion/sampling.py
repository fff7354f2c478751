"""Samples of a trained denoiser, always by the average of its parameters: drawn, along paths, and of given latents."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.diffusion import SAMPLERS, SPACINGS, Levels, draw, evaluations, levels
from gan_jax.diffusion import encode as encode_by_flow
from gan_jax.errors import InputError
from gan_jax.systems.diffusion.model import Model, bind_denoiser, schedule_of
from gan_jax.systems.learner import State
from gan_jax.systems.paths import circular_paths
from gan_jax.types import Array, Batch, Key, Latents, Samples

__all__ = ["OPTIONS", "decode", "encode", "evaluations_of", "interpolate", "sample", "solver_levels"]

OPTIONS = ("sampler", "steps", "eta", "guidance")
SOLVER_STEPS = 50  # of the flow between data and noise


def sample(
    model: Model,
    state: State,
    key: Key,
    n: int,
    condition: Batch | None = None,
    *,
    sampler: str | None = None,
    steps: int | None = None,
    eta: float | None = None,
    guidance: float | None = None,
) -> Samples:
    """Draw n samples, of `condition["label"]` (n,) or of uniform labels, of `condition["tokens"]` (n, L) or of none.

    The options are the model's own by default.

    Raises:
      InputError: the sampler has no such option, or the levels are not so many.
    """
    noise_key, label_key, key = jax.random.split(key, 3)
    chosen: Any = model.preset.sampler if sampler is None else sampler
    if eta is not None:
        if chosen not in ("ddim", "ddpm"):
            raise InputError(f"{chosen} has none; choose the sampler ddim, or leave it out", field="eta")
        chosen = partial(SAMPLERS[chosen], eta=eta)
    weight = model.guidance if guidance is None else guidance
    if weight != 1 and model.told is None and not (model.beside and model.beside.hidden):
        reason = "the network is not told the labels or captions, which it pushes towards; leave it out"
        raise InputError(reason, field="guidance")
    told = _told(model, label_key, n, condition)
    beside = model.beside.of_condition(condition, n) if model.beside else {}
    denoiser = bind_denoiser(model, state.ema, told, beside, guidance=weight, clip=model.clip)
    return _drawn(model, denoiser, noise_key, key, n, _levels(model, steps), chosen)


def interpolate(model: Model, state: State, key: Key, paths: int, steps: int) -> Samples:
    """Draw samples along paths between noise, by the flow."""
    told = _told(model, jax.random.fold_in(key, 1), paths)
    denoiser = bind_denoiser(model, state.ema, None if told is None else told.repeat(steps, axis=0), clip=model.clip)
    chosen = _levels(model, None)
    noise = chosen.sigma[0] * circular_paths(key, paths, steps, model.shape)
    return draw(denoiser, key, noise, chosen, sampler="heun")


def encode(model: Model, state: State, key: Key, batch: Batch) -> Latents:
    """Map samples (N, ...) to normal latents (N, d) by the flow, told what the network is."""
    x = jnp.asarray(batch["sample"])
    denoiser = bind_denoiser(model, state.ema, _told(model, key, len(x), batch))
    return encode_by_flow(denoiser, x, solver_levels(model, SOLVER_STEPS)).reshape(len(x), -1)


def decode(model: Model, state: State, latents: Latents) -> Samples:
    """Map latents (N, d) to samples by the flow."""
    chosen = solver_levels(model, SOLVER_STEPS)
    noise = chosen.sigma[0] * latents.reshape(-1, *model.shape)
    return draw(bind_denoiser(model, state.ema), jax.random.key(0), noise, chosen, sampler="heun")


def solver_levels(model: Model, steps: int) -> Levels:
    """Return levels for the flow between data and noise, which all have some noise."""
    return levels("log_snr", schedule_of(model), steps=steps)


def evaluations_of(model: Model) -> int:
    """Return how often the network is evaluated for one sample, twice where it is guided."""
    name: Any = model.preset.sampler
    return evaluations(_levels(model, None), name) * (1 if model.guidance == 1 else 2)


def _drawn(model: Model, denoiser: Any, noise_key: Key, key: Key, n: int, chosen: Levels, sampler: Any) -> Samples:
    noise = chosen.sigma[0] * jax.random.normal(noise_key, (n, *model.shape), jnp.float32)
    return draw(denoiser, key, noise, chosen, sampler=sampler)


def _levels(model: Model, steps: int | None) -> Levels:
    spacing: Any = model.preset.spacing
    try:
        return levels(spacing, schedule_of(model), steps=model.preset.steps if steps is None else steps)
    except ValueError as error:
        advice = f"; choose another number, or a spacing of {', '.join(SPACINGS)}"
        raise InputError(f"{error}{advice}", field="steps") from None


def _told(model: Model, key: Key, n: int, given: Batch | None = None) -> Array | None:
    """What is given, or uniform labels, or captions that say nothing; None for a network that is told nothing."""
    if model.told is None:
        return None
    if given is not None and model.told.name in given:
        return jnp.asarray(given[model.told.name])
    if model.told.name == "tokens":
        return model.told.untold(n)
    return jax.random.randint(key, (n,), 0, int(model.told.nothing), jnp.int32)
