"""Where a penalty is taken: points chosen from N real and N generated samples, all of one shape (N, ...) and dtype.

Each of `POINTS` is called as `(key, *, real, fake) -> points`, N or 2N of them in the samples' dtype, and raises
`ValueError` if real and fake differ in shape or dtype or have no sample axis. Points without randomness ignore the key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from gan_jax.penalties.needs import unwrapped
from gan_jax.types import Array, Float, Key, Samples

__all__ = [
    "POINTS",
    "Points",
    "around_real",
    "as_points",
    "at_both",
    "at_fake",
    "at_real",
    "checked_samples",
    "interpolate",
    "interpolate_beta",
    "mix",
]


@dataclass(frozen=True)
class Points:
    """A choice of points, and how they belong to the samples. A plain function `choose` is taken with the defaults.

    Attributes:
      choose: `(key, *, real, fake) -> points`, (M, ...), M a multiple of N.
      shares: the samples that the points are, if they are samples of the batch: the critic then scores these once, for
        the loss and for the penalty. None if the points need a pass of their own.
      pairs: whether point i belongs to pair i modulo N of a real and a generated sample, and so has the pair's label.

    >>> middle = Points(lambda key, *, real, fake: (real + fake) / 2)
    >>> middle(jax.random.key(0), real=jnp.ones((1, 1)), fake=jnp.zeros((1, 1))).tolist()
    [[0.5]]
    """

    choose: Callable[..., Samples]
    shares: Literal["real", "fake", "both"] | None = None
    pairs: bool = True

    def __call__(self, key: Key, *, real: Samples, fake: Samples, **settings: Any) -> Float[Array, "m ..."]:
        """Return the points; `settings` are those that the function has by itself, as the `spread` of `around_real`."""
        return self.choose(key, real=real, fake=fake, **settings)


def as_points(points: Callable[..., Samples]) -> Points:
    """Return a plain function as points, and points as they are; partial and compiled points say what these say.

    >>> as_points(at_real) is at_real, as_points(lambda key, *, real, fake: real).shares
    (True, None)
    >>> as_points(jax.jit(at_real)).shares
    'real'
    """
    if isinstance(points, Points):
        return points
    made_of = unwrapped(points)
    return Points(points, made_of.shares, made_of.pairs) if isinstance(made_of, Points) else Points(points)


def _points(shares: Literal["real", "fake", "both"] | None = None, pairs: bool = True) -> Callable[..., Points]:
    """Make points of a function, with its name, docstring and signature."""

    def decorate(choose: Callable[..., Samples]) -> Points:
        points = Points(choose, shares, pairs)
        # What `help`, `inspect.signature` and doctest read; `functools.update_wrapper` cannot write to a frozen class.
        vars(points).update(__name__=choose.__name__, __doc__=choose.__doc__, __wrapped__=choose)
        return points

    return decorate


@_points()
def interpolate(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """Random points on the segments between paired samples: `e_i real_i + (1 - e_i) fake_i`, one `e_i ~ U[0, 1)` each.

    One uniform number per *sample*: with one per pixel the points would leave the segment.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, section 4.

    >>> real, fake = jnp.ones((3, 2, 2)), jnp.zeros((3, 2, 2))
    >>> points = interpolate(jax.random.key(0), real=real, fake=fake)
    >>> points.shape, bool((points == points[:, :1, :1]).all())
    ((3, 2, 2), True)
    """
    real, fake = checked_samples(real, fake)
    return _between(jax.random.uniform(key, (len(real),), real.dtype), real, fake)


@_points()
def interpolate_beta(key: Key, *, real: Samples, fake: Samples, a: float = 0.5, b: float = 0.5) -> Samples:
    """As `interpolate`, with `e_i ~ Beta(a, b)`: where both are below 1, most points are near the segments' ends.

    Source: Zhang et al. (2018), mixup: beyond empirical risk minimization (the weights, for classifiers; their code
    draws one for a whole batch).

    >>> interpolate_beta(jax.random.key(0), real=jnp.ones((3, 2)), fake=jnp.zeros((3, 2))).shape
    (3, 2)
    """
    real, fake = checked_samples(real, fake)
    return _between(jax.random.beta(key, a, b, (len(real),), real.dtype), real, fake)


@_points(pairs=False)
def mix(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """Random points on segments between any two samples of the batch, real or generated: N segments of the 2N samples.

    A segment may join two real samples, so that there are points among the data however far away the generated samples
    are.

    Source: Zhang et al. (2018), mixup: beyond empirical risk minimization (pairs of one batch, for classifiers).

    >>> mix(jax.random.key(0), real=jnp.ones((3, 2)), fake=jnp.ones((3, 2))).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    real, fake = checked_samples(real, fake)
    order_key, weight_key = jax.random.split(key)
    shuffled = jax.random.permutation(order_key, jnp.concatenate([real, fake]))
    return interpolate(weight_key, real=shuffled[: len(real)], fake=shuffled[len(real) :])


