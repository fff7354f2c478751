"""What the generations of StyleGAN share: styles mapped from noise, mixed and truncated, noise by layer, set spread."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.labels import one_hot
from gan_jax.networks.modulated import EqualizedDense, activate
from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Int, Keys, Labels, Latents, Params

__all__ = ["Mapping", "StyleGenerator", "layer_keys", "minibatch_std", "mix", "noise_images", "normalized"]


class Mapping(nn.Module):
    """Noise (N, z), and labels (N,) if there are `classes`, through dense layers to styles (N, `features`)."""

    features: int
    depth: int
    classes: int = 0

    @nn.compact
    def __call__(self, noise: Latents | None, label: Labels | None = None) -> Float[Array, "n w"]:
        """Map each row."""
        parts = [] if noise is None else [normalized(noise)]
        if self.classes:
            parts.append(normalized(EqualizedDense(self.features, name="embedding")(one_hot(label, self.classes))))
        x = jnp.concatenate(parts, axis=1)
        for _ in range(self.depth):
            x = activate(EqualizedDense(self.features, rate=0.01)(x))
        return x


class StyleGenerator(nn.Module):
    """What a generator of styles is: its fields, and what can be done with its styles alone.

    A subclass says how many `layers` take a style, maps noise by a `Mapping` of the name "mapping", and, called with
    `styles=` (N, layers, w), draws samples of these.
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
        """How many layers take a style: two for each size."""
        return 2 * self.depth + 2

    @nn.nowrap
    def mapping(self, **where: Any) -> Mapping:
        """Return the module that maps noise to styles."""
        return Mapping(self.max_width, self.mapping_depth, self.classes, **where)

    @nn.nowrap
    def of_layers(
        self, noise: Latents, label: Labels | None, styles: Float[Array, "n l w"] | None
    ) -> Float[Array, "n l w"]:
        """Return the styles that are given, or the noise's own in every layer; within the call of a module."""
        if styles is None or self.is_initializing():
            return self.in_every_layer(self.mapping(name="mapping")(noise, label))
        return styles

    @nn.nowrap
    def in_every_layer(self, styles: Float[Array, "n w"]) -> Float[Array, "n l w"]:
        """Repeat a style for each layer."""
        return jnp.repeat(styles[:, None], self.layers, axis=1)

    @nn.nowrap
    def styles(self, params: Params, noise: Latents, label: Labels | None = None) -> Float[Array, "n w"]:
        """Return the style of each row of noise."""
        found = self.mapping(parent=None).apply({"params": params["params"]["mapping"]}, noise, label)
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
            labels = None if label is None else jnp.broadcast_to(label, (noise.shape[0],))
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


def normalized(x: Float[Array, "n f"]) -> Float[Array, "n f"]:
    """Divide each row by the root of its mean square.

    >>> [round(number, 3) for number in normalized(jnp.array([[3.0, 4.0]]))[0].tolist()]
    [0.849, 1.131]
    """
    return x * lax.rsqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)


def layer_keys(noise: Latents, count: int) -> list[Keys]:
    """Return for each layer a key for each sample, made of the bits of its first two numbers.

    What a layer draws is then a function of the sample's own row. Raises `InputError` where a row has less than two.

    >>> len(layer_keys(jnp.ones((3, 2)), count=5))
    5
    """
    if noise.shape[1] < 2:
        raise InputError("noise is drawn from a key of two numbers; give at least 2", field="latent")
    bits = lax.bitcast_convert_type(noise[:, :2].astype(jnp.float32), jnp.uint32)
    keys = jax.random.wrap_key_data(bits)
    return [jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, layer) for layer in range(count)]


def noise_images(keys: Keys, height: int, width: int) -> Float[Array, "n h w 1"]:
    """Draw an image of standard normal noise for each key, float32.

    >>> noise_images(jax.random.split(jax.random.key(0), 3), 4, 6).shape
    (3, 4, 6, 1)
    """
    return jax.vmap(lambda key: jax.random.normal(key, (height, width, 1), jnp.float32))(keys)
