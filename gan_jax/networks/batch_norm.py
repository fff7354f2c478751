"""Batch normalization of generators: by the moments of a batch in training, by standing moments when sampling.

A layer has no state. What samples are drawn with is measured when they are: the mean moments of some batches.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Params

__all__ = ["BatchNorm", "batch_moments", "condition", "standing_moments"]

_EPSILON = 1e-4

Moments = tuple[Float[Array, " c"], Float[Array, " c"]]


def batch_moments(x: Float[Array, "n h w c"], axis_name: str | None = None) -> Moments:
    """Mean and variance of each channel over samples and pixels, float32; over all devices of a named axis, if given.

    >>> mean, variance = batch_moments(jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1))
    >>> mean.tolist(), variance.tolist()
    ([2.0], [1.0])
    """
    x = at_least_float32(x)

    def mean(values: Array) -> Array:
        own = values.mean(axis=(0, 1, 2))
        return own if axis_name is None else lax.pmean(own, axis_name)

    center = mean(x)
    return center, mean((x - center.reshape(1, 1, 1, -1)) ** 2)


def condition(
    x: Float[Array, "n h w c"],
    mean: Float[Array, " c"],
    variance: Float[Array, " c"],
    gain: Float[Array, "n_or_1 c"],
    bias: Float[Array, "n_or_1 c"],
) -> Float[Array, "n h w c"]:
    """Normalize images, and scale and move each one's channels: `(1 + gain) (x - mean) / sqrt(variance) + bias`.

    1e-4 is added to the variance. Computed in float32, returned in the images' dtype.

    Source: Dumoulin, Shlens, Kudlur (2017), A learned representation for artistic style; de Vries et al. (2017),
    Modulating early visual processing by language.

    >>> x = jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> zero = jnp.zeros((1, 1))
    >>> condition(x, jnp.array([2.0]), jnp.array([1.0]), zero, zero).ravel().round(3).tolist()
    [-1.0, 1.0]
    """
    scale = (1 + gain) * lax.rsqrt(variance + _EPSILON)[None]
    moved = at_least_float32(x) * scale[:, None, None] + (bias - scale * mean[None])[:, None, None]
    return moved.astype(x.dtype)


class BatchNorm(nn.Module):
    """Images (N, H, W, C) by `condition`, with a gain and a bias of its own, or linear in a condition (N, F).

    The moments are those of the batch, over all devices of `axis_name` if there is one, unless the variables hold
    standing ones, in the collection "moments".

    Source: Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal
    covariate shift.

    >>> x = jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1)
    >>> BatchNorm().init_with_output(jax.random.key(0), x)[0].ravel().round(3).tolist()
    [-1.0, 1.0]
    """

    axis_name: str | None = None
    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"], given: Float[Array, "n f"] | None = None) -> Float[Array, "n h w c"]:
        """Normalize a batch."""
        if self.has_variable("moments", "own"):
            mean, variance = self.get_variable("moments", "own")
        else:
            mean, variance = batch_moments(x, None if self.is_initializing() else self.axis_name)
            moments: Any = mean, variance
            self.sow("intermediates", "own", moments, reduce_fn=lambda _, new: new, init_fn=lambda: None)
        if given is None:
            gain, bias = (self.param(name, nn.initializers.zeros, x.shape[3:], jnp.float32)[None] for name in _NAMES)
        else:
            gain, bias = (
                nn.Dense(x.shape[3], use_bias=False, kernel_init=self.kernel_init, name=name)(at_least_float32(given))
                for name in _NAMES
            )
        return condition(x, mean, variance, gain, bias)


_NAMES = ("gain", "bias")


def standing_moments(module: nn.Module, params: Params, *batches: Any) -> Params:
    """Return variables with which the `BatchNorm` layers of a network have the same moments for every batch.

    They are the means of the moments of batches (B, N, ...), which go through the network one after the other. So a
    sample is a function of its own noise, and does not depend on which others are drawn beside it.

    Source: Brock, Donahue, Simonyan (2019), Large scale GAN training for high fidelity natural image synthesis, who
    call them standing statistics.

    >>> layer = BatchNorm()
    >>> batches = jnp.array([1.0, 3.0, 2.0, 6.0]).reshape(2, 2, 1, 1, 1)
    >>> standing = standing_moments(layer, layer.init(jax.random.key(0), batches[0]), batches)
    >>> [moment.tolist() for moment in standing["moments"]["own"]]
    [[3.0], [2.5]]
    """

    def moments(batch: Any) -> Any:
        return module.apply(params, *batch, mutable=["intermediates"])[1].get("intermediates", {})

    means = jax.tree.map(lambda leaf: leaf.mean(axis=0), lax.map(moments, batches))
    return {**params, "moments": means}
