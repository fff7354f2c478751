"""A variational autoencoder as a system: its loss, its bounds, and what is drawn, encoded and decoded."""

from functools import partial
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gan_jax.networks.vae import Drawn
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.learner import Learner, State
from gan_jax.systems.system import Metric, System
from gan_jax.types import Array, Batch, Key, Latents, Params, PerSample, Samples, Spec
from gan_jax.variational import Likelihood, free_bits, importance_weighted

__all__ = ["vae"]

_NATS = "Nats per sample"
_DRAWS = 100  # of the importance-weighted bound

_METRICS = {
    "elbo": Metric("Evidence lower bound", "nats", history=("train", "gap"), progress=True),
    "reconstruction": Metric("Negative log-likelihood given the latents", "nats", panel=_NATS),
    "kl": Metric("Divergence from the prior", "nats", panel=_NATS, progress=True),
    "loss": Metric("Loss", "nats", panel=_NATS),
    "param_grad_norm": Metric("Gradient norm of the parameters", "loss per parameter", scale="log"),
}


class _Model(NamedTuple):
    """What does not change while a variational autoencoder trains; `vae` says what each of it is."""

    network: nn.Module
    likelihood: Likelihood
    latent: int
    learner: Learner
    beta: float
    free_bits: float
    decoder_noise: bool

    def draw(self, params: Params, samples: Samples | None, noise: Latents, **options: Any) -> Drawn:
        """Draw latents of samples, or by the prior, and decode them."""
        return cast(Drawn, self.network.apply(params, samples, noise, **options))


def vae(
    *,
    network: nn.Module,
    likelihood: Likelihood,
    spec: Spec,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    ema_decay: float | HalfLife,
    beta: float = 1.0,
    free_bits: float = 0.0,
    decoder_noise: bool = False,
    sharding: BatchSharding = UNSHARDED,
) -> System:
    """Build the system that trains an encoder and a decoder by the evidence lower bound, and draws by the decoder.

    One update takes a batch of samples and a draw of the posterior of each, and moves down

        mean(-log p(x | z)) + beta sum_rungs max(mean(KL(q(z | x) || p(z))), free bits)

    Args:
      network: a module `(samples or None, noise (N, z)) -> Drawn`, as those of `gan_jax.networks.VAES`.
      likelihood: the decoder's distribution, from `gan_jax.variational.LIKELIHOODS` or one's own.
      spec: of a batch, without the batch axis.
      optimizer: any optax optimizer.
      batch_size: samples of one step.
      ema_decay: decay of the exponential moving average of the parameters, or its half-life in images.
      beta: of the divergence.
      free_bits: nats of each rung's divergence that cost nothing.
      decoder_noise: whether samples are drawn from the decoder's distribution, or are its means.
      sharding: how each batch is sharded over devices.

    Source: Kingma, Welling (2014), Auto-encoding variational Bayes; Higgins et al. (2017), beta-VAE: learning basic
    visual concepts with a constrained variational framework; Kingma et al. (2016), Improving variational inference with
    inverse autoregressive flow (free bits).

    >>> from gan_jax.networks.vae import MlpVAE
    >>> from gan_jax.variational import normal
    >>> spec = {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}
    >>> system = vae(
    ...     network=MlpVAE(shape=(2,), numbers=2, width=8, latents=(2,)), likelihood=normal(), spec=spec,
    ...     optimizer=optax.adam(1e-3), batch_size=4, ema_decay=0.99,
    ... )
    >>> state = system.init(jax.random.key(0), spec)
    >>> state, metrics = jax.jit(system.update)(state, jax.random.key(1), {"sample": jnp.zeros((4, 2))})
    >>> int(state.step), system.sample(state, jax.random.key(2), 5).shape
    (1, (5, 2))
    """
    latent = sum(cast(Any, network).latents)
    learner = Learner(optimizer, ema_decay, batch_size, sharding)
    model = _Model(network, likelihood, latent, learner, beta, free_bits, decoder_noise)
    shape = spec["sample"].shape

    def init(key: Key, spec: Spec) -> State:
        samples, noise = jnp.zeros((1, *shape), jnp.float32), jnp.zeros((1, latent), jnp.float32)
        return learner.begin(network.init(key, samples, noise))

    jax.eval_shape(lambda key: init(key, spec), jax.random.key(0))  # or refuse
    return System(
        init=init,
        update=partial(_update, model),
        sample=partial(_sample, model),
        metrics=_METRICS,
        counts={"images": batch_size},
        options={"likelihood": ("draws",)},
        drawn_with=lambda state: state.ema,
        weights=lambda state: {"network": state.ema},
        begin=lambda key, weights: learner.begin(weights["network"]),
        diagnose=partial(_diagnose, model),
        latent=latent,
        decode=partial(_decode, model),
        encode=partial(_encode, model),
        likelihood=partial(_likelihood, model),
    )


