"""Diffusion in the latents of a frozen autoencoder: encoded and scaled on the way in, decoded on the way out."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.sharding import BatchSharding
from gan_jax.systems.autoencoder.system import encoded
from gan_jax.systems.system import System
from gan_jax.types import Array, Batch, Float, Key, Latents, Params, PerSample, Samples, Spec

__all__ = ["Frozen", "State", "latent_diffusion"]


class State(NamedTuple):
    """Everything that latent diffusion carries from one iteration to the next.

    Attributes:
      diffusion: of the system of the latents.
      scale: what latents are multiplied by: 1 over the standard deviation of the first batch's.
    """

    diffusion: Any
    scale: Float[Array, ""]


class Frozen(NamedTuple):
    """An autoencoder that stays as it is.

    Attributes:
      network: a module with methods `encode` and `decode`.
      params: its parameters.
      shape: of an image's latents, (H, W, C).
    """

    network: nn.Module
    params: Params
    shape: tuple[int, ...]

    def decode(self, latents: Array) -> Samples:
        """Return the images of latents."""
        return cast(Array, self.network.apply(self.params, latents, method="decode"))


def latent_diffusion(inner: System, frozen: Frozen, batch_size: int, sharding: BatchSharding) -> System:
    """Build the system that trains another one, of latents, on images, and draws images by it.

    A training image's latents are drawn from their distribution and multiplied by 1 over the standard deviation that
    the first batch's have: noise of a schedule is meant for data of about unit variance.

    Args:
      inner: a diffusion system of the latents.
      frozen: maps images to latents and back.
      batch_size: samples of one step.
      sharding: how each batch is sharded over devices.

    Source: Rombach et al. (2022), High-resolution image synthesis with latent diffusion models.
    """
    assert inner.diagnose is not None
    return inner._replace(
        init=partial(_init, inner, frozen),
        update=partial(_update, inner, frozen, batch_size, sharding),
        sample=partial(_sample, inner, frozen),
        drawn_with=lambda state: (inner.drawn_with or (lambda state: state))(state.diffusion),
        options={name: inner.options.get(name, ()) for name in ("sample", "decode")},
        weights=lambda state: inner.weights(state.diffusion) if inner.weights else {},
        begin=partial(_begin, inner),
        diagnose=partial(_diagnose, inner, frozen),
        decode=partial(_decode, inner, frozen) if inner.decode else None,
        encode=partial(_encode, inner, frozen) if inner.encode else None,
        likelihood=None,
    )


def _init(inner: System, frozen: Frozen, key: Key, spec: Spec) -> State:
    return State(inner.init(key, latent_spec(frozen, spec)), jnp.ones((), jnp.float32))


def _begin(inner: System, key: Key, weights: Mapping[str, Params]) -> State:
    assert inner.begin is not None
    return State(inner.begin(key, weights), jnp.ones((), jnp.float32))


def latent_spec(frozen: Frozen, spec: Spec) -> dict[str, jax.ShapeDtypeStruct]:
    """Return the spec of batches of latents."""
    return {**spec, "sample": jax.ShapeDtypeStruct(frozen.shape, jnp.float32)}


def _update(
    inner: System,
    frozen: Frozen,
    batch_size: int,
    sharding: BatchSharding,
    state: State,
    key: Key,
    batch: Batch,
) -> tuple[State, dict[str, Array]]:
    encode_key, update_key = jax.random.split(key)
    # Each device encodes its shard, with noise that is drawn for the whole batch.
    eps = jax.random.normal(encode_key, (batch_size, *frozen.shape), jnp.float32)
    images, eps = sharding.shard(jnp.asarray(batch["sample"])), sharding.shard(eps)
    found = encoded(frozen.network, frozen.params, images)
    latents = sharding.all_gather(found.mean + jnp.exp(found.log_variance / 2) * eps)

    first = state.diffusion.step == 0
    scale = jnp.where(first, 1 / jnp.maximum(latents.std(), 1e-6), state.scale)
    diffusion, metrics = inner.update(state.diffusion, update_key, {**batch, "sample": scale * latents})
    return State(diffusion, scale), metrics


def _sample(
    inner: System, frozen: Frozen, state: State, key: Key, n: int, condition: Batch | None = None, **options: Any
) -> Samples:
    assert inner.sample
    return frozen.decode(inner.sample(state.diffusion, key, n, condition, **options) / state.scale)


def _decode(
    inner: System, frozen: Frozen, state: State, latents: Latents, condition: Batch | None = None, **options: Any
) -> Samples:
    """The images of what noise (N, z) becomes by the flow of the latents."""
    assert inner.decode is not None
    flowed = inner.decode(state.diffusion, latents, condition, **options)
    return frozen.decode(flowed.reshape(-1, *frozen.shape) / state.scale)


def _encode(inner: System, frozen: Frozen, state: State, key: Key, batch: Batch) -> Latents:
    assert inner.encode is not None
    latents = state.scale * encoded(frozen.network, frozen.params, jnp.asarray(batch["sample"])).mean
    return inner.encode(state.diffusion, key, {**batch, "sample": latents})


def _diagnose(inner: System, frozen: Frozen, state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
    assert inner.diagnose is not None
    latents = state.scale * encoded(frozen.network, frozen.params, jnp.asarray(batch["sample"])).mean
    return inner.diagnose(state.diffusion, key, {**batch, "sample": latents})
