"""The critic's gradient at points, and its norm over all axes but the first.

A critic is L-Lipschitz in a norm of the data where its gradient has a *dual* norm of at most L. The Euclidean norm is
its own dual; the largest coordinate is the dual of the sum of coordinates, and the other way round.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.numerics import at_least_float32, safe_norm, safe_sqrt
from gan_jax.penalties import shapes
from gan_jax.types import Array, Critic, Float, PerSample, Samples, Scores

__all__ = ["euclidean", "gradient_norm", "gradient_penalty", "l1", "linf", "lp", "score_and_gradient", "sobolev"]


def score_and_gradient(critic: Critic, points: Samples, *, cotangent: float = 1.0) -> tuple[Scores, Samples]:
    """The critic's scores of the points (N,) and its gradient at each (N, ...), from one pass.

    The backward pass starts from `cotangent` at each score, by which the gradient is then divided, so that its value
    does not depend on it. With the derivative that a loss has in its scores, as -1 / N that Wasserstein's mean has in
    the real ones, the two backward passes are one, which a compiler runs once.

    Raises:
      ValueError: the critic's scores are not (N,).

    >>> scores, gradient = score_and_gradient(lambda x: (x**2).sum(axis=1) / 2, jnp.array([[3.0, 4.0]]), cotangent=-0.5)
    >>> scores.tolist(), gradient.tolist()
    ([12.5], [[3.0, 4.0]])
    """
    scores, pull = jax.vjp(critic, points)
    if scores.shape != (len(points),):
        raise ValueError(f"a critic must give one score per sample, ({len(points)},), got {scores.shape}")
    (gradient,) = pull(jnp.full_like(scores, cotangent))
    return scores, at_least_float32(gradient) / cotangent


def euclidean(gradient: Samples) -> PerSample:
    """`||g_i||_2` of each sample, float32 or wider; where it is zero its derivative is zero, not NaN.

    >>> euclidean(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [5.0, 0.0]
    """
    return safe_norm(_rows(gradient), axis=1)


def l1(gradient: Samples) -> PerSample:
    """`sum_j |g_ij|`, the dual of the largest coordinate.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.

    >>> l1(jnp.array([[3.0, -4.0]])).tolist()
    [7.0]
    """
    return jnp.sum(jnp.abs(_rows(gradient)), axis=1)


def linf(gradient: Samples) -> PerSample:
    """`max_j |g_ij|`, the dual of the sum of coordinates.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.

    >>> linf(jnp.array([[3.0, -4.0]])).tolist()
    [4.0]
    """
    return jnp.max(jnp.abs(_rows(gradient)), axis=1)


def lp(gradient: Samples, exponent: float) -> PerSample:
    """`(sum_j |g_ij|^q)^(1/q)`, q > 1, the dual of the norm whose exponent is p = q / (q - 1).

    Source: Adler, Lunz (2018), Banach Wasserstein GAN.

    >>> [round(norm, 4) for norm in lp(jnp.array([[3.0, -4.0], [0.0, 0.0]]), exponent=2.0).tolist()]
    [5.0, 0.0]
    """
    size = jnp.abs(_rows(gradient))
    largest = jax.lax.stop_gradient(size.max(axis=1))
    flat, zero = largest == 0, size == 0  # both false of NaN
    scale = jnp.where(flat, 1, largest)  # powers of small numbers would vanish
    powers = jnp.where(zero, 0, jnp.where(zero, 1, size / scale[:, None]) ** exponent).sum(axis=1)
    return jnp.where(flat, 0, scale * jnp.where(flat, 1, powers) ** (1 / exponent))


def sobolev(gradient: Samples, order: float | Float[Array, ""] = -1.5) -> PerSample:
    """`(1/P sum_w (1 + 5 |w|^2)^-s |F g_i(w)|^2)^(1/2)`, the dual of the Sobolev norm W^(s,2) of images.

    Takes gradients (N, H, W, C) and the order s; F is the Fourier transform over the P = H W pixels, of each channel,
    and w a frequency divided by the highest of its axis. With order 0 it is the Euclidean norm. With a negative order
    high frequencies count most in the gradient's norm, and fine differences between images are small distances.

    Raises:
      ValueError: the gradients are no images.

    Source: Adler, Lunz (2018), Banach Wasserstein GAN; the 5 is their code's.

    >>> flat = jnp.ones((1, 2, 2, 1))
    >>> sobolev(flat).tolist(), sobolev(flat, order=0).tolist()
    ([2.0], [2.0])
    """
    if gradient.ndim != 4:
        raise ValueError(f"a Sobolev norm is of images (N, H, W, C), got {gradient.shape}; choose another slope")
    gradient = at_least_float32(gradient)
    h, w = gradient.shape[1:3]
    rows, columns = (jnp.fft.fftfreq(side, 1 / side) / max(side // 2, 1) for side in (h, w))
    weights = (1 + 5 * (rows[:, None] ** 2 + columns[None] ** 2)).astype(gradient.dtype) ** (-order)
    waves = jnp.fft.fft2(gradient, axes=(1, 2))
    square = (waves.real**2 + waves.imag**2) * weights.reshape(1, h, w, 1) / (h * w)
    return safe_sqrt(square.sum(axis=(1, 2, 3)))


def gradient_norm(critic: Critic, points: Samples, *, norm_of: Callable[[Samples], PerSample] = euclidean) -> PerSample:
    """Norm of the critic's gradient at each point: `||d critic(x_i) / d x_i||`.

    Takes a callable `(N, ...) -> (N,)` and points (N, ...); returns (N,), the norm over all axes but the first, float32
    or wider whatever the critic's precision. Exact for critics that score samples independently; one that mixes them
    (batch normalization) has no gradient per sample. Where the gradient is zero the norm's derivative is zero, not NaN.

    Raises:
      ValueError: the critic's scores are not (N,).

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, algorithm 1.

    >>> gradient_norm(lambda x: (x**2).sum(axis=1) / 2, jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [5.0, 0.0]
    """
    return norm_of(score_and_gradient(critic, points)[1])


def gradient_penalty(critic: Critic, points: Samples, *, bound: float = 1.0, one_sided: bool = False) -> PerSample:
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
    shape = shapes.one_sided(bound) if one_sided else shapes.two_sided(bound)
    return shape(gradient_norm(critic, points))


def _rows(gradient: Samples) -> Array:
    return at_least_float32(gradient).reshape(len(gradient), math.prod(gradient.shape[1:]))
