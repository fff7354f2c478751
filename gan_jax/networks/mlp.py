"""Multilayer perceptrons: for points, and for images small enough to be taken as vectors."""

from math import prod

import flax.linen as nn

from gan_jax.types import Array, Latents, Samples, Scores


class _Hidden(nn.Module):
    width: int
    depth: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for _ in range(self.depth):
            x = nn.relu(nn.Dense(self.width, kernel_init=nn.initializers.he_normal())(x))
        return x


class Generator(nn.Module):
    """Noise (N, z) through `depth` hidden layers to samples (N, *shape): images bounded to [-1, 1] by tanh, or points.

    >>> import jax, jax.numpy as jnp
    >>> generator = Generator(shape=(8, 8, 1), width=16)
    >>> generator.init_with_output(jax.random.key(0), jnp.ones((2, 4)))[0].shape
    (2, 8, 8, 1)
    """

    shape: tuple[int, ...]
    width: int = 256
    depth: int = 3

    @nn.compact
    def __call__(self, noise: Latents) -> Samples:
        """Draw one sample per row of noise."""
        x = _Hidden(self.width, self.depth)(noise)
        x = nn.Dense(prod(self.shape), kernel_init=nn.initializers.he_normal())(x)
        return nn.tanh(x).reshape(len(noise), *self.shape) if len(self.shape) == 3 else x


class Critic(nn.Module):
    """Samples (N, ...) through `depth` hidden layers to scores (N,).

    >>> import jax, jax.numpy as jnp
    >>> Critic(width=16).init_with_output(jax.random.key(0), jnp.ones((2, 8, 8, 1)))[0].shape
    (2,)
    """

    width: int = 256
    depth: int = 3

    @nn.compact
    def __call__(self, samples: Samples) -> Scores:
        """Score each sample."""
        x = _Hidden(self.width, self.depth)(samples.reshape(len(samples), -1))
        return nn.Dense(1, kernel_init=nn.initializers.he_normal())(x).squeeze(-1)
