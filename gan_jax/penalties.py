"""Soft Lipschitz constraints: points (where the critic's gradient is taken) x shape (what is asked of its norm).

The two choices are independent pure functions, collected in `POINTS` and `SHAPES`. Everything gives one value per
sample; the caller takes the mean and multiplies by the weight. A norm is in units of the score per unit of the data.

>>> import jax, jax.numpy as jnp
>>> critic = lambda x: 2 * x.sum(axis=1)
>>> real, fake = jnp.ones((4, 1)), jnp.zeros((4, 1))
>>> points = interpolate(jax.random.key(0), real=real, fake=fake)
>>> gradient_penalty(critic, points).tolist()
[1.0, 1.0, 1.0, 1.0]
"""

import math
from typing import Protocol

import jax
import jax.numpy as jnp

from gan_jax.precision import at_least_float32
from gan_jax.types import Critic, Float, Key, Samples, Scores


class Points(Protocol):
    """Chooses where the gradient is taken, from N real and N generated samples."""

    def __call__(self, key: Key, *, real: Samples, fake: Samples) -> Samples:
        """Return the points, N or 2N."""


class Shape(Protocol):
    """Says what is asked of the gradient norms, given the Lipschitz bound."""

    def __call__(self, norm: Scores, bound: float) -> Scores:
        """Return one penalty per sample."""


def interpolate(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """Random points on the segments between paired samples: `e_i real_i + (1 - e_i) fake_i`, one `e_i ~ U[0, 1)` each.

    Takes two float arrays of one shape (N, ...) and returns that shape and dtype. One uniform per *sample*: a draw per
    pixel would leave the segment.

    Raises:
      ValueError: the shapes or dtypes differ, or there is no sample axis.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, section 4.

    >>> real, fake = jnp.ones((3, 2, 2)), jnp.zeros((3, 2, 2))
    >>> points = interpolate(jax.random.key(0), real=real, fake=fake)
    >>> points.shape, bool((points == points[:, :1, :1]).all())
    ((3, 2, 2), True)
    """
    real, fake = _checked(real, fake)
    weights = jax.random.uniform(key, (len(real),), real.dtype)
    return jax.vmap(_between)(weights, real, fake)


def _between(weight: Float[jax.Array, ""], real: jax.Array, fake: jax.Array) -> jax.Array:
    return weight * real + (1 - weight) * fake


def at_real(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The real samples themselves; the key is not used.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_real(jax.random.key(0), real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))).tolist()
    [[1.0], [1.0]]
    """
    real, _ = _checked(real, fake)
    return real


def at_fake(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The generated samples themselves; the key is not used.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_fake(jax.random.key(0), real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))).tolist()
    [[0.0], [0.0]]
    """
    _, fake = _checked(real, fake)
    return fake


