"""StyleGAN's networks (2019): noise is mapped to a style, which sets the mean and the spread of every layer's channels.

The generator is a learned constant, two convolutions at each size, and a 1x1 convolution to the last image. After each
convolution come noise, one image of it a sample, times a learned number for each channel, a bias, the activation, and
adaptive instance normalization (AdaIN). Images are doubled plainly and blurred by [1, 2, 1] after a convolution, and
blurred before one and averaged in the critic, which ends with a map of how much the samples of a set differ. Learning
rates are equalized. There is no tanh: images are clipped when they are stored.

The networks do not grow: they have the last size from the start (the authors' "fixed" structure). At 1024x1024 theirs,
which grow, have 26,219,627 and 23,087,249 parameters, of which 7,608 and 10,112 belong to the eight smaller sizes' own
1x1 convolutions. As in StyleGAN2, labels are embedded and normalized by themselves, and the activation carries the gain
sqrt(2) that is the kernels' in the authors' code. The published setting is the preset "ffhq1024".

Source: Karras, Laine, Aila (2019), A style-based generator architecture for generative adversarial networks.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from gan_jax.networks.labels import one_hot
from gan_jax.networks.modulated import EqualizedConv, EqualizedDense, activate
from gan_jax.networks.presets import Preset
from gan_jax.networks.resample import blur, double, halve
from gan_jax.networks.stages import stages
from gan_jax.networks.styles import StyleGenerator, layer_keys, minibatch_std, noise_images
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Keys, Labels, Latents, Samples, Scores

__all__ = ["PRESETS", "Critic", "Generator", "adain"]

_FFHQ1024 = {"width": 16, "max_width": 512, "depth": 8}
PRESETS = {"ffhq1024": Preset(generator={**_FFHQ1024, "mapping_depth": 8}, critic={**_FFHQ1024, "set_size": 4})}

_TAPS = (1, 2, 1)


def adain(
    x: Float[Array, "n h w c"], scale: Float[Array, "n c"], shift: Float[Array, "n c"]
) -> Float[Array, "n h w c"]:
    """Give each channel of each image a mean and a spread: `(1 + scale) (x - mean) / sd + shift`, over its pixels.

    1e-8 is added to the variance. Computed in float32, returned in the images' dtype.

    Source: Huang, Belongie (2017), Arbitrary style transfer in real-time with adaptive instance normalization.

    >>> adain(jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1), jnp.ones((1, 1)), jnp.ones((1, 1))).ravel().tolist()
    [-1.0, 3.0]
    """
    wide = at_least_float32(x)
    centered = wide - wide.mean(axis=(1, 2), keepdims=True)
    normal = centered * lax.rsqrt((centered**2).mean(axis=(1, 2), keepdims=True) + 1e-8)
    return ((1 + scale)[:, None, None] * normal + shift[:, None, None]).astype(x.dtype)


class _Styled(nn.Module):
    """What follows each convolution: noise, a bias, the activation, and the style."""

    @nn.compact
    def __call__(self, x: Array, style: Array, keys: Keys) -> Array:
        features = x.shape[3]
        strength, bias = (
            self.param(name, nn.initializers.zeros, (features,), jnp.float32).reshape(1, 1, 1, -1)
            for name in ("noise", "bias")
        )
        y = activate(x + (strength * noise_images(keys, *x.shape[1:3]) + bias).astype(x.dtype))
        scale, shift = jnp.split(EqualizedDense(2 * features)(style), 2, axis=1)
        return adain(y, scale, shift)


class Generator(StyleGenerator):
    """Noise (N, z) to images (N, H, W, C) by a style of `max_width` numbers and `depth` doublings.

    Fields, labels and errors are those of `stylegan2.Generator`.

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
        size, features = stages(self.shape, depth=self.depth, width=self.width, max_width=self.max_width)
        styles = self.of_layers(noise, label, styles)
        keys = layer_keys(noise, self.layers)

        constant = self.param("constant", nn.initializers.ones, (*size, features[-1]), jnp.float32)
        x = jnp.broadcast_to(constant[None], (noise.shape[0], *constant.shape)).astype(self.dtype or jnp.float32)
        x = _Styled()(x, styles[:, 0], keys[0])
        x = _Styled()(EqualizedConv(features[-1], 3, use_bias=False)(x), styles[:, 1], keys[1])
        for stage in reversed(range(self.depth)):
            layer = 2 * (self.depth - stage)
            y = blur(EqualizedConv(features[stage], 3, use_bias=False)(double(x)), _TAPS, padding=(1, 1))
            x = _Styled()(y, styles[:, layer], keys[layer])
            y = EqualizedConv(features[stage], 3, use_bias=False)(x)
            x = _Styled()(y, styles[:, layer + 1], keys[layer + 1])
        return at_least_float32(EqualizedConv(self.shape[2], 1)(x))


class Critic(nn.Module):
    """Images (N, H, W, C) to scores (N,) by `depth` halvings; it scores a sample by its set of `set_size`.

    `width` and `max_width` are as in the generator. With `classes` it also takes labels (N,), each of which has a score
    of its own (Mescheder, Geiger, Nowozin, 2018). Raises `InputError` where a side is no multiple of `2**depth`.

    >>> import jax
    >>> critic = Critic(width=4, max_width=8)
    >>> jax.eval_shape(critic.init_with_output, jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
    (2,)
    """

    width: int = 32
    max_width: int = 128
    depth: int = 2
    set_size: int = 4
    classes: int = 0
    dtype: DTypeLike | None = None
    mixes_samples = True  # on purpose: a batch of like samples is told by its spread

    @nn.compact
    def __call__(self, images: Samples, label: Labels | None = None) -> Scores:
        """Score each image."""
        _, features = stages(images.shape[1:], depth=self.depth, width=self.width, max_width=self.max_width)
        x = activate(EqualizedConv(features[0], 1)(images.astype(self.dtype or jnp.float32)))
        for stage in range(self.depth):
            x = activate(EqualizedConv(features[stage], 3)(x))
            x = activate(halve(EqualizedConv(features[stage + 1], 3)(blur(x, _TAPS, padding=(1, 1)))))

        # The rest in float32, since the spread of a set is a small number.
        x = minibatch_std(at_least_float32(x), self.set_size)
        x = activate(EqualizedConv(features[-1], 3)(x))
        x = activate(EqualizedDense(features[-1])(x.reshape(x.shape[0], -1)))
        scores = EqualizedDense(max(1, self.classes))(x)
        return (scores * one_hot(label, self.classes)).sum(axis=1) if self.classes else scores.squeeze(-1)
