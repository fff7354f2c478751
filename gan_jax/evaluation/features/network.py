"""Networks that map samples to the vectors that scores compare."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.types import Array, Float, Images, Params, Samples, UInt8

__all__ = ["FeatureNetwork", "Features", "SamplesLike"]

SamplesLike = UInt8[Array | np.ndarray, "n h w c"] | Float[Array | np.ndarray, "n d"]
"""Samples as they are stored, of JAX or of NumPy: uint8 images (N, H, W, C), or points (N, D)."""


class Features(NamedTuple):
    """The features of N samples.

    Attributes:
      vectors: float32 (N, d).
      logits: of K classes, float32 (N, K); None if the network is no classifier.
    """

    vectors: Float[Array | np.ndarray, "n d"]
    logits: Float[Array | np.ndarray, "n k"] | None = None


class FeatureNetwork(NamedTuple):
    """A feature network, and what a protocol says of it.

    Attributes:
      name: in `gan_jax.evaluation.features.FEATURES`.
      weights: SHA-256 of the file that the parameters were read from; None if there are none.
      resize: how images are resized first, in words.
      chunk: how many samples are passed at a time.
      params: the parameters.
      apply: `(params, samples) -> Features`, pure; takes uint8 images (N, H, W, C), or points.
    """

    name: str
    weights: str | None
    resize: str
    chunk: int
    params: Params
    apply: Callable[[Params, Images | Samples], Features]
