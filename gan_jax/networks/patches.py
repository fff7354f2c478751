"""Images cut into patches, each a pixel of many channels."""

from gan_jax.types import Array, Float

__all__ = ["from_patches", "to_patches"]


def to_patches(images: Float[Array, "n h w c"], patch: int) -> Float[Array, "n h2 w2 d"]:
    """Return (N, H / P, W / P, P P C), whose sides P divides.

    >>> import jax.numpy as jnp
    >>> to_patches(jnp.arange(4.0).reshape(1, 2, 2, 1), 2).tolist()
    [[[[0.0, 1.0, 2.0, 3.0]]]]
    """
    n, h, w, c = images.shape
    x = images.reshape(n, h // patch, patch, w // patch, patch, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // patch, w // patch, patch * patch * c)


def from_patches(x: Float[Array, "n h w c"], patch: int) -> Float[Array, "n h2 w2 d"]:
    """Return the images (N, P H, P W, C / P^2) that `to_patches` cuts so.

    >>> import jax.numpy as jnp
    >>> from_patches(jnp.arange(4.0).reshape(1, 1, 1, 4), 2)[0, :, :, 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, patch, patch, c // patch**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * patch, w * patch, c // patch**2)
