"""How far a generator's images move with its style: the lengths that path-length regularization keeps alike."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.numerics import at_least_float32, safe_sqrt
from gan_jax.types import Array, Float, PerSample

__all__ = ["path_lengths"]


def path_lengths(
    synthesis: Callable[[Array], Array], styles: Float[Array, "n l w"], directions: Float[Array, "n h w2 c"]
) -> PerSample:
    """Length of the gradient by the styles of an image's product with random numbers y.

    `sqrt(mean over layers l of ||J_l^T y||^2 / (H W))`

    J is the derivative of a sample's image by the styles of its L layers. Over standard normal y the mean square is the
    squared Frobenius norm of J, per pixel and layer.

    Args:
      synthesis: styles (N, L, w) to images (N, H, W, C), sample by sample.
      styles: where.
      directions: standard normal y, of the images' shape.

    Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN, section 3.2, and the authors'
    code, which takes the mean over layers and divides by the root of the pixels, not of all numbers.

    >>> styles, y = jnp.ones((1, 1, 2)), jnp.ones((1, 1, 1, 1))
    >>> path_lengths(lambda w: (w @ jnp.array([3.0, 4.0])).reshape(1, 1, 1, 1), styles, y).tolist()
    [5.0]
    """
    pixels = directions.shape[1] * directions.shape[2]

    def product(styles: Array) -> Array:
        return jnp.sum(at_least_float32(synthesis(styles)) * directions) / pixels**0.5

    slope = at_least_float32(jax.grad(product)(styles))
    return safe_sqrt((slope**2).sum(axis=2).mean(axis=1))
