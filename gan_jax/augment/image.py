"""What augmentations of one image share."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from gan_jax.types import Array, ArrayLike, Float, Key

__all__ = ["Augmentation", "Image", "moved", "sometimes", "uniform", "with_box"]

Image = Float[Array, "h w c"]


@runtime_checkable
class Augmentation(Protocol):
    """The type of an augmentation."""

    def __call__(self, key: Key, image: Image, strength: ArrayLike) -> Image:
        """Return the image, changed with a probability that is the strength."""
        ...


def uniform(key: Key, low: float = 0.0, high: float = 1.0) -> Float[Array, ""]:
    """Draw one number, float32, at least `low` and below `high`."""
    return jax.random.uniform(key, (), jnp.float32, low, high)


def sometimes(key: Key, strength: ArrayLike, changed: Array, otherwise: Array) -> Array:
    """Choose the changed value with a probability, otherwise the other one, bit for bit.

    >>> float(sometimes(jax.random.key(0), 0.0, jnp.array(1.0), jnp.array(2.0)))
    2.0
    """
    return jnp.where(uniform(key) < strength, changed, otherwise)


def moved(image: Image, rows: Array, columns: Array, *, reflect: bool) -> Image:
    """Move an image by whole pixels, down and to the right where positive: zeros come in, or the reflected image.

    Products with matrices of zeros and ones: exact, and as cheap to differentiate.

    >>> moved(jnp.array([1.0, 2.0, 3.0]).reshape(1, 3, 1), jnp.int32(0), jnp.int32(1), reflect=False).ravel().tolist()
    [0.0, 1.0, 2.0]
    """

    def matrix(size: int, shift: Array) -> Array:
        source = jnp.arange(size, dtype=jnp.int32) - shift
        if reflect:
            source = jnp.abs(source)
            source = jnp.where(source > size - 1, 2 * (size - 1) - source, source)
        return jax.nn.one_hot(source, size, dtype=image.dtype)  # a row of zeros for what lies beyond

    h, w, _ = image.shape
    return jnp.einsum("ik,jl,klc->ijc", matrix(h, rows), matrix(w, columns), image, precision="highest")


def with_box(image: Image, center: tuple[Array, Array], side: tuple[float, float]) -> Image:
    """Set to zero what lies in a box, its center and sides in pixels."""
    inside = [
        jnp.abs(jnp.arange(size, dtype=jnp.float32) + 0.5 - middle) < length / 2
        for size, middle, length in zip(image.shape[:2], center, side, strict=True)
    ]
    return jnp.where((inside[0][:, None] & inside[1][None])[:, :, None], jnp.zeros((), image.dtype), image)
