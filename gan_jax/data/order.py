"""Which samples an iteration takes: a function of the seed and the iteration alone, on the device or the host."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.types import Array, ArrayLike, Int, Key

__all__ = ["ORDERS", "Order", "in_epochs", "permute", "with_replacement"]

Order = Callable[[Key, ArrayLike], Int[Array, " n"]]
"""`(key, step) -> indices` of an iteration's samples; the key is the iteration's."""

_ROUNDS = 6


def with_replacement(key: Key, size: int, length: int) -> Order:
    """Draw so many indices below a length for each iteration, each by itself; the run's key is left unread.

    >>> with_replacement(jax.random.key(0), size=4, length=1)(jax.random.key(1), 0).tolist()
    [0, 0, 0, 0]
    """
    return lambda step_key, step: jax.random.randint(step_key, (size,), 0, length, jnp.int32)


def in_epochs(key: Key, size: int, length: int) -> Order:
    """Take every sample once before any again, in an order that is new in each epoch.

    An epoch has `length // size` iterations; the samples that are over are left out of it, others each time. Only the
    run's key is read.

    Raises:
      InputError: an iteration takes more samples than there are.

    >>> order = in_epochs(jax.random.key(0), size=3, length=6)
    >>> sorted(int(i) for step in (4, 5) for i in order(jax.random.key(1), step))
    [0, 1, 2, 3, 4, 5]
    """
    iterations = length // size
    if not iterations:
        reason = f"an iteration takes {size} samples, more than the {length} of an epoch; give a smaller batch_size"
        raise InputError(reason, field="data.sampling")

    def indices(step_key: Key, step: ArrayLike) -> Int[Array, " n"]:
        step = jnp.asarray(step, jnp.int32)
        places = (step % iterations) * size + jnp.arange(size, dtype=jnp.int32)
        return permute(jax.random.fold_in(key, step // iterations), places, length)

    return indices


ORDERS: dict[str, Callable[[Key, int, int], Order]] = {"with_replacement": with_replacement, "epochs": in_epochs}


def permute(key: Key, places: Int[Array, " n"], length: int) -> Int[Array, " n"]:
    """Return what lies in some places of a random permutation of 0 ... length - 1, none of which is stored.

    A Feistel network permutes the smallest square of a power of two that holds the length; what leads out of the length
    is permuted again until it leads in.

    Source: Black, Rogaway (2002), Ciphers with arbitrary finite domains (Feistel networks, cycle walking).

    >>> sorted(permute(jax.random.key(3), jnp.arange(10), 10).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    half = max(1, ((length - 1).bit_length() + 1) // 2)
    mask = jnp.uint32(2**half - 1)
    round_keys = jax.random.bits(key, (_ROUNDS,), jnp.uint32)

    def once(values: Array) -> Array:
        left, right = values >> half, values & mask
        for i in range(_ROUNDS):
            left, right = right, left ^ (_mix(right ^ round_keys[i]) & mask)
        return (left << half) | right

    def outside(values: Array) -> Array:
        return (values >= length).any()

    def again(values: Array) -> Array:
        return jnp.where(values >= length, once(values), values)

    return jax.lax.while_loop(outside, again, once(places.astype(jnp.uint32))).astype(jnp.int32)


def _mix(values: Array) -> Array:
    """Mix the bits of numbers: the finalizer of MurmurHash3 (Appleby 2011)."""
    values = (values ^ (values >> 16)) * jnp.uint32(0x85EBCA6B)
    values = (values ^ (values >> 13)) * jnp.uint32(0xC2B2AE35)
    return values ^ (values >> 16)
