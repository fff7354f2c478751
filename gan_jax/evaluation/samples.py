"""Sets of samples to score: of an array, or of whatever else can give them."""

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.data.files import check_images, check_points
from gan_jax.errors import InputError
from gan_jax.types import Array

__all__ = ["Progress", "SampleSets", "chunk_size", "no_progress", "of_array"]

_CHUNK = 500
_CHUNK_NUMBERS = _CHUNK * 32 * 32 * 3  # a network's layers take many times the memory of what it draws

Progress = Callable[[str, int], Callable[[int], None]]
"""`(what, count) -> advance`: what begins, on how many samples; `advance(done)` tells how many more are done."""


def no_progress(what: str, count: int) -> Callable[[int], None]:
    """Report nothing."""
    return lambda done: None


def chunk_size(shape: tuple[int, ...]) -> int:
    """Return how many samples of a shape pass a network at a time: 500, and fewer where they are larger than 32x32x3.

    It depends on nothing else: a chunk's noise is drawn for all of it, and a program for another number of samples
    rounds otherwise.

    >>> chunk_size((8, 8, 1)), chunk_size((32, 32, 3)), chunk_size((128, 128, 3)), chunk_size((1024, 1024, 4))
    (500, 500, 31, 1)
    """
    return max(1, min(_CHUNK, _CHUNK_NUMBERS // prod(shape)))


class SampleSets(NamedTuple):
    """Sets of samples of one kind, each of which is scored by itself.

    Attributes:
      name: what tables and messages call them.
      shape: of one sample, (H, W, C) or (D,).
      n_available: how many samples there are; None if any number can be drawn.
      take: `(seeds, n) -> iterator of (seed, samples)`, the samples uint8 images (n, H, W, C) or float32 points (n, D).
        Where any number can be drawn, each set is drawn with its seed; otherwise sets are disjoint, and there are at
        most `n_available // n` of them.
    """

    name: str
    shape: tuple[int, ...]
    n_available: int | None
    take: Callable[[tuple[int, ...], int], Iterator[tuple[int, np.ndarray]]]


def of_array(samples: Array | np.ndarray, name: str = "the samples") -> SampleSets:
    """Return disjoint sets of an array's samples, in an order that is shuffled the same way each time.

    Raises:
      InputError: the samples are no array, or neither uint8 images (N, H, W, C) nor finite points (N, D).

    >>> sets = of_array(np.zeros((70, 8, 8, 1), np.uint8))
    >>> [(seed, samples.shape) for seed, samples in sets.take((5, 6, 7), 30)]
    [(5, (30, 8, 8, 1)), (6, (30, 8, 8, 1))]
    """
    if not isinstance(samples, jax.Array | np.ndarray):
        raise InputError(
            f"{name}: must be an array of JAX or NumPy, not {type(samples).__name__}; give np.asarray of it"
        )
    samples = np.asarray(samples)
    samples = check_points(samples, name) if samples.ndim == 2 else check_images(samples, name)

    def take(seeds: tuple[int, ...], n: int) -> Iterator[tuple[int, np.ndarray]]:
        # A file may hold its samples in the order of their classes.
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(samples))
        for i, seed in enumerate(seeds[: len(samples) // n]):
            yield seed, samples[order[i * n : (i + 1) * n]]

    return SampleSets(name, samples.shape[1:], len(samples), take)
