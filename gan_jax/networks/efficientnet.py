"""EfficientNet-Lite0: EfficientNet-B0 for small devices, without squeeze-and-excitation and with relu6 for swish.

For inference: batch normalization is no layer here; as it stands still, it is part of the kernels and biases.

Source: Tan, Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks; for the block, Sandler
et al. (2018), MobileNetV2: inverted residuals and linear bottlenecks.
"""

from typing import NamedTuple

import flax.linen as nn

from gan_jax.networks.conv import Conv
from gan_jax.networks.depthwise import DepthwiseConv
from gan_jax.types import Array, Float

__all__ = ["BLOCKS", "LAYERS", "SIDE", "EfficientNetLite0"]

SIDE = 224
"""The height and width of the images that the network was trained on."""


class _Stage(NamedTuple):
    """Blocks one after the other, of which the first alone has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    features: int


_STAGES = (
    _Stage(blocks=1, kernel=3, stride=1, expansion=1, features=16),
    _Stage(blocks=2, kernel=3, stride=2, expansion=6, features=24),
    _Stage(blocks=2, kernel=5, stride=2, expansion=6, features=40),
    _Stage(blocks=3, kernel=3, stride=2, expansion=6, features=80),
    _Stage(blocks=3, kernel=5, stride=1, expansion=6, features=112),
    _Stage(blocks=4, kernel=5, stride=2, expansion=6, features=192),
    _Stage(blocks=1, kernel=3, stride=1, expansion=6, features=320),
)
BLOCKS = tuple(f"block_{i}" for i in range(sum(stage.blocks for stage in _STAGES)))
"""The names of the blocks, as submodules and in the parameters, from the image on."""

_FEATURES = [stage.features for stage in _STAGES for _ in range(stage.blocks)]
LAYERS = {"stem": 32, **dict(zip(BLOCKS, _FEATURES, strict=True)), "head": 1280}
"""How many channels each convolutional submodule gives, by its name: what is linear in its last kernel."""


class _Block(nn.Module):
    """Expand the features, convolve each by itself, project them to fewer; add the input where the shapes are one."""

    kernel: int
    stride: int
    expansion: int
    features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = x
        if self.expansion > 1:
            y = nn.relu6(nn.Dense(self.expansion * x.shape[-1], name="expand")(y))
        y = nn.relu6(DepthwiseConv(self.kernel, self.stride, name="depthwise")(y))
        y = nn.Dense(self.features, name="project")(y)
        return x + y if x.shape == y.shape else y


class EfficientNetLite0(nn.Module):
    """Images (N, H, W, 3), float32 and normalized as (level - 127) / 128, to a pair: vectors and logits.

    The vectors (N, 1280) are the average over the image before the last layer, the logits (N, 1000) are those of
    ImageNet's classes. Images are best 224x224, and of any size. Submodules are `stem`, `BLOCKS`, `head` and
    `classifier`; convolutions of 1x1 pixels are dense layers, which every platform differentiates fast.

    >>> import jax
    >>> images = jax.ShapeDtypeStruct((2, 160, 96, 3), "float32")
    >>> (vectors, logits), _ = jax.eval_shape(EfficientNetLite0().init_with_output, jax.random.key(0), images)
    >>> vectors.shape, logits.shape
    ((2, 1280), (2, 1000))
    """

    @nn.compact
    def __call__(self, images: Float[Array, "n h w 3"]) -> tuple[Float[Array, "n 1280"], Float[Array, "n 1000"]]:
        """Take the features of each image."""
        x = nn.relu6(Conv(32, kernel_size=3, stride=2, name="stem")(images))
        names = iter(BLOCKS)
        for blocks, kernel, stride, expansion, features in _STAGES:
            for i in range(blocks):
                x = _Block(kernel, stride if i == 0 else 1, expansion, features, name=next(names))(x)
        x = nn.relu6(nn.Dense(1280, name="head")(x))
        vectors = x.mean(axis=(1, 2))
        return vectors, nn.Dense(1000, name="classifier")(vectors)
