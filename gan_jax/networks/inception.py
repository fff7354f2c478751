"""Inception-v3 in the form whose features the Fréchet and the Inception score are defined on.

That is TensorFlow's graph of 2015-12-05, for inference, with three departures from the paper: average pools leave the
padding out of their mean, the last block pools by the maximum, and there are 1008 classes. Batch normalization is no
layer here: as it stands still, it is part of the kernels and biases.

Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2016), Rethinking the Inception architecture for computer vision.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.networks.conv import Conv, Method
from gan_jax.types import Array, Float

__all__ = ["SIDE", "Inception"]

SIDE = 299
"""The height and width of the images that the network takes."""


class _Layer(NamedTuple):
    """A convolution, which a relu follows."""

    features: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1
    padding: str = "SAME"


class _Fork(NamedTuple):
    """Two layers on the same input, their features side by side."""

    a: _Layer
    b: _Layer


_Pool = Callable[[Array], Array]
_Branch = tuple[_Pool | _Layer | _Fork, ...]  # one after the other

_WINDOW = {"window_shape": (3, 3), "padding": "SAME"}
_average = partial(nn.avg_pool, **_WINDOW, count_include_pad=False)
_maximum = partial(nn.max_pool, **_WINDOW)
_halve = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2))

_FORK = _Fork(_Layer(384, (1, 3)), _Layer(384, (3, 1)))


def _mixed_5(pooled: int) -> Mapping[str, _Branch]:
    return {
        "branch1x1": (_Layer(64),),
        "branch5x5": (_Layer(48), _Layer(64, 5)),
        "branch3x3dbl": (_Layer(64), _Layer(96, 3), _Layer(96, 3)),
        "branch_pool": (_average, _Layer(pooled)),
    }


def _mixed_6(width: int) -> Mapping[str, _Branch]:
    row, column = _Layer(width, (1, 7)), _Layer(width, (7, 1))
    return {
        "branch1x1": (_Layer(192),),
        "branch7x7": (_Layer(width), row, _Layer(192, (7, 1))),
        "branch7x7dbl": (_Layer(width), column, row, column, _Layer(192, (1, 7))),
        "branch_pool": (_average, _Layer(192)),
    }


def _mixed_7(pool: _Pool) -> Mapping[str, _Branch]:
    return {
        "branch1x1": (_Layer(320),),
        "branch3x3": (_Layer(384), _FORK),
        "branch3x3dbl": (_Layer(448), _Layer(384, 3), _FORK),
        "branch_pool": (pool, _Layer(192)),
    }


# The names, here and in the branches, are those of the public weight file.
_STEM: Mapping[str, _Layer | _Pool] = {
    "Conv2d_1a_3x3": _Layer(32, 3, 2, "VALID"),
    "Conv2d_2a_3x3": _Layer(32, 3, 1, "VALID"),
    "Conv2d_2b_3x3": _Layer(64, 3),
    "MaxPool_1": _halve,
    "Conv2d_3b_1x1": _Layer(80),
    "Conv2d_4a_3x3": _Layer(192, 3, 1, "VALID"),
    "MaxPool_2": _halve,
}
_BLOCKS: Mapping[str, Mapping[str, _Branch]] = {
    "Mixed_5b": _mixed_5(pooled=32),
    "Mixed_5c": _mixed_5(pooled=64),
    "Mixed_5d": _mixed_5(pooled=64),
    "Mixed_6a": {
        "branch3x3": (_Layer(384, 3, 2, "VALID"),),
        "branch3x3dbl": (_Layer(64), _Layer(96, 3), _Layer(96, 3, 2, "VALID")),
        "branch_pool": (_halve,),
    },
    "Mixed_6b": _mixed_6(width=128),
    "Mixed_6c": _mixed_6(width=160),
    "Mixed_6d": _mixed_6(width=160),
    "Mixed_6e": _mixed_6(width=192),
    "Mixed_7a": {
        "branch3x3": (_Layer(192), _Layer(320, 3, 2, "VALID")),
        "branch7x7x3": (_Layer(192), _Layer(192, (1, 7)), _Layer(192, (7, 1)), _Layer(192, 3, 2, "VALID")),
        "branch_pool": (_halve,),
    },
    "Mixed_7b": _mixed_7(_average),
    "Mixed_7c": _mixed_7(_maximum),
}


def _apply(layer: _Layer | _Pool, x: Array, name: str, method: Method | None) -> Array:
    if not isinstance(layer, _Layer):
        return layer(x)
    return nn.relu(Conv(*layer, method=method, name=name)(x))


class _Block(nn.Module):
    """Branches on the same input, their features side by side."""

    branches: Mapping[str, _Branch]
    method: Method | None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return jnp.concatenate([self._branch(x, name, steps) for name, steps in self.branches.items()], axis=-1)

    def _branch(self, x: Array, name: str, steps: _Branch) -> Array:
        numbered = sum(not callable(step) for step in steps) > 1
        for number, step in enumerate(steps, start=1):
            label = f"{name}_{number}" if numbered else name
            if isinstance(step, _Fork):
                ends = zip(step._fields, step, strict=True)
                x = jnp.concatenate([_apply(end, x, label + letter, self.method) for letter, end in ends], axis=-1)
            else:
                x = _apply(step, x, label, self.method)
        return x


class Inception(nn.Module):
    """Images (N, 299, 299, 3), float32 and normalized as (level - 128) / 128, to a pair: vectors and logits.

    The vectors (N, 2048) are the average over the image before the last layer. The logits (N, 1008) are that layer's
    without its bias, which the graph that defined the Inception score left out. Each layer is one convolution, as
    `gan_jax.evaluation.features.inception.params_from` makes it from the public weights. The method is that of
    `gan_jax.networks.conv`; without derivatives to take, "lax" is as fast on a CPU, in a fraction of the memory and of
    the time to compile.

    Source: Salimans et al. (2016), Improved techniques for training GANs; Heusel et al. (2017), GANs trained by a two
    time-scale update rule converge to a local Nash equilibrium.

    >>> import jax
    >>> images = jax.ShapeDtypeStruct((2, 299, 299, 3), jnp.float32)
    >>> (vectors, logits), _ = jax.eval_shape(Inception().init_with_output, jax.random.key(0), images)
    >>> vectors.shape, logits.shape
    ((2, 2048), (2, 1008))
    """

    method: Method | None = "lax"

    @nn.compact
    def __call__(self, images: Float[Array, "n 299 299 3"]) -> tuple[Float[Array, "n 2048"], Float[Array, "n 1008"]]:
        """Take the features of each image."""
        x = images
        for name, layer in _STEM.items():
            x = _apply(layer, x, name, self.method)
        for name, branches in _BLOCKS.items():
            x = _Block(branches, self.method, name=name)(x)
        vectors = x.mean(axis=(1, 2))
        return vectors, nn.Dense(1008, use_bias=False, name="fc")(vectors)
