"""Gradient normalization: a critic divided by its own steepness at each sample."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.constraints.constraint import Bound, Constraint, Window
from gan_jax.numerics import at_least_float32, safe_divide, safe_norm
from gan_jax.types import Critic, Samples, Scores

__all__ = ["gradient_normalization", "normalize_gradient"]


def normalize_gradient(critic: Critic, bound: Bound = 1.0) -> Critic:
    """Critic `x -> bound D(x) / (||grad D(x)|| + |D(x)|)`, float32 or wider, with values in [-bound, bound].

    Takes a callable `(N, ...) -> (N,)` that scores samples one by one. Where the norm n of its gradient is locally
    constant, as for (leaky) relus and sorts, the new gradient's norm is `bound (n / (n + |D|))^2`, at most the bound;
    elsewhere the change of n comes in, and it may be more. Where score and gradient are both zero the value is zero
    and derivatives are finite. The critic so made raises `ValueError` where scores are not (N,).

    Source: Wu et al. (2021), Gradient normalization for generative adversarial networks.

    >>> critic = normalize_gradient(lambda x: (x**2).sum(axis=1) / 2)
    >>> critic(jnp.array([[3.6, 4.8], [0.0, 0.0]])).tolist()
    [0.75, 0.0]
    """

    def normalized(x: Samples) -> Scores:
        scores, pull = jax.vjp(critic, x)
        if scores.shape != (len(x),):
            raise ValueError(f"a critic must give one score per sample, ({len(x)},), got {scores.shape}")
        (gradient,) = pull(jnp.ones_like(scores))
        scores = at_least_float32(scores)
        steepness = safe_norm(gradient.reshape(len(x), -1), axis=1)
        return bound * safe_divide(scores, steepness + jnp.abs(scores))

    return normalized


def gradient_normalization(*, bound: Bound = 1.0, windows: Mapping[str, Window] | None = None) -> Constraint:
    """Apply the critic through `normalize_gradient`: its scores lie in [-bound, bound].

    A critic of (leaky) relus or sorts is `bound`-Lipschitz by this on each of its linear pieces; the value jumps where
    two of different steepness meet. A loss through it differentiates the critic twice. Parameters are not touched, nor
    are the windows read.

    Source: Wu et al. (2021), Gradient normalization for generative adversarial networks.

    >>> linear = gradient_normalization(bound=2.0).wrap(lambda x: 3 * x[:, 0])
    >>> linear(jnp.array([[1.0], [0.0]])).tolist()
    [1.0, 0.0]
    """
    return Constraint(wrap=partial(normalize_gradient, bound=bound), one_by_one=True)
