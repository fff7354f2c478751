"""How networks are told the class of a sample: generators beside the noise, critics by projection.

A network with a field `classes` takes labels (N,) where that is above zero, and none where it is zero. A label is read
as a one-hot vector, whose derivatives are matrix products, deterministic on every device.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float, Int, PerSample

__all__ = ["Projection", "beside_noise", "one_hot", "project"]


def one_hot(label: Int[Array, " n"] | None, classes: int) -> Float[Array, "n k"]:
    """Return unit vectors, float32; the caller has seen to it that a label is one of the classes.

    Raises:
      ValueError: there are no labels.

    >>> one_hot(jnp.array([1]), 3).tolist()
    [[0.0, 1.0, 0.0]]
    """
    if label is None:
        raise ValueError("this network takes labels (N,) beside its input; give them")
    return jax.nn.one_hot(label, classes, dtype=jnp.float32)


def beside_noise(
    noise: Float[Array, "n z"], label: Int[Array, " n"] | None, classes: int
) -> Float[Array, "n z_and_classes"]:
    """Return noise with the one-hot label behind it, or as it is where there are no classes.

    Source: Mirza, Osindero (2014), Conditional generative adversarial nets.

    >>> beside_noise(jnp.array([[0.5]]), jnp.array([1]), 2).tolist()
    [[0.5, 0.0, 1.0]]
    """
    if not classes:
        return noise
    return jnp.concatenate([noise, one_hot(label, classes).astype(noise.dtype)], axis=1)


def project(features: Float[Array, "n f"], table: Float[Array, "k f"], label: Int[Array, " n"] | None) -> PerSample:
    """Inner product of each sample's features with its class's row: `<h_i, table[y_i]>`, float32.

    Source: Miyato, Koyama (2018), cGANs with projection discriminator.

    >>> project(jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]]), jnp.array([1])).tolist()
    [11.0]
    """
    return (features * (one_hot(label, len(table)) @ table)).sum(axis=1)


class Projection(nn.Module):
    """Features (N, F) and labels (N,) to what the label adds to a score, (N,): `project` on a table of its own.

    >>> layer = Projection(classes=3)
    >>> jax.eval_shape(layer.init_with_output, jax.random.key(0), jnp.ones((2, 4)), jnp.array([0, 2]))[0].shape
    (2,)
    """

    classes: int

    @nn.compact
    def __call__(self, features: Float[Array, "n f"], label: Int[Array, " n"] | None) -> PerSample:
        """Look up each sample's class, and project."""
        shape = (self.classes, features.shape[1])
        table = self.param("embedding", nn.initializers.normal(features.shape[1] ** -0.5), shape, jnp.float32)
        return project(features, table, label)
