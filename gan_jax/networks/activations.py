"""What stands between a critic's layers: 1-Lipschitz functions `(..., F) -> (..., F)`."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.errors import InputError
from gan_jax.types import Array

__all__ = ["ACTIVATIONS", "group_sort", "leaky_relu"]


def leaky_relu(x: Array) -> Array:
    """Leaky relu of slope 0.2: `max(x, x / 5)`.

    Source: Radford, Metz, Chintala (2016), Unsupervised representation learning with deep convolutional GANs.

    >>> leaky_relu(jnp.array([-5.0, 2.0])).tolist()
    [-1.0, 2.0]
    """
    return nn.leaky_relu(x, 0.2)


def group_sort(x: Array, size: int = 2) -> Array:
    """Sort each group of `size` consecutive features, the last axis, upwards: a permutation, so gradients keep norm.

    Takes an array (..., F), F a multiple of the size, and keeps its shape and dtype. Raises `InputError` otherwise.

    Source: Anil, Lucas, Grosse (2019), Sorting out Lipschitz function approximation; for size 2, MaxMin, Chernodub,
    Nowicki (2016), Norm-preserving orthogonal permutation linear unit activation functions (OPLU).

    >>> group_sort(jnp.array([3.0, 1.0, 2.0, 5.0])).tolist()
    [1.0, 3.0, 2.0, 5.0]
    """
    if jnp.ndim(x) == 0 or size < 1 or x.shape[-1] % size:
        raise InputError(f"group_sort needs features (..., F), F a multiple of {size}, got {jnp.shape(x)}; widen it")
    groups = x.reshape(*x.shape[:-1], x.shape[-1] // size, size)
    if size == 2:  # much faster than a sort
        first, second = groups[..., 0], groups[..., 1]
        ordered = jnp.stack([jnp.minimum(first, second), jnp.maximum(first, second)], axis=-1)
    else:
        ordered = jnp.sort(groups, axis=-1)
    return ordered.reshape(x.shape)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": nn.relu,
    "leaky_relu": leaky_relu,
    "group_sort": group_sort,
}
