"""How a network is told the time of a diffusion: sinusoids, and the class of a sample beside them."""

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.networks.labels import one_hot
from gan_jax.types import Array, Float, Int

__all__ = ["TimeEmbedding", "sinusoids"]


def sinusoids(
    time: Float[Array, " n"],
    features: int,
    *,
    longest: float = 10_000.0,
    shift: float = 1.0,
    cosines_first: bool = False,
) -> Float[Array, "n f"]:
    """Return sines and then cosines of times (N,), of periods from 2 pi to 2 pi times the longest.

    Rate i of F/2 is `longest^(-i / (F/2 - shift))`: with the shift 1, DDPM's, the last is that of the longest period;
    with 0, Stable Diffusion's, which has the cosines first, it is just above.

    Source: Vaswani et al. (2017), Attention is all you need.

    >>> sinusoids(jnp.array([0.0]), 4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    half = features // 2
    rates = jnp.exp(-jnp.log(longest) / (half - shift) * jnp.arange(half, dtype=jnp.float32))
    angles = time.astype(jnp.float32)[:, None] * rates[None]
    parts = [jnp.sin(angles), jnp.cos(angles)]
    return jnp.concatenate(parts[::-1] if cosines_first else parts, axis=1)


class TimeEmbedding(nn.Module):
    """Times (N,) to vectors (N, features) by sinusoids and two dense layers, float32; labels (N,) are added to them.

    With `classes` it takes labels: `classes` itself, one more than there are, says that there is none. With `vectors`
    it takes vectors (N, vectors), as of an image embedding, or of sizes; they pass two dense layers of their own, the
    last of which is zero at first.

    >>> import jax
    >>> layer = TimeEmbedding(features=8, classes=3)
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), jnp.ones(2), jnp.array([0, 3]))[0].shape
    (2, 8)
    """

    features: int
    classes: int = 0
    sinusoids: int | None = None
    vectors: int = 0

    @nn.compact
    def __call__(
        self,
        time: Float[Array, " n"],
        label: Int[Array, " n"] | None = None,
        vector: Float[Array, "n v"] | None = None,
    ) -> Float[Array, "n f"]:
        """Embed each time.

        Raises:
          ValueError: there are no vectors, and it takes some.
        """
        x = nn.silu(nn.Dense(self.features)(sinusoids(time, self.sinusoids or self.features)))
        x = nn.Dense(self.features)(x)
        if self.vectors:
            if vector is None:
                raise ValueError("this network takes vectors (N, V) beside its input; give them")
            y = nn.silu(nn.Dense(self.features, name="vector_in")(vector))
            x = x + nn.Dense(self.features, kernel_init=nn.initializers.zeros, name="vector_out")(y)
        if not self.classes:
            return x
        embedding = nn.Dense(self.features, use_bias=False, kernel_init=nn.initializers.normal(1.0), name="embedding")
        return x + embedding(one_hot(label, self.classes + 1))
