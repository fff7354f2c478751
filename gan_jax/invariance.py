"""Scores of a whole set of samples that do not depend on the samples' order.

`permutation_average` makes any score invariant, by M! evaluations. `sample_average` is the simplest invariant score, of
M evaluations: the mean over samples, as in a GAN's losses. The two agree on scores that are such means.

>>> samples = jnp.array([1.0, 1.0, 2.0])
>>> float(permutation_average(lambda y: jnp.mean(y**2), samples)) == float(sample_average(lambda y: y**2, samples))
True
"""

import math
from collections.abc import Callable
from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Samples

__all__ = ["permutation_average", "sample_average"]

_MOST_PERMUTED = 7


def permutation_average(score: Callable[[Samples], Float[Array, ""]], samples: Samples) -> Float[Array, ""]:
    """Mean of a score over all orders of the samples: `1/M! sum over permutations s of score(y_s1, ..., y_sM)`.

    Takes a callable `(M, ...) -> ()` and samples (M, ...), M from 1 to 7; returns a scalar, float32 or wider. It takes
    M! evaluations of the score: 5,040 for 7 samples, 10^89 for a batch of 64. `sample_average` is the simplest score
    that needs no permutations; a network between the two is `gan_jax.networks.mlp.SetCritic`.

    Raises:
      ValueError: there is no sample, or more than 7; or the score is not a scalar.

    Source: Murphy et al. (2019), Janossy pooling: learning deep permutation-invariant functions for variable-size
    inputs.

    >>> float(permutation_average(lambda y: y[0] * y[1] ** 2, jnp.array([2.0, 3.0])))
    15.0
    """
    count = jnp.shape(samples)[0] if jnp.ndim(samples) else 0
    if not 1 <= count <= _MOST_PERMUTED:
        raise ValueError(
            f"takes 1 to {_MOST_PERMUTED} samples (M, ...), got {jnp.shape(samples)}: {count} samples have "
            f"{count}! = {math.factorial(count):.3g} orders; use sample_average, or a network of sets"
        )
    samples = jnp.asarray(samples)
    _checked_scalar(jax.eval_shape(score, samples))
    orders = jnp.asarray(np.array(list(permutations(range(count)))))
    return jnp.mean(at_least_float32(jax.lax.map(lambda order: score(samples[order]), orders, batch_size=120)))


def sample_average(score: Callable[[Array], Float[Array, ""]], samples: Samples) -> Float[Array, ""]:
    """Mean of a score over the samples: `1/M sum_i score(y_i)`, as a GAN's critic has it.

    Takes a callable of one sample `(...) -> ()` and samples (M, ...); returns a scalar, float32 or wider. Equal to
    `permutation_average` of this mean. It cannot see relations between samples, as that all of them are alike.

    Raises:
      ValueError: there is no sample, or the score is not a scalar.

    Source: Zaheer et al. (2017), Deep sets, theorem 2 with the identity outside the sum.

    >>> float(sample_average(lambda y: y**2, jnp.array([1.0, 2.0])))
    2.5
    """
    if jnp.size(samples) == 0 or jnp.ndim(samples) == 0:
        raise ValueError(f"takes samples (M, ...), M at least 1, got {jnp.shape(samples)}")
    _checked_scalar(jax.eval_shape(score, samples[0]))
    return jnp.mean(at_least_float32(jax.vmap(score)(samples)))


def _checked_scalar(score: jax.ShapeDtypeStruct) -> None:
    if score.shape != ():
        raise ValueError(f"a score must be a scalar, got {score.shape}")
