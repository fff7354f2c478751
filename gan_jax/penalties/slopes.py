"""How steep a critic is at points: its gradient's norm there, or a difference of scores over a distance.

Every function is `(scored, key) -> (M,)`: of each of the M points of a `CriticPass` a number of at least 0, in units of
the score per unit of the data, in float32 or wider. Differences of scores need no second derivative; those over small
steps need a critic that computes in float32.

>>> from gan_jax.penalties.critic_pass import score_batch
>>> from gan_jax.penalties.points import at_fake
>>> key, real, fake = jax.random.key(0), jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
>>> scored = score_batch(lambda x: 2 * x[:, 0] - x[:, 1], at_fake, key, real=real, fake=fake)
>>> [round(float(slope(scored, key)[0]), 2) for slope in (gradient, gradient_l1, gradient_linf, gradient_dual_l10)]
[2.24, 3.0, 2.0, 2.82]
>>> [round(float(slope(scored, key)[0]), 2) for slope in (pair, root_pair)]
[0.4, 1.06]
>>> noisy(scored, key).shape, adversarial(scored, key).shape
((1,), (1,))
"""

import math
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.errors import InputError
from gan_jax.numerics import at_least_float32, safe_divide, safe_sqrt
from gan_jax.penalties import gradients
from gan_jax.penalties.critic_pass import CriticPass
from gan_jax.penalties.needs import needs
from gan_jax.types import Array, Key, PerSample, Samples, Scores

__all__ = [
    "SLOPES",
    "Slope",
    "adversarial",
    "gradient",
    "gradient_dual_l10",
    "gradient_l1",
    "gradient_linf",
    "gradient_sobolev",
    "noisy",
    "pair",
    "root_pair",
]


@runtime_checkable
class Slope(Protocol):
    """The type of `SLOPES`; `gan_jax.penalties.needs` is how one says what it needs."""

    def __call__(self, scored: CriticPass, key: Key) -> PerSample:
        """Return one slope per point, at least 0."""
        ...


def gradient(scored: CriticPass, key: Key) -> PerSample:
    """Euclidean norm of the gradient, `gradients.euclidean`.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs.
    """
    return gradients.euclidean(scored.gradient)


def gradient_l1(scored: CriticPass, key: Key) -> PerSample:
    """Sum of the gradient's coordinates, `gradients.l1`: the slope where distance is the largest coordinate.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.
    """
    return gradients.l1(scored.gradient)


def gradient_linf(scored: CriticPass, key: Key) -> PerSample:
    """Largest coordinate of the gradient, `gradients.linf`: the slope where distance is the sum of coordinates.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.
    """
    return gradients.linf(scored.gradient)


@needs("images")
def gradient_sobolev(scored: CriticPass, key: Key) -> PerSample:
    """Dual Sobolev norm of an image's gradient, `gradients.sobolev`: fine differences are small distances.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.
    """
    return gradients.sobolev(scored.gradient)


def gradient_dual_l10(scored: CriticPass, key: Key) -> PerSample:
    """Norm of the gradient with exponent 10 / 9, `gradients.lp`: the slope where distance is the L10 norm.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN (whose best choice it was for CIFAR-10).
    """
    return gradients.lp(scored.gradient, exponent=10 / 9)


def pair(scored: CriticPass, key: Key) -> PerSample:
    """Difference quotient from each point to the real sample of its pair: `|D(x) - D(real)| / ||x - real||`.

    Zero where the two coincide. At the generated samples it needs no pass but the loss's. That is the paper's formula;
    code of one of its authors has the quotient with its sign.

    Source: Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs.
    """
    return safe_divide(*_to_real(scored))


def root_pair(scored: CriticPass, key: Key) -> PerSample:
    """As `pair`, over the root of the root mean square distance: `|D(x) - D(real)| / rms(x - real)^(1/2)`.

    Its square is the quadratic potential of a pair of samples. A bound on it is a Hölder condition with exponent 1/2.
    The authors' code for images of 256 pixels and more has the mean absolute distance instead.

    Source: Su (2018), GAN-QP: a novel GAN framework without gradient vanishing and Lipschitz constraint.
    """
    change, distance = _to_real(scored)
    return safe_divide(change, safe_sqrt(distance / _root_size(scored.points)))


