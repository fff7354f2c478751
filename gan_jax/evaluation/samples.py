"""What can be scored: a run, an `.npz`, a folder of images, an array; each gives sets of samples."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data.files import check_images, check_points


class SampleSets(NamedTuple):
    """Where sets of samples come from.

    Attributes:
      name: what a table calls them.
      shape: of a sample.
      count: how many there are; None if as many as are wanted.
      take: `(seeds, n) -> pairs of a seed and n samples`, drawn with the seeds, or as many sets without a sample in
        common as there are, numbered by the seeds.
      run: where they are a run's.
    """

    name: str
    shape: tuple[int, ...]
    count: int | None
    take: Callable[[tuple[int, ...], int], Iterator[tuple[int, np.ndarray]]]
    run: Any = None


def of_array(samples: np.ndarray, name: str = "the samples") -> SampleSets:
    """Sets that share no sample, shuffled the same way each time.

    Raises:
      InputError: they are neither uint8 images (N, H, W, C) nor finite float32 points (N, D).

    >>> sets = of_array(np.zeros((70, 8, 8, 1), np.uint8))
    >>> [(seed, drawn.shape) for seed, drawn in sets.take((5, 6, 7), 30)]
    [(5, (30, 8, 8, 1)), (6, (30, 8, 8, 1))]
    """
    samples = check_points(samples, name) if samples.ndim == 2 else check_images(samples, name)

    def take(seeds: tuple[int, ...], n: int) -> Iterator[tuple[int, np.ndarray]]:
        order = np.random.Generator(np.random.PCG64(0)).permutation(len(samples))
        for part, seed in enumerate(seeds[: len(samples) // n]):
            yield seed, samples[order[part * n : (part + 1) * n]]

    return SampleSets(name, samples.shape[1:], len(samples), take)
