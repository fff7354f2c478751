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
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.labels import one_hot
from gan_jax.networks.modulated import EqualizedConv, EqualizedDense, activate, modulated_conv
from gan_jax.networks.resample import upsample
from gan_jax.networks.stages import stages
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Int, Keys, Labels, Latents, Params, Samples, Scores

__all__ = ["PRESETS", "Critic", "Generator", "Mapping", "minibatch_std", "mix"]

PRESETS: dict[str, dict[str, Any]] = {
    "cifar10": {"width": 512, "max_width": 512, "depth": 3, "mapping_depth": 2, "residual": False, "set_size": 32},
    "ffhq256": {"width": 64, "max_width": 512, "depth": 6},
}


def minibatch_std(x: Float[Array, "n h w c"], set_size: int) -> Float[Array, "n h w c_and_1"]:
    """Append a channel: how much the samples of a set differ, one number for each set.

    `mean over pixels and channels of sqrt(variance over the set + 1e-8)`, in float32; sets are of `set_size`
    consecutive samples, or of all if there are fewer.

    Raises:
      ValueError: the sets do not divide the samples.

    Source: Karras et al. (2018), Progressive growing of GANs for improved quality, stability, and variation.

    >>> minibatch_std(jnp.array([1.0, 3.0]).reshape(2, 1, 1, 1), set_size=2)[:, 0, 0, 1].tolist()
    [1.0, 1.0]
    """
    n, h, w, _ = x.shape
    size = min(set_size, n)
    if n % size:
        raise ValueError(f"{n} samples cannot be cut into sets of {size}")
    sets = at_least_float32(x).reshape(n // size, size, -1)
    spread = jnp.sqrt(sets.var(axis=1) + 1e-8).mean(axis=1)
    channel = jnp.broadcast_to(spread.repeat(size)[:, None, None, None], (n, h, w, 1))
    return jnp.concatenate([x, channel.astype(x.dtype)], axis=3)


def _stages(module: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], list[int]]:
    return stages(shape, depth=module.depth, width=module.width, max_width=module.max_width)


class Mapping(nn.Module):
    """Noise (N, z), and labels (N,) if there are `classes`, through dense layers to styles (N, `features`)."""

    features: int
    depth: int
    classes: int = 0

    @nn.compact
    def __call__(self, noise: Latents | None, label: Labels | None = None) -> Float[Array, "n w"]:
        """Map each row."""
        parts = [] if noise is None else [_normalized(noise)]
        if self.classes:
            parts.append(_normalized(EqualizedDense(self.features, name="embedding")(one_hot(label, self.classes))))
        x = jnp.concatenate(parts, axis=1)
        for _ in range(self.depth):
            x = activate(EqualizedDense(self.features, rate=0.01)(x))
        return x


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
        noise = jax.vmap(lambda key: jax.random.normal(key, (*y.shape[1:3], 1), jnp.float32))(keys)
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