@needs("float32")
def noisy(scored: CriticPass, key: Key, sd: float = 0.01) -> Scores:
    """A finite difference in a random direction: `|D(x + sd e) - D(x)| / sd`, e standard normal.

    As sd goes to zero, the mean of its square goes to `||dD/dx||^2`; it needs no second derivative. A critic that
    computes in half precision, and rounds its scores by as much as they differ, makes it too large.

    Raises:
      InputError: samples or scores are in half precision.

    Source: Lin et al. (2025), Diffusion adversarial post-training for one-step video generation (approximated R1).
    """
    _refuse_half_precision(scored)
    noise = scored.noise(jax.random.normal, key, scored.points.shape[1:]).astype(scored.points.dtype)
    return _difference(scored.critic(scored.points + jnp.asarray(sd, noise.dtype) * noise), scored.scores) / sd


@needs("float32")
def adversarial(
    scored: CriticPass, key: Key, least: float = 0.0018, most: float = 0.18, probe: float = 0.18
) -> PerSample:
    """Difference quotient in the direction in which the critic changes most: `|D(x + r) - D(x)| / ||r||`.

    The direction of r comes from one step of gradient ascent: it is that of `d|D(x + q) - D(x)| / dq` at a random q of
    length `probe`, or q's where the critic is flat there. The length of r is uniform between `least` and `most`. All
    three lengths are root mean squares per coordinate, so that they do not depend on the dimension; the defaults are
    the source's 10, 0.1 and 10 for the 3,072 coordinates of CIFAR-10. As in the authors' code for images in [-1, 1],
    x + q and x + r are clipped to the range of the data, here from the smallest to the largest number in the batch, and
    r is what is left of the step; the slope is zero where nothing is. In derivatives of the slope, r is a constant.

    Raises:
      InputError: samples or scores are in half precision, which rounds small differences away.

    Source: Terjék (2020), Adversarial Lipschitz regularization.
    """
    _refuse_half_precision(scored)
    direction_key, length_key = jax.random.split(key)
    points, fixed, size = scored.points, lax.stop_gradient(scored.scores), _root_size(scored.points)
    low, high = _range(scored)

    def inside(step: Samples) -> Samples:
        return jnp.clip(points + step.astype(points.dtype), low, high)

    def change(step: Samples) -> Array:
        return _difference(scored.critic(inside(step)), fixed).sum()

    random, _ = _unit(scored.noise(jax.random.normal, direction_key, points.shape[1:]))
    uphill, is_any = _unit(jax.grad(change)(probe * size * random))
    length = size * (least + (most - least) * scored.noise(jax.random.uniform, length_key, ()))
    step = lax.stop_gradient(inside(_per_sample(length, points) * jnp.where(is_any, uphill, random)) - points)
    return safe_divide(_difference(scored.critic(points + step), scored.scores), gradients.euclidean(step))


def _to_real(scored: CriticPass) -> tuple[PerSample, PerSample]:
    """Difference of scores and distance of each point to the real sample of its pair."""
    real, real_score = scored.of_pairs((scored.real, scored.real_score))
    return _difference(scored.scores, real_score), gradients.euclidean(scored.points - real)


def _range(scored: CriticPass) -> tuple[Array, Array]:
    """The smallest and the largest number in the samples of all devices, and in the points."""
    batch = scored.real, scored.fake, scored.points
    low, high = (jnp.stack([of(x) for x in batch]) for of in (jnp.min, jnp.max))
    low, high = lax.stop_gradient(scored.sharding.all_gather((low, high)))
    return low.min(), high.max()


def _refuse_half_precision(scored: CriticPass) -> None:
    for name, array in (("samples", scored.points), ("scores", scored.scores)):
        if array.dtype.itemsize < 4:
            reason = f"{array.dtype} rounds away the small differences that this penalty takes"
            raise InputError(f"{reason}; give float32 {name}, or choose a penalty of gradients, as r1", field=name)


def _difference(one: Scores, other: Scores) -> PerSample:
    return jnp.abs(at_least_float32(one) - at_least_float32(other))


def _root_size(points: Samples) -> float:
    return math.sqrt(math.prod(points.shape[1:]))


def _per_sample(values: Array, like: Samples) -> Array:
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _unit(x: Samples) -> tuple[Samples, Array]:
    """Directions of length 1, and whether there are any."""
    length = _per_sample(gradients.euclidean(x), x)
    return safe_divide(at_least_float32(x), jnp.broadcast_to(length, x.shape)), length > 0


SLOPES: dict[str, Slope] = {
    "gradient": gradient,
    "gradient_l1": gradient_l1,
    "gradient_linf": gradient_linf,
    "gradient_dual_l10": gradient_dual_l10,
    "gradient_sobolev": gradient_sobolev,
    "pair": pair,
    "root_pair": root_pair,
    "noisy": noisy,
    "adversarial": adversarial,
}
