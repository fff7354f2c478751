"""Classifier-free guidance: a denoiser that is told a condition, pushed away from one that is not."""

import jax.numpy as jnp
from jax import lax

from gan_jax.diffusion.samplers import Denoiser
from gan_jax.types import Array, Samples

__all__ = ["guided"]


def guided(
    conditional: Denoiser,
    unconditional: Denoiser,
    *,
    weight: float,
    rescale: float = 0.0,
    interval: tuple[float, float] | None = None,
) -> Denoiser:
    """Return the denoiser `U + w (C - U)` of a conditional C and an unconditional U: with weight 1 it is C.

    Papers that write `(1 + w) C - w U` call this w less 1.

    Args:
      conditional, unconditional: `(x, alpha, sigma) -> E[x0 | x]`.
      weight: w.
      rescale: from 0 to 1, how far the noise that it implies is brought back to the spread that C's has, sample by
        sample: against images that are too bright (Lin et al., 2024, Common diffusion noise schedules and sample steps
        are flawed).
      interval: of sigma / alpha in which it guides, and is C elsewhere (Kynkäänniemi et al., 2024, Applying guidance in
        a limited interval improves sample and distribution quality); everywhere by default.

    Source: Ho, Salimans (2022), Classifier-free diffusion guidance.

    >>> always = lambda value: lambda x, alpha, sigma: jnp.full_like(x, value)
    >>> one = jnp.float32(1)
    >>> guided(always(3.0), always(1.0), weight=2.0)(jnp.zeros((1, 1)), one, one).tolist()
    [[5.0]]
    """

    def denoise(x: Samples, alpha: Array, sigma: Array) -> Samples:
        told, untold = conditional(x, alpha, sigma), unconditional(x, alpha, sigma)
        pushed = untold + weight * (told - untold)
        if not rescale:
            return pushed
        axes = tuple(range(1, x.ndim))
        noises = ((x - alpha * denoised) / sigma for denoised in (told, pushed))
        of_told, of_pushed = noises
        spread, pushed_spread = (noise.std(axis=axes, keepdims=True) for noise in (of_told, of_pushed))
        brought_back = of_pushed * (rescale * spread / pushed_spread + 1 - rescale)
        return (x - sigma * brought_back) / alpha

    if interval is None:
        return denoise
    low, high = interval

    def within(x: Samples, alpha: Array, sigma: Array) -> Samples:
        rho = sigma / alpha
        inside = jnp.logical_and(low <= rho, rho <= high)
        return lax.cond(inside, denoise, conditional, x, alpha, sigma)

    return within
