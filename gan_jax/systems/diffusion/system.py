"""Denoising as a system: what it is made of, the state that it begins with, and how that moves."""

from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.diffusion import denoising_error
from gan_jax.errors import InputError
from gan_jax.systems.diffusion import likelihood, sampling
from gan_jax.systems.diffusion.model import Model, network_output, parameterization_of, schedule_of, told_in
from gan_jax.systems.learner import State
from gan_jax.systems.system import Metric, System
from gan_jax.types import Array, Batch, Key, Params, PerSample, Samples

__all__ = ["diffusion"]

_DIAGNOSED = 8  # levels of noise of each sample

_METRICS = {
    "loss": Metric("Denoising error", "squared, weighted", scale="log", history=("train", "gap"), progress=True),
    "param_grad_norm": Metric("Gradient norm of the parameters", "loss per parameter", scale="log"),
}


def diffusion(model: Model) -> System:
    """Build the system that trains a network to take noise out of samples, and draws by it.

    One update takes a batch of samples, mixes each with noise at a time of its own, `x = alpha(t) x0 + sigma(t) eps`,
    and moves the network by the mean of `gan_jax.diffusion.denoising_error`.

    Raises:
      InputError: the network cannot take the samples.

    Source: Ho, Jain, Abbeel (2020), Denoising diffusion probabilistic models; see `gan_jax.diffusion.PRESETS`.

    >>> import optax
    >>> from gan_jax.diffusion import PRESETS
    >>> from gan_jax.networks import mlp
    >>> from gan_jax.sharding import UNSHARDED
    >>> from gan_jax.systems.learner import Learner
    >>> learner = Learner(optax.adam(1e-3), ema_decay=0.99, batch_size=4, sharding=UNSHARDED)
    >>> system = diffusion(Model(mlp.Denoiser(width=8), PRESETS["edm"], shape=(2,), learner=learner))
    >>> state = system.init(jax.random.key(0), {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)})
    >>> state, metrics = jax.jit(system.update)(state, jax.random.key(1), {"sample": jnp.zeros((4, 2))})
    >>> int(state.step), system.sample(state, jax.random.key(2), 5).shape
    (1, (5, 2))
    """
    network, shape, learner = model.network, model.shape, model.learner
    found = jax.eval_shape(partial(_init_params, model), jax.random.key(0))
    if jax.eval_shape(partial(_said, model), found).shape != (1, *shape):
        raise InputError(f"{type(network).__name__} must make {(1, *shape)} of {(1, *shape)}", field="network")
    return System(
        init=lambda key, spec: learner.begin(_init_params(model, key)),
        update=partial(update, model),
        sample=partial(sampling.sample, model),
        metrics=_METRICS,
        counts={"images": learner.batch_size},
        conditional=model.told is not None and model.told.name == "label",
        captioned=model.told is not None and model.told.name == "tokens",
        conditions=tuple(model.beside.spec) if model.beside else (),
        options={"sample": sampling.OPTIONS, "decode": sampling.FLOW_OPTIONS, "likelihood": likelihood.OPTIONS},
        evaluations=sampling.evaluations_of(model),
        drawn_with=lambda state: state.ema,
        weights=lambda state: {"network": state.ema},
        begin=lambda key, weights: learner.begin(weights["network"]),
        diagnose=partial(diagnose, model),
        latent=None if model.beside else prod(shape),
        decode=None if model.beside else partial(sampling.decode, model),
        encode=None if model.beside else partial(sampling.encode, model),
        likelihood=None if model.beside else partial(likelihood.likelihood, model),
    )


def update(model: Model, state: State, key: Key, batch: Batch) -> tuple[State, dict[str, Array]]:
    """Take one step on a batch, each sample at a time of its own."""
    noise_key, drop_key, network_key = jax.random.split(key, 3)
    learner = model.learner
    shard, own_key = learner.sharding.shard, learner.sharding.own_key(network_key)
    x = shard(jnp.asarray(batch["sample"]))
    told, beside = _hidden(model, drop_key, batch), _beside(model, drop_key, batch)
    # Drawn for the whole batch and then sharded: the same on any number of devices.
    uniform, eps = map(shard, _draws(noise_key, (learner.batch_size, *model.shape)))

    def loss(params: Params) -> tuple[Array, dict[str, Array]]:
        value = _errors(model, params, x, told, uniform, eps, beside, dropout_key=own_key).mean()
        return value, {"loss": value}

    return learner.step(state, loss)


