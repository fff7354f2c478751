"""A small classifier of handwritten digits, whose last but one layer is made to tell images apart."""

import flax.linen as nn

from gan_jax.networks.conv import Conv, Method
from gan_jax.types import Array, Float

__all__ = ["SIDE", "DigitClassifier"]

SIDE = 28
"""The height and width of the images."""

# Features, kernel and stride of the convolutions: 28 pixels a side become 14, 14, 7, 4.
_LAYERS = ((16, 5, 2), (32, 3, 1), (64, 3, 2), (64, 3, 2))


class DigitClassifier(nn.Module):
    """Images (N, 28, 28, 1), float32 in [0, 1], to a pair: vectors (N, 64) and logits (N, 10), float32.

    Four convolutions, each with a GELU, and a dense layer make the vectors; a GELU and a dense layer of them make the
    logits. No layer mixes samples. The vectors are taken before the activation, which would fold half of each axis to
    near zero: so they are dense, unbounded, and close to Gaussian within a digit. The method is that of `conv`.

    >>> import jax
    >>> images = jax.ShapeDtypeStruct((2, 28, 28, 1), "float32")
    >>> (vectors, logits), _ = jax.eval_shape(DigitClassifier().init_with_output, jax.random.key(0), images)
    >>> vectors.shape, logits.shape
    ((2, 64), (2, 10))
    """

    method: Method | None = None

    @nn.compact
    def __call__(self, images: Float[Array, "n 28 28 1"]) -> tuple[Float[Array, "n 64"], Float[Array, "n 10"]]:
        """Take the features of each image."""
        x = 2 * images - 1
        for features, kernel, stride in _LAYERS:
            x = nn.gelu(Conv(features, kernel_size=kernel, stride=stride, method=self.method)(x))
        vectors = nn.Dense(64, name="vectors")(x.reshape(x.shape[0], -1))
        return vectors, nn.Dense(10, name="logits")(nn.gelu(vectors))
