"""The critic that looks at patches: a score of each overlapping part of an image, and their mean.

The published critic has batch normalization, under which no gradient penalty is what its formula says; here each sample
is normalized by itself, in groups.

Source: Isola et al. (2017), Image-to-image translation with conditional adversarial networks.
"""

from math import gcd

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.activations import leaky_relu
from gan_jax.networks.conv import Conv
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Samples, Scores

__all__ = ["Critic"]

_GROUPS = 32


class Critic(nn.Module):
    """Images (N, H, W, C) through `depth` 4x4 convolutions of stride 2 and two of stride 1 to scores (N,).

    A patch sees 16x16 pixels at depth 1, 34x34 at 2, 70x70 at 3. The score is the mean over patches, so that there is
    one for each sample. Raises `InputError` where an image has fewer than `2**depth` pixels a side.

    >>> import jax, jax.numpy as jnp
    >>> jax.eval_shape(Critic(width=8, depth=2).init_with_output, jax.random.key(0), jnp.ones((2, 8, 8, 1)))[0].shape
    (2,)
    """

    width: int = 64
    depth: int = 3
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, images: Samples) -> Scores:
        """Score each image."""
        if images.ndim != 4 or min(images.shape[1:3]) < 2**self.depth:
            least = 2**self.depth
            raise InputError(f"depth {self.depth} needs images of {least}x{least}, got {images.shape[1:]}")

        def conv(x: Array, features: int, stride: int) -> Array:
            return Conv(features, kernel_size=4, stride=stride, dtype=self.dtype)(x)

        x = leaky_relu(conv(images, self.width, 2))
        for stage in range(1, self.depth + 1):
            features = self.width * min(2**stage, 8)
            x = conv(x, features, 2 if stage < self.depth else 1)
            groups = gcd(_GROUPS, max(1, features // 4))
            normalized = nn.GroupNorm(groups, dtype=jnp.float32)(at_least_float32(x))
            x = leaky_relu(normalized.astype(x.dtype))
        return at_least_float32(conv(x, 1, 1)).mean(axis=(1, 2, 3))