def diagnose(model: Model, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    """Measure each sample's error, of the average parameters, over a few levels of noise."""
    x = jnp.asarray(batch["sample"])
    told = told_in(model, batch)
    beside = model.beside.arguments(model.beside.of_batch(batch)) if model.beside else {}

    def once(key: Key) -> PerSample:
        uniform, eps = _draws(key, x.shape)
        return _errors(model, state.ema, x, told, uniform, eps, beside)

    return {"loss": jax.lax.map(once, jax.random.split(key, _DIAGNOSED)).mean(axis=0)}


def _draws(key: Key, shape: tuple[int, ...]) -> tuple[Array, Samples]:
    """Of times evenly spread over the samples, each anywhere in its part, in no order; and noise."""
    time_key, order_key, noise_key = jax.random.split(key, 3)
    places = jnp.arange(shape[0], dtype=jnp.float32) + jax.random.uniform(time_key, shape[:1], jnp.float32)
    uniform = jax.random.permutation(order_key, jnp.minimum(places / shape[0], 1 - 1e-6))
    return uniform, jax.random.normal(noise_key, shape, jnp.float32)


def _errors(
    model: Model,
    params: Params,
    x: Samples,
    told: Array | None,
    uniform: Array,
    eps: Samples,
    beside: dict[str, Array],
    dropout_key: Key | None = None,
) -> PerSample:
    """Each sample's error, as `denoising_error`; with a key, of the network as it is while it trains."""

    def say_part(part: Any) -> Samples:
        (scaled, alpha, sigma), told, beside, places = part
        if dropout_key is None:
            return network_output(model, params, scaled, alpha, sigma, told, **beside)
        rngs = {"dropout": jax.random.fold_in(dropout_key, places[0])}  # not the same numbers in every part
        return network_output(model, params, scaled, alpha, sigma, told, **beside, train=True, rngs=rngs)

    def say(scaled: Samples, alpha: Array, sigma: Array) -> Samples:
        whole = (scaled, alpha, sigma), told, beside, jnp.arange(len(x), dtype=jnp.int32)
        return model.learner.sharding.in_micro_batches(say_part, whole)

    return denoising_error(
        say,
        jax.random.key(0),
        x,
        schedule=schedule_of(model),
        parameterization=parameterization_of(model),
        times=model.preset.times,
        weighting=model.preset.weighting,
        uniform=uniform,
        eps=eps,
    )


def _hidden(model: Model, key: Key, batch: Batch) -> Array | None:
    """What this device's samples are told, some of it hidden; None for a network that is told nothing."""
    told = told_in(model, batch)
    if told is None or model.told is None:
        return None
    hidden = jax.random.bernoulli(key, model.label_dropout, (len(told), *[1] * (told.ndim - 1)))
    return model.learner.sharding.shard(jnp.where(hidden, model.told.untold(len(told)), told))


def _beside(model: Model, key: Key, batch: Batch) -> dict[str, Array]:
    """What the network is told of this device's shard, some of it hidden."""
    if model.beside is None:
        return {}
    entries = {name: jnp.asarray(value) for name, value in model.beside.of_batch(batch).items()}
    shown = model.beside.arguments(model.learner.sharding.shard(entries))
    if not model.beside.hidden:
        return shown
    drawn = jax.random.bernoulli(jax.random.fold_in(key, 1), model.beside.hidden, (model.learner.batch_size,))
    hidden = model.learner.sharding.shard(drawn)
    return {
        name: jnp.where(hidden.reshape(-1, *[1] * (value.ndim - 1)), jnp.zeros_like(value), value)
        for name, value in shown.items()
    }


def _init_params(model: Model, key: Key) -> Params:
    one = jnp.zeros((1,), jnp.float32)
    told = () if model.told is None else (model.told.untold(1),)
    beside: dict[str, Any] = dict(model.beside.of_condition(None, 1)) if model.beside else {}
    return model.network.init(key, jnp.zeros((1, *model.shape), jnp.float32), one, *told, **beside)


def _said(model: Model, params: Params) -> Samples:
    ones = jnp.ones((1, *[1] * len(model.shape)), jnp.float32)
    told = None if model.told is None else model.told.untold(1)
    beside = model.beside.of_condition(None, 1) if model.beside else {}
    return network_output(model, params, jnp.zeros((1, *model.shape), jnp.float32), ones, ones, told, **beside)
