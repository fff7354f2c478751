"""An autoencoder as a system: its loss, the critic that makes it sharp, and what is encoded and decoded."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gan_jax.data.images import preprocess
from gan_jax.networks.pretrained.autoencoder_kl import Gaussian
from gan_jax.systems.gan.game import CriticState, Game, bind_critic
from gan_jax.systems.gan.metrics import metrics_of
from gan_jax.systems.gan.steps import CriticInputs, critic_step
from gan_jax.systems.learner import Learner
from gan_jax.systems.learner import State as LearnerState
from gan_jax.systems.system import Metric, System
from gan_jax.types import Array, Batch, Key, Latents, Params, PerSample, Samples, Spec

__all__ = ["Model", "State", "adaptive_weight", "autoencoder", "encoded", "psnr"]

_LARGEST, _LEAST = 1e4, 1e-4  # of the adaptive weight, and of the gradient that it divides by

_METRICS = {
    "psnr": Metric("Peak signal-to-noise ratio", "dB", history=("train", "held_out"), progress=True),
    "reconstruction": Metric("Absolute and perceptual error", "summed over an image", panel="Losses", progress=True),
    "kl": Metric("Divergence of the latents", "nats", scale="log", history=("train",)),
    "loss": Metric("Loss", "summed over an image", panel="Losses"),
    "adaptive_weight": Metric("Adaptive weight of the adversarial term", "ratio of gradients", scale="log"),
    "param_grad_norm": Metric("Gradient norm of the parameters", "loss per parameter", scale="log"),
}
_OF_CRITIC = ("wasserstein", "critic_loss", "critic_total", "generator_loss", "penalty", "slope")
_OF_CRITIC += ("critic_param_grad_norm", "penalty_nonfinite")


class State(NamedTuple):
    """Everything that an autoencoder carries from one iteration to the next.

    Attributes:
      network: the autoencoder's parameters, their average and their optimizer.
      critic: the critic's, where there is one.
    """

    network: LearnerState
    critic: CriticState | tuple[()] = ()


class Model(NamedTuple):
    """What does not change while an autoencoder trains.

    Attributes:
      network: a module whose method `encode` maps images to a `Gaussian`, and whose method `decode` maps latents back.
      shape: of an image.
      latent: of an image's latents, (H, W, C).
      learner: how the parameters move.
      perceive: `images -> vectors (N, D)`, what is to be alike beside the pixels, if anything.
      perceptual_weight: of the distance between these vectors.
      kl_weight: of the latents' divergence from standard normal numbers, in nats.
      game: the critic, its loss, penalty, constraint and optimizer; None for no adversarial term.
      adversarial_weight: of the adversarial term, beside the adaptive weight.
      adversarial_after: images after which it is there.
    """

    network: nn.Module
    shape: tuple[int, ...]
    latent: tuple[int, ...]
    learner: Learner
    perceive: Callable[[Samples], Array] | None = None
    perceptual_weight: float = 1.0
    kl_weight: float = 1e-6
    game: Game | None = None
    adversarial_weight: float = 0.5
    adversarial_after: int = 0


def autoencoder(model: Model) -> System:
    """Build the system that trains an autoencoder of images, against a critic if there is one.

    One update encodes a batch x, draws latents, decodes them to y, and moves the autoencoder by the mean of

        sum |x - y| + D w |f(x) - f(y)|^2 + kl_weight KL + weight lambda generator_loss(critic(y))

    where f are perceptual features of unit length, D the numbers of an image, and lambda the ratio of the first two
    terms' gradient to the last one's, each by the last layer's kernel (`adaptive_weight`). Then the critic takes a step
    of the game on x and y, under its penalty. The published loss also has a log-variance, which its code never moves
    from 0.

    Its samples are reconstructions, by the average parameters and the latents' means.

    Source: Esser, Rombach, Ommer (2021), Taming transformers for high-resolution image synthesis (the adaptive weight);
    Rombach et al. (2022), High-resolution image synthesis with latent diffusion models.
    """
    learner = model.learner
    metrics = dict(_METRICS)
    if model.game is None:
        del metrics["adaptive_weight"]
    else:
        metrics |= {name: metric for name, metric in metrics_of(model.game).items() if name in _OF_CRITIC}
    return System(
        init=partial(_init, model),
        update=partial(_update, model),
        sample=partial(_sample, model),
        metrics=metrics,
        counts={"images": learner.batch_size},
        reconstructs=True,
        drawn_with=lambda state: state.network.ema,
        diagnose=partial(_diagnose, model),
        latent=prod(model.latent),
        decode=partial(_decode, model),
        encode=partial(_encode, model),
    )


def encoded(network: nn.Module, params: Params, images: Samples) -> Gaussian:
    """Return the distribution of the latents of images (N, H, W, C) in [-1, 1]."""
    return cast(Gaussian, network.apply(params, images, method="encode"))


def adaptive_weight(of_error: Array, of_adversary: Array) -> Array:
    """Return `|a| / (|b| + 1e-4)` of two gradients by the last layer, from 0 to 1e4; no gradient goes through it.

    Source: Esser, Rombach, Ommer (2021), Taming transformers for high-resolution image synthesis, equation 7.

    >>> round(float(adaptive_weight(jnp.array([3.0, 4.0]), jnp.array([0.0, 0.5]))), 2)
    10.0
    """
    ratio = jnp.linalg.norm(of_error.ravel()) / (jnp.linalg.norm(of_adversary.ravel()) + _LEAST)
    return jax.lax.stop_gradient(jnp.clip(ratio, 0.0, _LARGEST))


def psnr(images: Samples, others: Samples) -> PerSample:
    """Return `10 log10(4 / mean squared difference)` of images (N, H, W, C) in [-1, 1], in dB, at most 100.

    >>> psnr(jnp.zeros((1, 2, 2, 1)), jnp.full((1, 2, 2, 1), 0.2)).round(3).tolist()
    [20.0]
    """
    error = ((images - others) ** 2).mean(axis=(1, 2, 3))
    return 10 * jnp.log10(4 / jnp.maximum(error, 4e-10))


def _init(model: Model, key: Key, spec: Spec) -> State:
    network_key, critic_key = jax.random.split(key)
    image = jnp.zeros((1, *model.shape), jnp.float32)
    network = model.learner.begin(model.network.init(network_key, image))
    game = model.game
    if game is None:
        return State(network)
    params = game.constraint.project(game.critic.init(critic_key, image))
    constraint = game.constraint.init(jax.random.fold_in(critic_key, 1), params)
    optimizer = game.critic_optimizer.init(params)
    return State(network, CriticState(params, optimizer, constraint, score_means=jnp.zeros(2, jnp.float32)))


def _update(model: Model, state: State, key: Key, batch: Batch) -> tuple[State, dict[str, Array]]:
    """Take a step of the autoencoder, and one of the critic on what it was given and what it made."""
    noise_key, points_key, slope_key = jax.random.split(key, 3)
    learner, sharding = model.learner, model.learner.sharding
    x = sharding.shard(jnp.asarray(batch["sample"]))
    # Drawn for the whole batch and then sharded: the same on any number of devices.
    eps = sharding.shard(jax.random.normal(noise_key, (learner.batch_size, *model.latent), jnp.float32))

    def reconstruct(params: Params) -> tuple[Samples, PerSample]:
        latents = encoded(model.network, params, x)
        drawn = latents.mean + jnp.exp(latents.log_variance / 2) * eps
        return _decoded(model, params, drawn), latents.kl()

    # Each term's gradient by the images, and from there on one way back to the parameters.
    (images, kl), pull = jax.vjp(reconstruct, state.network.params)
    error, by_images = jax.value_and_grad(lambda images: _errors(model, x, images).mean())(images)
    metrics = {"reconstruction": error, "kl": kl.mean(), "psnr": psnr(x, images).mean()}
    value = error + model.kl_weight * metrics["kl"]
    if model.game is not None:
        told, by_critic = _adversary(model, model.game, state, x, images)
        lasts = (sharding.mean(_last_layer(pull((by, jnp.zeros_like(kl)))[0])) for by in (by_images, by_critic))
        adaptive = adaptive_weight(*lasts)
        begun = state.network.step * learner.batch_size >= model.adversarial_after
        weight = jnp.where(begun, model.adversarial_weight * adaptive, 0.0)
        by_images = by_images + weight * by_critic
        value += weight * told
        metrics |= {"generator_loss": told, "adaptive_weight": adaptive}
    (gradient,) = pull((by_images, jnp.full_like(kl, model.kl_weight / len(kl))))
    gradient, metrics = sharding.mean((gradient, metrics | {"loss": value}))
    network = learner.move(state.network, gradient, metrics["loss"])
    metrics["param_grad_norm"] = optax.tree.norm(gradient)
    if model.game is None or not isinstance(state.critic, CriticState):
        return State(network), metrics

    inputs = CriticInputs(
        steps_done=state.network.step,
        points_key=points_key,
        slope_key=slope_key,
        real=x,
        fake=jax.lax.stop_gradient(images),
        labels=(None, None),
        draws=(None, None),
    )
    critic, of_critic = critic_step(model.game, state.critic, inputs)
    return State(network, critic), metrics | of_critic


def _adversary(model: Model, game: Game, state: State, x: Samples, images: Samples) -> tuple[Array, Samples]:
    """The generator's loss of the game, and its gradient by the images."""
    assert isinstance(state.critic, CriticState)
    score, _ = bind_critic(game, state.critic.params, state.critic)
    return jax.value_and_grad(lambda images: game.loss.generator(real=score(x), fake=score(images)).mean())(images)


