"""How steep a critic is at points: its gradient's norm there, or a difference of scores over a distance.

Every function is `(scored, key) -> (M,)`, a number of at least 0 for each of the points of an `CriticPass`, in float32 or
wider. Differences need no derivative of a derivative: they cost passes forward and back, and no more memory.

>>> from gan_jax.penalties.critic_pass import score_batch
>>> from gan_jax.penalties.points import at_fake
>>> key, real, fake = jax.random.key(0), jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
>>> scored = score_batch(lambda x: 2 * x[:, 0] - x[:, 1], at_fake, key, real=real, fake=fake)
>>> [round(float(slope(scored, key)[0]), 2) for slope in (gradient, gradient_l1, gradient_linf, gradient_dual_l10)]
[2.24, 3.0, 2.0, 2.82]
>>> [round(float(slope(scored, key)[0]), 2) for slope in (pair, root_pair, adversarial)]
[0.4, 1.06, 2.24]
>>> [slope(scored, key).shape for slope in (noisy, consistent, from_average)]
[(1,), (1,), (2,)]
"""

import math
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.numerics import at_least_float32, safe_divide, safe_sqrt
from gan_jax.penalties import gradients
from gan_jax.penalties.critic_pass import CriticPass
from gan_jax.types import Array, Key, Samples, Scores


class Slope(Protocol):
    """Says how steep a critic is."""

    def __call__(self, scored: CriticPass, key: Key) -> Scores:
        """Return one slope per point, at least 0."""


def gradient(scored: CriticPass, key: Key) -> Scores:
    """Euclidean norm of the gradient, `gradients.euclidean`.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs.
    """
    return gradients.euclidean(scored.gradient)


def gradient_l1(scored: CriticPass, key: Key) -> Scores:
    """Sum of the gradient's coordinates, `gradients.l1`: the slope where distance is the largest coordinate.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.
    """
    return gradients.l1(scored.gradient)


def gradient_linf(scored: CriticPass, key: Key) -> Scores:
    """Largest coordinate of the gradient, `gradients.linf`: the slope where distance is the sum of coordinates.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.
    """
    return gradients.linf(scored.gradient)


def gradient_sobolev(scored: CriticPass, key: Key) -> Scores:
    """Dual Sobolev norm of an image's gradient, `gradients.sobolev`: fine differences are small distances.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.
    """
    return gradients.sobolev(scored.gradient)


def gradient_dual_l10(scored: CriticPass, key: Key) -> Scores:
    """Norm of the gradient with exponent 10 / 9, `gradients.lp`: the slope where distance is the L10 norm.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN (whose best choice it was for CIFAR-10).
    """
    return gradients.lp(scored.gradient, exponent=10 / 9)


def pair(scored: CriticPass, key: Key) -> Scores:
    """From each point to the real sample of its pair: `|D(x) - D(real)| / ||x - real||`, 0 where they coincide.

    At the generated samples no pass beyond the loss's is needed.

    Source: Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs.
    """
    return safe_divide(*_to_real(scored))


def root_pair(scored: CriticPass, key: Key) -> Scores:
    """As `pair`, over the root of the root mean square distance: `|D(x) - D(real)| / rms(x - real)^(1/2)`.

    Its square is the quadratic potential of a pair of samples; as a slope it asks for Hölder continuity.

    Source: Su (2018), GAN-QP: a novel GAN framework without gradient vanishing and Lipschitz constraint.
    """
    change, distance = _to_real(scored)
    return safe_divide(change, safe_sqrt(distance / _root_size(scored.points)))


def noisy(scored: CriticPass, key: Key, sd: float = 0.01) -> Scores:
    """A finite difference in a random direction: `|D(x + sd e) - D(x)| / sd`, e standard normal.

    Its square has the mean `||dD/dx||^2` as sd goes to zero, without a derivative of a derivative.

    Source: Lin et al. (2025), Diffusion adversarial post-training for one-step video generation (approximated R1).
    """
    noise = scored.draw(jax.random.normal, key, scored.points.shape[1:]).astype(scored.points.dtype)
    return _difference(scored.critic(scored.points + jnp.asarray(sd, noise.dtype) * noise), scored.scores) / sd


def consistent(scored: CriticPass, key: Key, sd: float = 0.1) -> Scores:
    """Difference of two noisy passes: `|D(x + sd e) - D(x + sd e')|`, e and e' standard normal.

    The authors' noise is dropout inside the critic; a critic here is a function, so that it is in the samples. Not
    divided by a distance: it is in units of the score.

    Source: Wei et al. (2018), Improving the improved training of Wasserstein GANs: a consistency term and its dual
    effect.
    """
    one, other = (
        scored.draw(jax.random.normal, key, scored.points.shape[1:]).astype(scored.points.dtype)
        for key in jax.random.split(key)
    )
    scale = jnp.asarray(sd, one.dtype)
    moved = jnp.stack([scored.points + scale * one, scored.points + scale * other])
    return _difference(*scored.sharding.concat_apply(scored.critic, moved))


def adversarial(scored: CriticPass, key: Key, least: float = 0.0018, most: float = 0.18, probe: float = 0.18) -> Scores:
    """From each point to where the critic changes most, as far as one step can tell: `|D(x + r) - D(x)| / ||r||`.

    The direction of r is that of `d|D(x + q) - D(x)| / dq` at a random q of length `probe`, its length uniform between
    `least` and `most`. Lengths are root mean squares per coordinate, so that they do not depend on the dimension: those
    of the source, 0.1 to 10 and 10 for the 3,072 coordinates of CIFAR-10, are the defaults. Neither derivative passes
    through r.

    Source: Terjék (2020), Adversarial Lipschitz regularization.
    """
    direction_key, length_key = jax.random.split(key)
    points, fixed, size = scored.points, lax.stop_gradient(scored.scores), _root_size(scored.points)

    def change(step: Samples) -> Array:
        return _difference(scored.critic(points + step.astype(points.dtype)), fixed).sum()

    random, _ = _unit(scored.draw(jax.random.normal, direction_key, points.shape[1:]))
    uphill, is_any = _unit(jax.grad(change)(probe * size * random))
    length = size * (least + (most - least) * scored.draw(jax.random.uniform, length_key, ()))
    step = lax.stop_gradient(_per_sample(length, points) * jnp.where(is_any, uphill, random))
    return _difference(scored.critic(points + step.astype(points.dtype)), scored.scores) / length


def from_average(scored: CriticPass, key: Key) -> Scores:
    """From each sample's score to the running mean of the other side's: `|D(real) - a_fake|`, `|D(fake) - a_real|`.

    2N of them whatever the points. It is no slope, but keeps scores within bounds when there are few data.

    Source: Tseng et al. (2021), Regularizing generative adversarial networks under limited data.
    """
    real_average, fake_average = lax.stop_gradient(at_least_float32(scored.averages))
    return jnp.concatenate([_difference(scored.real_score, fake_average), _difference(scored.fake_score, real_average)])


def _to_real(scored: CriticPass) -> tuple[Scores, Scores]:
    repeat = len(scored.points) // len(scored.real)
    real, real_score = (jnp.concatenate([array] * repeat) for array in (scored.real, scored.real_score))
    return _difference(scored.scores, real_score), gradients.euclidean(scored.points - real)


def _difference(one: Scores, other: Scores) -> Scores:
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
    "consistent": consistent,
    "adversarial": adversarial,
    "from_average": from_average,
}
