"""Where the critic is held: points chosen from N real and N generated samples, all of one shape (N, ...) and dtype.

Every function is `(key, *, real, fake) -> points`, N or 2N of them in the samples' dtype, and raises `ValueError` where
the two differ in shape or dtype or have no sample axis. Those that draw nothing leave the key unused.
"""

from typing import Protocol

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float, Key, Samples


class Points(Protocol):
    """Chooses where the critic is held, from N real and N generated samples."""

    def __call__(self, key: Key, *, real: Samples, fake: Samples) -> Samples:
        """Return the points, N or 2N."""


def interpolate(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """Random points on the segments between paired samples: `e_i real_i + (1 - e_i) fake_i`, one `e_i ~ U[0, 1)` each.

    One uniform per *sample*: a draw per pixel would leave the segment.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, section 4.

    >>> real, fake = jnp.ones((3, 2, 2)), jnp.zeros((3, 2, 2))
    >>> points = interpolate(jax.random.key(0), real=real, fake=fake)
    >>> points.shape, bool((points == points[:, :1, :1]).all())
    ((3, 2, 2), True)
    """
    real, fake = _checked(real, fake)
    return _between(jax.random.uniform(key, (len(real),), real.dtype), real, fake)


def interpolate_beta(key: Key, *, real: Samples, fake: Samples, a: float = 0.5, b: float = 0.5) -> Samples:
    """As `interpolate`, with `e_i ~ Beta(a, b)`: below 1, both crowd the points towards the ends of the segments.

    Source: Zhang et al. (2018), mixup: beyond empirical risk minimization (the weights, for classifiers).

    >>> interpolate_beta(jax.random.key(0), real=jnp.ones((3, 2)), fake=jnp.zeros((3, 2))).shape
    (3, 2)
    """
    real, fake = _checked(real, fake)
    return _between(jax.random.beta(key, a, b, (len(real),), real.dtype), real, fake)


def mix(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """Random points on segments between any two samples of the batch, real or generated, N segments of the 2N samples.

    So a segment may join two real samples as well as a real and a generated one: the critic is held inside the data
    too, where `interpolate` comes only while the generator is elsewhere.

    Source: Zhang et al. (2018), mixup: beyond empirical risk minimization (pairs of one batch, for classifiers).

    >>> mix(jax.random.key(0), real=jnp.ones((3, 2)), fake=jnp.ones((3, 2))).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    real, fake = _checked(real, fake)
    order_key, weight_key = jax.random.split(key)
    shuffled = jax.random.permutation(order_key, jnp.concatenate([real, fake]))
    return interpolate(weight_key, real=shuffled[: len(real)], fake=shuffled[len(real) :])


def around_real(key: Key, *, real: Samples, fake: Samples, spread: float = 0.5) -> Samples:
    """Points near the data: `real + spread sd u`, u ~ U[0, 1) in every coordinate, sd the batch's standard deviation.

    The deviation is one number, over samples and coordinates; the noise is not centred, as in the authors' code.

    Source: Kodali et al. (2017), On convergence and stability of GANs (DRAGAN).

    >>> points = around_real(jax.random.key(0), real=jnp.array([[-1.0], [1.0]]), fake=jnp.zeros((2, 1)))
    >>> bool(((points - jnp.array([[-1.0], [1.0]])) < 0.5).all())
    True
    """
    real, _ = _checked(real, fake)
    return real + jnp.asarray(spread, real.dtype) * real.std() * jax.random.uniform(key, real.shape, real.dtype)


def at_real(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The real samples themselves.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_real(jax.random.key(0), real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))).tolist()
    [[1.0], [1.0]]
    """
    real, _ = _checked(real, fake)
    return real


def at_fake(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The generated samples themselves.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_fake(jax.random.key(0), real=jnp.ones((2, 1)), fake=jnp.zeros((2, 1))).tolist()
    [[0.0], [0.0]]
    """
    _, fake = _checked(real, fake)
    return fake


def at_both(key: Key, *, real: Samples, fake: Samples) -> Samples:
    """The real samples and then the generated ones, 2N points.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> at_both(jax.random.key(0), real=jnp.ones((1, 1)), fake=jnp.zeros((1, 1))).tolist()
    [[1.0], [0.0]]
    """
    return jnp.concatenate(_checked(real, fake))


def _between(weights: Float[Array, " n"], real: Samples, fake: Samples) -> Samples:
    return jax.vmap(lambda weight, real, fake: weight * real + (1 - weight) * fake)(weights, real, fake)


def _checked(real: Samples, fake: Samples) -> tuple[Samples, Samples]:
    real, fake = jnp.asarray(real), jnp.asarray(fake)
    if real.ndim == 0 or real.shape != fake.shape or real.dtype != fake.dtype:
        raise ValueError(
            "real and fake must have one shape (N, ...) and one dtype, "
            f"got {real.shape} {real.dtype} and {fake.shape} {fake.dtype}"
        )
    return real, fake


POINTS: dict[str, Points] = {
    "interpolated": interpolate,
    "beta_interpolated": interpolate_beta,
    "mixed": mix,
    "around_real": around_real,
    "real": at_real,
    "fake": at_fake,
    "both": at_both,
}