def _errors(model: Model, x: Samples, images: Samples) -> PerSample:
    error = jnp.abs(x - images).sum(axis=(1, 2, 3))
    if model.perceive is None:
        return error
    of_x, of_images = (_unit(model.perceive(each)) for each in (x, images))
    return error + model.perceptual_weight * x[0].size * ((of_x - of_images) ** 2).sum(axis=1)


def _unit(vectors: Array) -> Array:
    return vectors * jax.lax.rsqrt((vectors**2).sum(axis=1, keepdims=True) + 1e-10)


def _last_layer(gradient: Params) -> Array:
    return cast(Any, gradient)["params"]["decoder"]["conv_out"]["kernel"]


def _decoded(model: Model, params: Params, latents: Array) -> Samples:
    return cast(Array, model.network.apply(params, latents, method="decode"))


def _reconstructed(model: Model, state: State, images: Samples) -> tuple[Samples, Gaussian]:
    latents = encoded(model.network, state.network.ema, images)
    return _decoded(model, state.network.ema, latents.mean), latents


def _sample(model: Model, state: State, key: Key, n: int, condition: Batch | None = None) -> Samples:
    """Reconstruct `condition["sample"]` (n, H, W, C), 8-bit or in [-1, 1]; without it, decode normal latents."""
    if condition is None or "sample" not in condition:
        noise = jax.random.normal(key, (n, *model.latent), jnp.float32)
        return _decoded(model, state.network.ema, noise)
    return _reconstructed(model, state, preprocess(jnp.asarray(condition["sample"])))[0]


def _diagnose(model: Model, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    x = jnp.asarray(batch["sample"])
    images, latents = _reconstructed(model, state, x)
    return {
        "psnr": psnr(x, jnp.clip(images, -1, 1)),
        "reconstruction": _errors(model, x, images),
        "kl": latents.kl(),
    }


def _encode(model: Model, state: State, key: Key, batch: Batch) -> Latents:
    """The means of the latents, flat."""
    latents = encoded(model.network, state.network.ema, jnp.asarray(batch["sample"]))
    return latents.mean.reshape(len(latents.mean), -1)


def _decode(model: Model, state: State, latents: Latents, condition: Batch | None = None) -> Samples:
    return _decoded(model, state.network.ema, latents.reshape(-1, *model.latent))