@_points()
def around_real(key: Key, *, real: Samples, fake: Samples, spread: float = 0.5) -> Samples:
    """Points near the data: `real + e_i spread sd u`, u ~ U[0, 1) in every coordinate, one `e_i ~ U[0, 1)` a sample.

    The batch's standard deviation sd is one number, over samples and coordinates. As in the authors' code the noise is
    not centered, and points lie on the way from each sample to the one that it is moved to; the paper has centered
    noise.

    Source: Kodali et al. (2017), On convergence and stability of GANs (DRAGAN).

    >>> points = around_real(jax.random.key(0), real=jnp.array([[-1.0], [1.0]]), fake=jnp.zeros((2, 1)))
    >>> bool(((points - jnp.array([[-1.0], [1.0]])) < 0.5).all())
    True
    """
    real, _ = checked_samples(real, fake)
    noise_key, weight_key = jax.random.split(key)
    moved = jnp.asarray(spread, real.dtype) * real.std() * jax.random.uniform(noise_key, real.shape, real.dtype)
    return real + jax.vmap(jnp.multiply)(jax.random.uniform(weight_key, (len(real),), real.dtype), moved)


@_points(shares="real")
def at_real(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The real samples themselves.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_real(jax.random.key(0), real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))).tolist()
    [[1.0], [1.0]]
    """
    real, _ = checked_samples(real, fake)
    return real


@_points(shares="fake")
def at_fake(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The generated samples themselves.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_fake(jax.random.key(0), real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))).tolist()
    [[0.0], [0.0]]
    """
    _, fake = checked_samples(real, fake)
    return fake


@_points(shares="both")
def at_both(key: Key, *, real: Samples, fake: Samples) -> Float[Array, "m ..."]:
    """The real samples and then the generated ones, 2N points.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_both(jax.random.key(0), real=jnp.ones((1, 1)), fake=jnp.zeros((1, 1))).tolist()
    [[1.0], [0.0]]
    """
    return jnp.concatenate(checked_samples(real, fake))


def checked_samples(real: Samples, fake: Samples) -> tuple[Samples, Samples]:
    """Return real and generated samples as arrays.

    Raises:
      ValueError: they differ in shape or dtype, or have no sample axis.

    >>> [samples.shape for samples in checked_samples(jnp.ones((1, 1)), jnp.zeros((1, 1)))]
    [(1, 1), (1, 1)]
    """
    real, fake = jnp.asarray(real), jnp.asarray(fake)
    if real.ndim == 0 or real.shape != fake.shape or real.dtype != fake.dtype:
        raise ValueError(
            "real and fake must have one shape (N, ...) and one dtype, "
            f"got {real.shape} {real.dtype} and {fake.shape} {fake.dtype}"
        )
    return real, fake


def _between(weights: Float[Array, " n"], real: Samples, fake: Samples) -> Samples:
    return jax.vmap(lambda weight, real, fake: weight * real + (1 - weight) * fake)(weights, real, fake)


POINTS: dict[str, Points] = {
    "interpolated": interpolate,
    "beta_interpolated": interpolate_beta,
    "mixed": mix,
    "around_real": around_real,
    "real": at_real,
    "fake": at_fake,
    "both": at_both,
}
