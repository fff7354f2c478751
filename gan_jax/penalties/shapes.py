"""What is asked of the critic's slopes n, numbers of at least 0: one penalty for each of them, in float32 or wider.

Every function is `(slope) -> (N,)`, or `(slope, bound) -> (N,)` where there is a Lipschitz bound C to keep to.
"""

from typing import Protocol

import jax
import jax.numpy as jnp

from gan_jax.types import Scores


class Shape(Protocol):
    """Says what is asked of slopes, given the Lipschitz bound if it has one."""

    def __call__(self, slope: Scores, bound: float = 1.0) -> Scores:
        """Return one penalty per slope."""


def two_sided(slope: Scores, bound: float = 1.0) -> Scores:
    """Pulls each slope to the bound from both sides: `(n - C)^2`.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs.

    >>> two_sided(jnp.array([0.0, 3.0])).tolist()
    [1.0, 4.0]
    """
    return (slope - bound) ** 2


def one_sided(slope: Scores, bound: float = 1.0) -> Scores:
    """Pushes back only slopes above the bound: `max(n - C, 0)^2`.

    Source: Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs.

    >>> one_sided(jnp.array([0.0, 3.0])).tolist()
    [0.0, 4.0]
    """
    return jax.nn.relu(slope - bound) ** 2


def hinge(slope: Scores, bound: float = 1.0) -> Scores:
    """Pushes slopes above the bound back with one force, however far they are: `max(n, C)`.

    Its least value is the bound, not zero. One order below `one_sided`: where the critic gains more than the weight by
    being steeper, it is.

    >>> hinge(jnp.array([0.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    return jnp.maximum(slope, bound)


def absolute(slope: Scores, bound: float = 1.0) -> Scores:
    """Pulls each slope to the bound with one force, however far it is: `|n - C|`.

    >>> absolute(jnp.array([0.0, 3.0])).tolist()
    [1.0, 2.0]
    """
    return jnp.abs(slope - bound)


def zero_centered(slope: Scores) -> Scores:
    """Pulls each slope to zero: `n^2 / 2`.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> zero_centered(jnp.array([0.0, 3.0])).tolist()
    [0.0, 4.5]
    """
    return slope**2 / 2


def power(slope: Scores, exponent: float = 6.0) -> Scores:
    """Pulls each slope to zero, hardly at all below 1 and hard above: `n^p`; its factor k is the penalty's weight.

    Source: Wu et al. (2018), Wasserstein divergence for GANs (k = 2, p = 6).

    >>> power(jnp.array([0.5, 2.0])).tolist()
    [0.015625, 64.0]
    """
    return slope**exponent


def maximum(slope: Scores) -> Scores:
    """Pulls the largest slope of the batch to zero: `max_j n_j^2`, the same for all samples.

    The Lipschitz constant is a largest slope, and no mean; the gradient comes from one sample alone.

    Source: Zhou et al. (2019), Lipschitz generative adversarial nets.

    >>> maximum(jnp.array([0.0, 3.0])).tolist()
    [9.0, 9.0]
    """
    return jnp.broadcast_to(jnp.max(slope) ** 2, slope.shape)


SHAPES: dict[str, Shape] = {
    "two_sided": two_sided,
    "one_sided": one_sided,
    "hinge": hinge,
    "absolute": absolute,
    "zero_centered": zero_centered,
    "power": power,
    "maximum": maximum,
}
