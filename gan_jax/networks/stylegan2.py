"""StyleGAN2's networks: noise is mapped to a style, which scales the channels of every convolution.

The generator is the paper's "skip" form: a learned constant, two modulated convolutions at each size, and at each size
an image that is added to the one before, doubled. Each convolution adds noise, one image of it a sample, times a
learned number. The critic is the "residual" form, or the plain one ("orig") of the CIFAR-10 setting, and ends with a
map of how much the samples of a set differ. Learning rates are equalized: kernels are drawn from N(0, 1) and scaled
where they are applied. There is no tanh: images are clipped when they are stored.

The published settings are `PRESETS`; "cifar10" has 19,947,539 parameters in a generator that is told no labels.

Source: Karras et al. (2020), Analyzing and improving the image quality of StyleGAN; Karras et al. (2020), Training
generative adversarial networks with limited data (the settings).
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.networks.modulated import EqualizedConv, EqualizedDense, activate, modulated_conv
from gan_jax.networks.presets import Preset
from gan_jax.networks.resample import upsample
from gan_jax.networks.stages import stages
from gan_jax.networks.styles import Mapping, StyleGenerator, layer_keys, minibatch_std, noise_images, normalized
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Keys, Labels, Latents, Samples, Scores

__all__ = ["PRESETS", "Critic", "Generator"]

_CIFAR10, _FFHQ256 = {"width": 512, "max_width": 512, "depth": 3}, {"width": 64, "max_width": 512, "depth": 6}
PRESETS = {
    "cifar10": Preset(
        generator={**_CIFAR10, "mapping_depth": 2}, critic={**_CIFAR10, "residual": False, "set_size": 32}
    ),
    "ffhq256": Preset(generator=_FFHQ256, critic=_FFHQ256),
}


def _stages(module: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], list[int]]:
    return stages(shape, depth=module.depth, width=module.width, max_width=module.max_width)


class _Layer(nn.Module):
    """A modulated convolution, noise, a bias and the activation."""

    features: int
    up: bool

    @nn.compact
    def __call__(self, x: Array, style: Array, keys: Keys) -> Array:
        scale = (9 * x.shape[3]) ** -0.5
        shape = (3, 3, x.shape[3], self.features)
        kernel = scale * self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32)
        y = modulated_conv(x, kernel, EqualizedDense(x.shape[3], bias=1.0)(style), up=self.up)
        strength = self.param("noise", nn.initializers.zeros, (), jnp.float32)
        noise = noise_images(keys, *y.shape[1:3])
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return activate(y + (strength * noise).astype(y.dtype) + bias.astype(y.dtype).reshape(1, 1, 1, -1))


class _ToImage(nn.Module):
    """A modulated 1x1 convolution without demodulation, to the image's channels in float32."""

    channels: int

    @nn.compact
    def __call__(self, x: Array, style: Array) -> Array:
        scale = x.shape[3] ** -0.5
        kernel = self.param("kernel", nn.initializers.normal(1.0), (1, 1, x.shape[3], self.channels), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,), jnp.float32)
        style = scale * EqualizedDense(x.shape[3], bias=1.0)(style)
        y = jnp.einsum("nhwc,cd->nhwd", x * style.astype(x.dtype)[:, None, None], kernel[0, 0].astype(x.dtype))
        return at_least_float32(y) + bias.reshape(1, 1, 1, -1)


class Generator(StyleGenerator):
    """Noise (N, z) to images (N, H, W, C) by a style of `max_width` numbers and `depth` doublings.

    `width` features at the size of the image are doubled at each smaller one, up to `max_width`. What is added as noise
    is drawn from a key for each sample, made of the bits of its first two numbers: so a sample is a function of its
    row. With `classes` it also takes labels (N,). Raises `InputError` where a side is no multiple of `2**depth`, or a
    row has less than two numbers.

    >>> import jax
    >>> generator = Generator(shape=(28, 20, 3), width=4, max_width=8, depth=2)
    >>> jax.eval_shape(generator.init_with_output, jax.random.key(0), jnp.ones((2, 4)))[0].shape
    (2, 28, 20, 3)
    """

    @nn.compact
    def __call__(
        self, noise: Latents, label: Labels | None = None, *, styles: Float[Array, "n l w"] | None = None
    ) -> Samples:
        """Draw one image per row of noise, of its own styles or of those given for each of the layers."""
        size, features = _stages(self, self.shape)
        styles = self.of_layers(noise, label, styles)
        keys = layer_keys(noise, 2 * self.depth + 1)

        # The image of each size shares its style with the convolution after it.
        constant = self.param("constant", nn.initializers.normal(1.0), (*size, features[-1]), jnp.float32)
        x = jnp.broadcast_to(constant[None], (noise.shape[0], *constant.shape)).astype(self.dtype or jnp.float32)
        x = _Layer(features[-1], up=False)(x, styles[:, 0], keys[0])
        image = _ToImage(self.shape[2])(x, styles[:, 1])
        for i, stage in enumerate(reversed(range(self.depth))):
            x = _Layer(features[stage], up=True)(x, styles[:, 2 * i + 1], keys[2 * i + 1])
            x = _Layer(features[stage], up=False)(x, styles[:, 2 * i + 2], keys[2 * i + 2])
            image = upsample(image) + _ToImage(self.shape[2])(x, styles[:, 2 * i + 3])
        return image


class Critic(nn.Module):
    """Images (N, H, W, C) to scores (N,) by `depth` halvings; it scores a sample by its set of `set_size`.

    `width` and `max_width` are as in the generator; `residual` adds to each stage the image before it, halved. With
    `classes` it also takes labels (N,), which it maps as the generator does and projects on. Raises `InputError` where
    a side is no multiple of `2**depth`.

    >>> import jax
    >>> critic = Critic(width=4, max_width=8)
    >>> jax.eval_shape(critic.init_with_output, jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
    (2,)
    """

    width: int = 32
    max_width: int = 128
    depth: int = 2
    mapping_depth: int = 8
    residual: bool = True
    set_size: int = 4
    classes: int = 0
    dtype: DTypeLike | None = None
    mixes_samples = True  # on purpose: a batch of like samples is told by its spread

    @nn.compact
    def __call__(self, images: Samples, label: Labels | None = None) -> Scores:
        """Score each image."""
        _, features = _stages(self, images.shape[1:])
        x = activate(EqualizedConv(features[0], 1)(images.astype(self.dtype or jnp.float32)))
        for stage in range(self.depth):
            y = activate(EqualizedConv(features[stage], 3)(x))
            y = activate(EqualizedConv(features[stage + 1], 3, down=True)(y))
            if self.residual:
                skip = EqualizedConv(features[stage + 1], 1, down=True, use_bias=False)(x)
                y = (y + skip) * jnp.asarray(0.5**0.5, y.dtype)
            x = y

        # The rest in float32, since the spread of a set is a small number.
        x = minibatch_std(at_least_float32(x), self.set_size)
        x = activate(EqualizedConv(features[-1], 3)(x))
        x = activate(EqualizedDense(features[-1])(x.reshape(x.shape[0], -1)))
        if not self.classes:
            return EqualizedDense(1)(x).squeeze(-1)
        x = EqualizedDense(self.max_width)(x)
        mapped = normalized(Mapping(self.max_width, self.mapping_depth, self.classes)(None, label))
        return (x * mapped).sum(axis=1) / self.max_width**0.5
