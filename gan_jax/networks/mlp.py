"""Multilayer perceptrons: for points, for images small enough to be taken as vectors, and for sets of either."""

from collections.abc import Callable
from math import prod

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.networks.labels import Projection, beside_noise
from gan_jax.networks.time import TimeEmbedding
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Labels, Latents, Samples, Scores

__all__ = ["Critic", "Denoiser", "Generator", "SetCritic"]


class _Hidden(nn.Module):
    width: int
    depth: int
    dtype: DTypeLike | None
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for _ in range(self.depth):
            x = self.activation(nn.Dense(self.width, dtype=self.dtype, kernel_init=nn.initializers.he_normal())(x))
        return at_least_float32(x)


class Generator(nn.Module):
    """Noise (N, z) through `depth` hidden layers to samples (N, *shape): images bounded to [-1, 1] by tanh, or points.

    With `classes` it also takes labels (N,).

    >>> import jax, jax.numpy as jnp
    >>> generator = Generator(shape=(8, 8, 1), width=16)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 4)))[0].shape
    (2, 8, 8, 1)
    """

    shape: tuple[int, ...]
    width: int = 256
    depth: int = 3
    classes: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, noise: Latents, label: Labels | None = None) -> Samples:
        """Draw one sample per row of noise."""
        x = _Hidden(self.width, self.depth, self.dtype)(beside_noise(noise, label, self.classes))
        x = nn.Dense(prod(self.shape), kernel_init=nn.initializers.he_normal())(x)
        return nn.tanh(x).reshape(noise.shape[0], *self.shape) if len(self.shape) == 3 else x


class Critic(nn.Module):
    """Samples (N, ...) through `depth` hidden layers, each followed by `activation`, to scores (N,).

    With `classes` it also takes labels (N,), which it projects on.

    >>> import jax, jax.numpy as jnp
    >>> jax.eval_shape(Critic(width=16).init_with_output, jax.random.key(0), jnp.ones((2, 8, 8, 1)))[0].shape
    (2,)
    """

    width: int = 256
    depth: int = 3
    classes: int = 0
    dtype: DTypeLike | None = None
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, samples: Samples, label: Labels | None = None) -> Scores:
        """Score each sample."""
        x = _Hidden(self.width, self.depth, self.dtype, self.activation)(samples.reshape(samples.shape[0], -1))
        scores = nn.Dense(1, kernel_init=nn.initializers.he_normal())(x).squeeze(-1)
        return scores + Projection(self.classes)(x, label) if self.classes else scores


class SetCritic(nn.Module):
    """Scores each set of `set_size` consecutive samples as a whole: `D(y_1..y_M) = rho(1/M sum_i phi(y_i))`.

    Takes samples (N, ...) and returns scores (N,), each sample that of its set; the last set is smaller where N is no
    multiple. `phi` and `rho` are perceptrons of `depth` hidden layers each, so the order within a set does not matter,
    and sets can be told apart by what no sample shows alone, as that all its samples are alike.

    It mixes samples, and yet suits a gradient penalty per sample: summed over the batch, the score of a set counts M
    times, so that the gradient by y_i is `M dD/dy_i`. Norms of at most L say that D moves by at most L times the *mean*
    distance by which the samples of a set move: L-Lipschitz in the Wasserstein-1 distance of sets. With `set_size` 1
    this is the usual constraint.

    Source: Zaheer et al. (2017), Deep sets; Lin et al. (2018), PacGAN: the power of two samples in generative
    adversarial networks (sets instead of samples).

    >>> import numpy as np
    >>> critic, samples = SetCritic(width=16, set_size=2), jnp.arange(8.0).reshape(4, 2)
    >>> params = critic.init(jax.random.key(0), samples)
    >>> scores, swapped = (critic.apply(params, x) for x in (samples, samples[jnp.array([1, 0, 2, 3])]))
    >>> bool(scores[0] == scores[1] != scores[2]), bool(np.allclose(scores, swapped))
    (True, True)
    """

    width: int = 256
    depth: int = 2
    set_size: int = 8
    dtype: DTypeLike | None = None
    mixes_samples = True  # on purpose, see above

    @nn.compact
    def __call__(self, samples: Samples) -> Scores:
        """Score each sample by its set."""
        n = samples.shape[0]
        of = jnp.arange(n, dtype=jnp.int32) // self.set_size
        sets = -(-n // self.set_size)
        features = _Hidden(self.width, self.depth, self.dtype)(samples.reshape(n, -1))
        total = jax.ops.segment_sum(features, of, sets, indices_are_sorted=True)
        size = jax.ops.segment_sum(jnp.ones((n, 1), total.dtype), of, sets, indices_are_sorted=True)
        pooled = _Hidden(self.width, self.depth, self.dtype)(total / size)
        return nn.Dense(1, kernel_init=nn.initializers.he_normal())(pooled).squeeze(-1)[of]


class Denoiser(nn.Module):
    """Samples (N, ...) and times (N,) through `depth` residual blocks of two layers to samples of the same shape.

    With `classes` it also takes labels (N,), of which `classes` itself says that there is none; with `vectors`, vectors
    (N, vectors). The last layer is zero at first.

    >>> denoiser = Denoiser(width=16)
    >>> jax.eval_shape(denoiser.init_with_output, jax.random.key(0), jnp.ones((2, 3)), jnp.ones(2))[0].shape
    (2, 3)
    """

    width: int = 256
    depth: int = 3
    classes: int = 0
    vectors: int = 0
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(
        self,
        x: Samples,
        time: Float[Array, " n"],
        label: Labels | None = None,
        *,
        vector: Float[Array, "n v"] | None = None,
        train: bool = False,
    ) -> Samples:
        """Say what noise or data there is in each sample."""
        time = TimeEmbedding(self.width, self.classes, vectors=self.vectors, name="time")(time, label, vector)
        h = nn.Dense(self.width, dtype=self.dtype)(x.reshape(x.shape[0], -1))
        for _ in range(self.depth):
            y = nn.Dense(self.width, dtype=self.dtype)(nn.silu(h))
            y = y + nn.Dense(self.width, dtype=self.dtype)(nn.silu(time))
            h = h + nn.Dense(self.width, dtype=self.dtype)(nn.silu(y))
        h = nn.Dense(prod(x.shape[1:]), kernel_init=nn.initializers.zeros)(at_least_float32(nn.silu(h)))
        return h.reshape(x.shape)
