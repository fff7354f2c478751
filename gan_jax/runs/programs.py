"""The compiled programs by which a run answers: one for every time that it is asked the same."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax

from gan_jax.data.images import postprocess, preprocess
from gan_jax.systems import State
from gan_jax.types import Key

__all__ = ["decoder", "encoder", "frozen", "sampler", "seed_sampler"]

_Options = tuple[tuple[str, Any], ...]


def frozen(options: Mapping[str, Any]) -> _Options:
    """Return options as these functions take them.

    >>> frozen({"steps": 3, "eta": 0.5})
    (('eta', 0.5), ('steps', 3))
    """
    return tuple(sorted(options.items()))


@lru_cache(maxsize=4)
def sampler(sample: Callable[..., Any], size: int, options: _Options) -> Callable[..., Any]:
    """Return `(state, key, condition) -> samples`, so many, as they are kept."""
    return jax.jit(lambda state, key, condition: postprocess(sample(state, key, size, condition, **dict(options))))


@lru_cache(maxsize=4)
def seed_sampler(sample: Callable[..., Any], options: _Options) -> Callable[..., Any]:
    """Return `(state, keys (N,), condition) -> samples`, one of each key, as they are kept."""

    def draw(state: State, key: Key, condition: Any) -> Any:
        return sample(state, key, 1, jax.tree.map(lambda leaf: leaf[None], condition), **dict(options))[0]

    return jax.jit(lambda *given: postprocess(jax.vmap(draw, in_axes=(None, 0, 0))(*given)))


@lru_cache(maxsize=4)
def decoder(decode: Callable[..., Any], options: _Options) -> Callable[..., Any]:
    """Return `(state, latents, condition) -> samples`, as they are kept."""
    return jax.jit(lambda state, latents, condition: postprocess(decode(state, latents, condition, **dict(options))))


@lru_cache(maxsize=4)
def encoder(encode: Callable[..., Any]) -> Callable[..., Any]:
    """Return `(state, key, batch) -> latents`, of samples as they are kept."""
    return jax.jit(lambda state, key, batch: encode(state, key, {**batch, "sample": preprocess(batch["sample"])}))
