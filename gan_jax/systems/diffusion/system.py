"""Denoising as a system: what it is made of, the state that it begins with, and how that moves."""

from functools import partial
from math import prod

import jax
import jax.numpy as jnp

from gan_jax.diffusion import denoising_error
from gan_jax.errors import InputError
from gan_jax.systems.diffusion import likelihood, sampling
from gan_jax.systems.diffusion.model import Model, network_output, parameterization_of, schedule_of
from gan_jax.systems.learner import State
from gan_jax.systems.system import Metric, System
from gan_jax.types import Array, Batch, Key, Labels, Params, PerSample, Samples

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
    told = getattr(network, "classes", 0) > 0
    return System(
        init=lambda key, spec: learner.begin(_init_params(model, key)),
        update=partial(update, model),
        sample=partial(sampling.sample, model),
        metrics=_METRICS,
        counts={"images": learner.batch_size},
        conditional=told,
        options={"sample": sampling.OPTIONS, "decode": sampling.FLOW_OPTIONS, "likelihood": likelihood.OPTIONS},
        evaluations=sampling.evaluations_of(model),
        drawn_with=lambda state: state.ema,
        weights=lambda state: {"network": state.ema},
        begin=lambda key, weights: learner.begin(weights["network"]),
        diagnose=partial(diagnose, model),
        latent=prod(shape),
        decode=partial(sampling.decode, model),
        encode=partial(sampling.encode, model),
        likelihood=partial(likelihood.likelihood, model),
    )


def update(model: Model, state: State, key: Key, batch: Batch) -> tuple[State, dict[str, Array]]:
    """Take one step on a batch, each sample at a time of its own."""
    noise_key, drop_key, network_key = jax.random.split(key, 3)
    learner = model.learner
    shard, own_key = learner.sharding.shard, learner.sharding.own_key(network_key)
    x = shard(jnp.asarray(batch["sample"]))
    label = _hidden(model, drop_key, batch)
    # Drawn for the whole batch and then sharded: the same on any number of devices.
    uniform, eps = map(shard, _draws(noise_key, (learner.batch_size, *model.shape)))

    def loss(params: Params) -> tuple[Array, dict[str, Array]]:
        value = _errors(model, params, x, label, uniform, eps, train=True, rngs={"dropout": own_key}).mean()
        return value, {"loss": value}

    return learner.step(state, loss)


def diagnose(model: Model, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    """Measure each sample's error, of the average parameters, over a few levels of noise."""
    x = jnp.asarray(batch["sample"])
    label = jnp.asarray(batch["label"]) if getattr(model.network, "classes", 0) else None

    def once(key: Key) -> PerSample:
        uniform, eps = _draws(key, x.shape)
        return _errors(model, state.ema, x, label, uniform, eps)

    return {"loss": jax.lax.map(once, jax.random.split(key, _DIAGNOSED)).mean(axis=0)}


def _draws(key: Key, shape: tuple[int, ...]) -> tuple[Array, Samples]:
    """Of times evenly spread over the samples, each anywhere in its part, in no order; and noise."""
    time_key, order_key, noise_key = jax.random.split(key, 3)
    places = jnp.arange(shape[0], dtype=jnp.float32) + jax.random.uniform(time_key, shape[:1], jnp.float32)
    uniform = jax.random.permutation(order_key, jnp.minimum(places / shape[0], 1 - 1e-6))
    return uniform, jax.random.normal(noise_key, shape, jnp.float32)


def _errors(
    model: Model, params: Params, x: Samples, label: Labels | None, uniform: Array, eps: Samples, **options
) -> PerSample:
    return denoising_error(
        lambda scaled, alpha, sigma: network_output(model, params, scaled, alpha, sigma, label, **options),
        jax.random.key(0),
        x,
        schedule=schedule_of(model),
        parameterization=parameterization_of(model),
        times=model.preset.times,
        weighting=model.preset.weighting,
        uniform=uniform,
        eps=eps,
    )


def _hidden(model: Model, key: Key, batch: Batch) -> Labels | None:
    """This device's labels, some of them hidden; None for a network that takes none."""
    classes = getattr(model.network, "classes", 0)
    if not classes:
        return None
    hidden = jax.random.bernoulli(key, model.label_dropout, (model.learner.batch_size,))
    return model.learner.sharding.shard(jnp.where(hidden, classes, jnp.asarray(batch["label"])))


def _init_params(model: Model, key: Key) -> Params:
    one = jnp.zeros((1,), jnp.float32)
    labels = (jnp.zeros((1,), jnp.int32),) if getattr(model.network, "classes", 0) else ()
    return model.network.init(key, jnp.zeros((1, *model.shape), jnp.float32), one, *labels)


def _said(model: Model, params: Params) -> Samples:
    ones = jnp.ones((1, *[1] * len(model.shape)), jnp.float32)
    label = jnp.zeros((1,), jnp.int32) if getattr(model.network, "classes", 0) else None
    return network_output(model, params, jnp.zeros((1, *model.shape), jnp.float32), ones, ones, label)
