"""Diversity of the samples of each class."""

from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.scores.vectors import vectors
from gan_jax.types import Array, ArrayLike, Float, Int, Real

__all__ = ["intra_class_diversity"]


@partial(jax.jit, static_argnames="classes")
def intra_class_diversity(
    features: Real[ArrayLike, "n d"], labels: Int[ArrayLike, " n"], classes: int
) -> Float[Array, " c"]:
    """Root mean square distance of two different samples of a class: `sqrt(2 tr S_c)`, S_c the unbiased covariance.

    Takes feature vectors (N, d), labels (N,) from 0 to classes - 1, others of which are ignored, and the number of
    classes, static under jit; returns (classes,) in units of the features, NaN for a class of fewer than 2 samples.
    Memory is (N, d): pairs are not formed. A collapsed class has 0; compare others with the value of real data.

    Raises:
      ValueError: features and labels are not (N, d) and (N,), or there is no class.

    Source: our own summary of pairs of a class, as of Odena et al. (2017), Conditional image synthesis with auxiliary
    classifier GANs, section 4.2.

    >>> features, labels = jnp.array([[0.0], [2.0], [7.0], [7.0], [5.0]]), jnp.array([0, 0, 1, 1, 2])
    >>> intra_class_diversity(features, labels, classes=3).tolist()
    [2.0, 0.0, nan]
    """
    (features,) = vectors(features=features)
    if jnp.shape(labels) != features.shape[:1] or classes < 1:
        raise ValueError(f"need a label for each of {features.shape}, of 1 class or more; got {jnp.shape(labels)}")
    labels = jnp.asarray(labels)

    def sums(x: Array) -> Array:
        return jax.ops.segment_sum(x, labels, classes)

    count = sums(jnp.ones(len(labels), features.dtype))
    features = features - features[:1]  # long sums keep the digits that an offset common to all would take
    deviations = features - (sums(features) / jnp.maximum(count, 1)[:, None])[labels]
    return jnp.sqrt(2 * sums(jnp.sum(deviations**2, axis=1)) / jnp.where(count > 1, count - 1, jnp.nan))