class Generator(nn.Module):
    """Noise (N, z) to images (N, H, W, C) by a style of `max_width` numbers and `depth` doublings.

    `width` features at the size of the image are doubled at each smaller one, up to `max_width`. What is added as noise
    is drawn from a key for each sample, made of the bits of its first two numbers: so a sample is a function of its
    row. With `classes` it also takes labels (N,). Raises `InputError` where a side is no multiple of `2**depth`, or a
    row has less than two numbers.

    >>> generator = Generator(shape=(28, 20, 3), width=4, max_width=8, depth=2)
    >>> generator.init_with_output(jax.random.key(0), jnp.ones((2, 4)))[0].shape
    (2, 28, 20, 3)
    """

    shape: tuple[int, ...]
    width: int = 32
    max_width: int = 128
    depth: int = 2
    mapping_depth: int = 8
    classes: int = 0
    dtype: DTypeLike | None = None

    @property
    def layers(self) -> int:
        """How many layers take a style: each convolution, and the last image."""
        return 2 * self.depth + 2

    @nn.compact
    def __call__(
        self, noise: Latents, label: Labels | None = None, *, styles: Float[Array, "n l w"] | None = None
    ) -> Samples:
        """Draw one image per row of noise, of its own styles or of those given for each of the layers."""
        size, features = _stages(self, self.shape)
        mapping = Mapping(self.max_width, self.mapping_depth, self.classes, name="mapping")
        if styles is None or self.is_initializing():
            styles = jnp.repeat(mapping(noise, label)[:, None], self.layers, axis=1)
        keys = _keys(noise, 2 * self.depth + 1)

        # The image of each size shares its style with the convolution after it.
        constant = self.param("constant", nn.initializers.normal(1.0), (*size, features[-1]), jnp.float32)
        x = jnp.broadcast_to(constant[None], (len(noise), *constant.shape)).astype(self.dtype or jnp.float32)
        x = _Layer(features[-1], up=False)(x, styles[:, 0], keys[0])
        image = _ToImage(self.shape[2])(x, styles[:, 1])
        for i, stage in enumerate(reversed(range(self.depth))):
            x = _Layer(features[stage], up=True)(x, styles[:, 2 * i + 1], keys[2 * i + 1])
            x = _Layer(features[stage], up=False)(x, styles[:, 2 * i + 2], keys[2 * i + 2])
            image = upsample(image) + _ToImage(self.shape[2])(x, styles[:, 2 * i + 3])
        return image

    @nn.nowrap
    def styles(self, params: Params, noise: Latents, label: Labels | None = None) -> Float[Array, "n w"]:
        """Return the style of each row of noise."""
        mapping = Mapping(self.max_width, self.mapping_depth, self.classes, parent=None)
        found = mapping.apply({"params": params["params"]["mapping"]}, noise, label)
        assert isinstance(found, jax.Array)
        return found

    @nn.nowrap
    def center(
        self, params: Params, noise: Float[Array, "m z"], label: Labels | None = None
    ) -> Float[Array, "n_or_1 w"]:
        """Return the mean style of noise (M, z), for each of N labels, or (1, w) where there are none.

        Truncated towards it, samples are more alike and nearer to the data: precision rises and recall falls.

        Source: Karras et al. (2019), A style-based generator architecture for generative adversarial networks.
        """

        def mean(label: Array | None) -> Array:
            labels = None if label is None else jnp.broadcast_to(label, (len(noise),))
            return self.styles(params, noise, labels).mean(axis=0)

        if not self.classes:
            return mean(None)[None]
        return jax.lax.map(mean, jnp.arange(self.classes, dtype=jnp.int32))[label]


def mix(
    styles: Float[Array, "n w"], others: Float[Array, "n w"], crossover: Int[Array, " n"], layers: int
) -> Float[Array, "n l w"]:
    """Return for each layer a style: a sample's first below its crossover, its other from there.

    Source: Karras et al. (2019), A style-based generator architecture for generative adversarial networks, section 3.1.

    >>> mix(jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.array([2]), layers=4).ravel().tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    first = jnp.arange(layers)[None] < crossover[:, None]
    return jnp.where(first[:, :, None], styles[:, None], others[:, None])


class Critic(nn.Module):
    """Images (N, H, W, C) to scores (N,) by `depth` halvings; it scores a sample by its set of `set_size`.

    `width` and `max_width` are as in the generator; `residual` adds to each stage the image before it, halved. With
    `classes` it also takes labels (N,), which it maps as the generator does and projects on. Raises `InputError` where
    a side is no multiple of `2**depth`.

    >>> Critic(width=4, max_width=8).init_with_output(jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
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
        x = activate(EqualizedDense(features[-1])(x.reshape(len(x), -1)))
        if not self.classes:
            return EqualizedDense(1)(x).squeeze(-1)
        x = EqualizedDense(self.max_width)(x)
        mapped = _normalized(Mapping(self.max_width, self.mapping_depth, self.classes)(None, label))
        return (x * mapped).sum(axis=1) / self.max_width**0.5


def _normalized(x: Float[Array, "n f"]) -> Float[Array, "n f"]:
    """Each row divided by the root of its mean square."""
    return x * lax.rsqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)


def _keys(noise: Latents, count: int) -> list[Keys]:
    """For each layer a key for each sample."""
    if noise.shape[1] < 2:
        raise InputError("stylegan2 draws noise from a key of two numbers; give at least 2", field="latent")
    bits = lax.bitcast_convert_type(noise[:, :2].astype(jnp.float32), jnp.uint32)
    keys = jax.random.wrap_key_data(bits)
    return [jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, layer) for layer in range(count)]
