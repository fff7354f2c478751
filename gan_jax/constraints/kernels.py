"""The kernels in a tree of parameters, by name: every leaf of two axes or more. Biases have one."""

from collections.abc import Callable
from math import prod

import jax
import jax.numpy as jnp

from gan_jax.numerics import at_least_float32
from gan_jax.types import Array, Float, Params

__all__ = ["as_matrix", "kernels", "map_kernels"]


def kernels(params: Params) -> dict[str, Array]:
    """Return the kernels in float32 or wider, each under its path, as "params/Conv_0/kernel".

    >>> list(kernels({"Dense_0": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}))
    ['Dense_0/kernel']
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {_name(path): at_least_float32(leaf) for path, leaf in leaves if jnp.ndim(leaf) >= 2}


def map_kernels(function: Callable[[str, Array], Array], params: Params) -> Params:
    """Replace each kernel by `function(name, kernel)`; the function sees float32, the result has the kernel's dtype.

    >>> params = {"kernel": jnp.ones((1, 2), jnp.bfloat16), "bias": jnp.ones(2)}
    >>> halved = map_kernels(lambda name, kernel: kernel / 2, params)
    >>> halved["kernel"].dtype, halved["kernel"].tolist(), halved["bias"].tolist()
    (dtype(bfloat16), [[0.5, 0.5]], [1.0, 1.0])
    """
    new = {name: function(name, kernel) for name, kernel in kernels(params).items()}
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: new[_name(path)].astype(leaf.dtype) if _name(path) in new else leaf, params
    )


def as_matrix(kernel: Float[Array, "... d"]) -> Float[Array, "i d"]:
    """Kernel as the matrix that multiplies rows of inputs: (in, out) as it is, (kh, kw, C, D) as (kh kw C, D).

    >>> as_matrix(jnp.ones((3, 3, 2, 4))).shape
    (18, 4)
    """
    return kernel.reshape(prod(kernel.shape[:-1]), kernel.shape[-1])


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
