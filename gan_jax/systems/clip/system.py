"""CLIP as a system: what it is made of, the state that it begins with, how that moves, and what it measures."""

from functools import partial
from math import log
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.augment import augment
from gan_jax.contrastive import sigmoid_loss, softmax_loss
from gan_jax.networks.pretrained import CLIPModel
from gan_jax.numerics import safe_divide, safe_norm
from gan_jax.systems.learner import Learner, State
from gan_jax.systems.system import Metric, System
from gan_jax.types import Array, Batch, Float, Int, Key, Latents, Params, PerSample, Samples, Spec

__all__ = ["LARGEST_SCALE", "Model", "clip", "embed_images", "embed_texts"]

LARGEST_SCALE = log(100)
"""Of the logarithm of the scale, which is held below it after each step."""

_BIAS, _SIGMOID_SCALE = -10.0, log(10)

_METRICS = {
    "loss": Metric("Contrastive loss", "nats", progress=True),
    "matched": Metric("Images whose own caption is the likest of the batch", "share", progress=True),
    "scale": Metric("Scale of the logits", "", scale="log"),
    "zero_shot": Metric("Images whose class is told by its prompt", "share", history=("train", "held_out")),
    "param_grad_norm": Metric("Gradient norm of the parameters", "loss per parameter", scale="log"),
}


class Model(NamedTuple):
    """What does not change while CLIP trains.

    Attributes:
      network: both towers.
      loss: "softmax" or "sigmoid".
      learner: how the parameters move.
      shape: of an image.
      prompts: rows of tokens for each class, int32 (K, M, L), or None.
      augment: what images are seen through while the towers learn.
    """

    network: CLIPModel
    loss: str
    learner: Learner
    shape: tuple[int, ...]
    prompts: np.ndarray | None
    augment: tuple[Any, ...] = ()


def clip(model: Model) -> System:
    """Build the system that trains two towers to embed images and their captions alike.

    One update takes a batch of pairs, gathers the embeddings of all devices, and moves the towers by
    `gan_jax.contrastive.softmax_loss` or `sigmoid_loss`. Equal captions belong to each other's images.

    Source: Radford et al. (2021), Learning transferable visual models from natural language supervision.
    """
    return System(
        init=partial(_init, model),
        update=partial(_update, model),
        sample=None,
        metrics=_METRICS,
        counts={"images": model.learner.batch_size},
        drawn_with=lambda state: state.ema,
        diagnose=None if model.prompts is None else partial(_diagnose, model),
        encode=partial(_encode, model),
    )


def embed_images(network: CLIPModel, params: Params, images: Samples) -> Float[Array, "n e"]:
    """Return the unit vectors of images (N, H, W, C)."""
    return _unit(network.apply({"params": params["params"]}, images, method="get_image_features"))


def embed_texts(network: CLIPModel, params: Params, tokens: Int[Array, "n k"]) -> Float[Array, "n e"]:
    """Return the unit vectors of captions, rows of tokens (N, K)."""
    return _unit(network.apply({"params": params["params"]}, tokens, method="get_text_features"))


def _unit(x: Any) -> Array:
    x = cast(Array, x)
    return safe_divide(x, jnp.broadcast_to(safe_norm(x, axis=1)[:, None], x.shape))


def _init(model: Model, key: Key, spec: Spec) -> State:
    inputs, _ = model.network.example_inputs()
    params: dict[str, Any] = {"params": dict(model.network.init(key, *inputs)["params"])}
    if model.loss == "sigmoid":
        params["params"]["logit_scale"] = jnp.full((), _SIGMOID_SCALE, jnp.float32)
        params["bias"] = jnp.full((), _BIAS, jnp.float32)
    return model.learner.begin(params)


def _update(model: Model, state: State, key: Key, batch: Batch) -> tuple[State, dict[str, Array]]:
    """Take one step on a batch of pairs."""
    sharding = model.learner.sharding
    draws = jax.random.key_data(jax.random.split(key, model.learner.batch_size))
    x, tokens, draws = sharding.shard((jnp.asarray(batch["sample"]), jnp.asarray(batch["tokens"]), draws))
    x = augment(model.augment, jax.random.wrap_key_data(draws), x, 1.0) if model.augment else x
    all_tokens = sharding.all_gather(tokens)
    same = (all_tokens[:, None] == all_tokens[None]).all(axis=2)

    def loss(params: Params) -> tuple[Array, dict[str, Array]]:
        own = embed_images(model.network, params, x), embed_texts(model.network, params, tokens)
        # Every device has the loss of the whole batch, of which its own towers' part has a gradient.
        images, texts = sharding.all_gather(own)
        scale = jnp.exp(params["params"]["logit_scale"])
        if model.loss == "softmax":
            value = softmax_loss(images, texts, scale=scale, same=same).mean()
        else:
            value = sigmoid_loss(images, texts, scale=scale, bias=params["bias"], same=same).mean()
        best = (images @ texts.T).argmax(axis=1)
        matched = jnp.take_along_axis(same, best[:, None], axis=1).astype(jnp.float32).mean()
        return value, {"loss": value, "matched": matched, "scale": scale}

    state, metrics = model.learner.step(state, loss)
    held = state.params["params"] | {"logit_scale": jnp.clip(state.params["params"]["logit_scale"], 0, LARGEST_SCALE)}
    return state._replace(params=state.params | {"params": held}), metrics


def _encode(model: Model, state: State, key: Key, batch: Batch) -> Latents:
    """The embeddings of images, by the average parameters."""
    return embed_images(model.network, state.ema, jnp.asarray(batch["sample"]))


def _diagnose(model: Model, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    """Whether each image is liker to the mean prompt of its class than to any other."""
    assert model.prompts is not None
    images = embed_images(model.network, state.ema, jnp.asarray(batch["sample"]))
    classes, each, length = model.prompts.shape
    prompts = embed_texts(model.network, state.ema, jnp.asarray(model.prompts.reshape(-1, length)))
    prompts = _unit(prompts.reshape(classes, each, -1).mean(axis=1))
    found = (images @ prompts.T).argmax(axis=1)
    return {"zero_shot": (found == jnp.asarray(batch["label"])).astype(jnp.float32)}