def at_both(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The real samples and then the generated ones, 2N points; the key is not used.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_both(jax.random.key(0), real=jnp.ones((1, 1)), fake=jnp.zeros((1, 1))).tolist()
    [[1.0], [0.0]]
    """
    return jnp.concatenate(_checked(real, fake))


def _checked(real: Samples, fake: Samples) -> tuple[Samples, Samples]:
    real, fake = jnp.asarray(real), jnp.asarray(fake)
    if real.ndim == 0 or real.shape != fake.shape or real.dtype != fake.dtype:
        raise ValueError(
            "real and fake must have one shape (N, ...) and one dtype, "
            f"got {real.shape} {real.dtype} and {fake.shape} {fake.dtype}"
        )
    return real, fake


def two_sided(norm: Scores, bound: float = 1.0) -> Scores:
    """Pulls each norm to the bound from both sides: `(norm - bound)^2`.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs.

    >>> two_sided(jnp.array([0.0, 3.0])).tolist()
    [1.0, 4.0]
    """
    return (norm - bound) ** 2


def one_sided(norm: Scores, bound: float = 1.0) -> Scores:
    """Pushes back only norms above the bound: `max(norm - bound, 0)^2`.

    Source: Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs.

    >>> one_sided(jnp.array([0.0, 3.0])).tolist()
    [0.0, 4.0]
    """
    return jax.nn.relu(norm - bound) ** 2


def hinge(norm: Scores, bound: float = 1.0) -> Scores:
    """Pushes norms above the bound back with one force, however far they are: `max(norm, bound)`.

    Its least value is the bound, not zero. One order below `one_sided`: where the critic gains more than the weight by
    being steeper, it is.

    >>> hinge(jnp.array([0.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    return jnp.maximum(norm, bound)


def gradient_norm(critic: Critic, points: Samples) -> Scores:
    """Euclidean norm of the critic's gradient at each point: `||d critic(x_i) / d x_i||_2`.

    Takes a callable `(N, ...) -> (N,)` and points (N, ...); returns (N,), the norm over all axes but the first, float32
    or wider whatever the critic's precision. Exact for critics that score samples independently; one that mixes them
    (batch normalisation) has no gradient per sample. Where the gradient is zero the norm's derivative is zero, not NaN.

    Raises:
      ValueError: the critic's scores are not (N,).

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, algorithm 1.

    >>> gradient_norm(lambda x: (x**2).sum(axis=1) / 2, jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [5.0, 0.0]
    """

    return score_and_gradient_norm(critic, points)[1]


def score_and_gradient_norm(critic: Critic, points: Samples, *, slope: float = 1.0) -> tuple[Scores, Scores]:
    """The critic's scores of the points (N,), and `gradient_norm` there, from one pass.

    The gradient is taken of `slope * sum(critic(points))` and its norm divided by the slope again, which changes
    nothing. But where a loss has that derivative in its scores, as the mean of Wasserstein's has -1 / N at the real
    samples, a compiler sees one backward pass in both, and runs it once.

    Raises:
      ValueError: the critic's scores are not (N,).

    >>> scores, norm = score_and_gradient_norm(lambda x: (x**2).sum(axis=1) / 2, jnp.array([[3.0, 4.0]]), slope=-0.5)
    >>> scores.tolist(), norm.tolist()
    ([12.5], [5.0])
    """
    scores, pull = jax.vjp(critic, points)
    if scores.shape != (len(points),):
        raise ValueError(f"a critic must give one score per sample, ({len(points)},), got {scores.shape}")
    (gradient,) = pull(jnp.full_like(scores, slope))
    gradient = at_least_float32(gradient).reshape(len(points), math.prod(points.shape[1:]))
    square = jnp.sum(gradient**2, axis=1)
    # sqrt has no derivative at zero: give it a one there, and take the zero from the outer branch.
    positive = square > 0
    return scores, jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0) / abs(slope)


def gradient_penalty(critic: Critic, points: Samples, *, bound: float = 1.0, one_sided: bool = False) -> Scores:
    """How far the critic is from the Lipschitz bound C at each point: `(norm - C)^2`, or `max(norm - C, 0)^2`.

    Takes a callable `(N, ...) -> (N,)`, points (N, ...) and the bound, a norm; returns (N,) in float32 or wider.

    Raises:
      ValueError: the critic's scores are not (N,).

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs (two-sided); Petzka, Fischer, Lukovnikov
    (2018), On the regularization of Wasserstein GANs (one-sided).

    >>> critic, points = (lambda x: (x**2).sum(axis=1) / 2), jnp.array([[3.0, 4.0], [0.0, 0.5]])
    >>> gradient_penalty(critic, points).tolist()
    [16.0, 0.25]
    >>> gradient_penalty(critic, points, bound=2.0, one_sided=True).tolist()
    [9.0, 0.0]
    """
    shape = SHAPES["one_sided" if one_sided else "two_sided"]
    return shape(gradient_norm(critic, points), bound)


POINTS: dict[str, Points] = {"interpolated": interpolate, "real": at_real, "fake": at_fake, "both": at_both}
SHAPES: dict[str, Shape] = {"two_sided": two_sided, "one_sided": one_sided, "hinge": hinge}