def _update(model: _Model, state: State, key: Key, batch: Batch) -> tuple[State, dict[str, Array]]:
    """Take one step on a batch, with one draw of each sample's posterior."""
    learner = model.learner
    noise_key, prepare_key = jax.random.split(key)
    # Drawn for the whole batch and then sharded: the same on any number of devices.
    x = learner.sharding.shard(model.likelihood.prepare(prepare_key, jnp.asarray(batch["sample"])))
    noise = learner.sharding.shard(_normal(noise_key, (learner.batch_size, model.latent)))

    def loss(params: Params) -> tuple[Array, dict[str, Array]]:
        drawn = model.draw(params, x, noise)
        reconstruction = -model.likelihood.log_prob(drawn.numbers, x).mean()
        # Each rung's mean is of the whole batch, whatever devices share it.
        kl = learner.sharding.mean(drawn.kl.mean(axis=1)) if model.free_bits else drawn.kl.mean(axis=1)
        costs = jnp.stack([free_bits(rung[None], model.free_bits) for rung in kl])
        value = reconstruction + model.beta * costs.sum()
        total = drawn.kl.sum(axis=0).mean()
        return value, {"elbo": -reconstruction - total, "reconstruction": reconstruction, "kl": total, "loss": value}

    return learner.step(state, loss)


def _sample(model: _Model, state: State, key: Key, n: int, condition: Batch | None = None) -> Samples:
    noise_key, draw_key = jax.random.split(key)
    numbers = model.draw(state.ema, None, _normal(noise_key, (n, model.latent))).numbers
    return model.likelihood.draw(draw_key, numbers) if model.decoder_noise else model.likelihood.mean(numbers)


def _encode(model: _Model, state: State, key: Key, batch: Batch) -> Latents:
    """The noise by which the prior draws the posterior's mean of each sample, rung by rung."""
    x = model.likelihood.prepare(key, jnp.asarray(batch["sample"]))
    return model.draw(state.ema, x, jnp.zeros((len(x), model.latent), jnp.float32), temperature=0.0).noise


def _decode(model: _Model, state: State, latents: Latents, condition: Batch | None = None) -> Samples:
    """Means of what the prior draws by this noise, rung by rung."""
    return model.likelihood.mean(model.draw(state.ema, None, latents).numbers)


def _diagnose(model: _Model, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    """Each sample's bound, by the average parameters and one draw."""
    log_weights, drawn = _log_weights(model, state.ema, key, batch)
    return {"elbo": log_weights, "kl": drawn.kl.sum(axis=0)}


def _likelihood(model: _Model, state: State, key: Key, batch: Batch, *, draws: int = _DRAWS) -> dict[str, PerSample]:
    """Log-likelihoods (N,), in nats: "iwae", the importance-weighted bound of so many draws, and "elbo", their mean."""
    log_weights = jax.lax.map(lambda key: _log_weights(model, state.ema, key, batch)[0], jax.random.split(key, draws))
    return {"iwae": importance_weighted(log_weights), "elbo": log_weights.mean(axis=0)}


def _log_weights(model: _Model, params: Params, key: Key, batch: Batch) -> tuple[PerSample, Drawn]:
    """`log p(x, z) - log q(z | x)` at a draw of each sample's posterior."""
    noise_key, prepare_key = jax.random.split(key)
    x = model.likelihood.prepare(prepare_key, jnp.asarray(batch["sample"]))
    drawn = model.draw(params, x, _normal(noise_key, (len(x), model.latent)))
    return model.likelihood.log_prob(drawn.numbers, x) + drawn.log_ratio, drawn


def _normal(key: Key, shape: tuple[int, ...]) -> Array:
    return jax.random.normal(key, shape, jnp.float32)
