"""Spectral normalization: each kernel is divided by the norm of the linear map it is used for.

The norm is estimated by power iteration, one step a call, which suffices because parameters move slowly. It approaches
the norm from below, so a layer's norm is `bound` or slightly more; right after `init`, more.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.constraints.constraint import Bound, Constraint, State, Window
from gan_jax.constraints.kernels import as_matrix, kernels, map_kernels
from gan_jax.numerics import safe_divide, safe_norm
from gan_jax.types import Array, Float, Key, Params

__all__ = ["LinearMap", "Scalar", "divided_by_norms", "matrix_map", "power_step", "spectral_normalization"]

Scalar = Float[Array, ""]


class LinearMap(NamedTuple):
    """What a kernel does to one input.

    Attributes:
      shape: the input's.
      apply: `(kernel, x) -> y`, linear in each.
    """

    shape: tuple[int, ...]
    apply: Callable[[Array, Array], Array]


def matrix_map(name: str, kernel: Array) -> LinearMap:
    """Product of a row (I,) with the kernel as a matrix (I, D); a convolution's (kh, kw, C, D) as (kh kw C, D).

    >>> matrix_map("kernel", jnp.ones((3, 3, 2, 4))).shape
    (18,)
    """
    return LinearMap(
        (prod(kernel.shape[:-1]),), lambda kernel, x: jnp.einsum("i,id->d", x, as_matrix(kernel), precision="highest")
    )


def power_step(apply: Callable[[Array, Array], Array], kernel: Array, u: Array) -> tuple[Scalar, Array]:
    """One power iteration on `x -> A x = apply(kernel, x)`: `v = A u / ||A u||`, `u = A^T v / ||A^T v||`.

    Takes u of the input's shape; returns the estimate `<v, A u>` of the norm of A, never above it, and the new u, a
    unit. The estimate's derivative by the kernel takes u and v for constants: exact once they have converged. Where A
    is zero the estimate is, and u stays as it was.

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks, algorithm 1.

    >>> kernel = jnp.array([[3.0, 0.0], [0.0, 4.0]])
    >>> estimate, u = power_step(lambda kernel, x: x @ kernel, kernel, jnp.array([0.0, 1.0]))
    >>> float(estimate), u.tolist()
    (4.0, [0.0, 1.0])
    """
    image, pull = jax.vjp(partial(apply, lax.stop_gradient(kernel)), u)
    v = safe_divide(image, safe_norm(image))
    (back,) = pull(v)
    length = safe_norm(back)
    u, v = lax.stop_gradient((jnp.where(length > 0, safe_divide(back, length), u), v))
    return jnp.sum(v * apply(kernel, u)), u


def divided_by_norms(map_of: Callable[[str, Array], LinearMap], bound: Bound) -> Constraint:
    """Divide each kernel by the norm of its map, `W <- bound W / ||A_W||`; the state is one unit vector u a kernel.

    Takes `(name, kernel) -> LinearMap`. Always divides, also a norm below the bound; a kernel of norm below 1e-12 is
    left as it is. Norms and u are float32 or wider, the kernels' dtypes as given.

    >>> constraint = divided_by_norms(matrix_map, bound=2.0)
    >>> params = {"kernel": jnp.array([[3.0], [4.0]])}
    >>> used, _ = constraint.normalize(params, constraint.init(jax.random.key(0), params))
    >>> [round(weight, 5) for weight in used["kernel"].ravel().tolist()]
    [1.2, 1.6]
    """

    def init(key: Key, params: Params) -> State:
        found = kernels(params)
        keys = dict(zip(found, jax.random.split(key, len(found)), strict=True))
        start = {
            name: jax.random.normal(keys[name], map_of(name, kernel).shape, kernel.dtype)
            for name, kernel in found.items()
        }
        return {name: safe_divide(u, safe_norm(u)) for name, u in start.items()}

    def normalize(params: Params, state: State) -> tuple[Params, State]:
        steps = {
            name: power_step(map_of(name, kernel).apply, kernel, state[name])
            for name, kernel in kernels(params).items()
        }
        used = map_kernels(lambda name, kernel: safe_divide(bound * kernel, steps[name][0]), params)
        return used, {name: u for name, (_, u) in steps.items()}

    return Constraint(init=init, normalize=normalize)


def spectral_normalization(*, bound: Bound = 1.0, windows: Mapping[str, Window] | None = None) -> Constraint:
    """Give every kernel, reshaped to a matrix (kh kw C, D), the spectral norm `bound`.

    A chain of L dense layers with 1-Lipschitz activations between them is then `bound^L`-Lipschitz. A convolution's own
    norm may be up to `sqrt(ceil(kh / stride) ceil(kw / stride))` times its matrix's: see `conv_spectral_normalization`.
    Sums of branches, as in residual networks, add their norms. The windows are not read.

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks.

    >>> constraint = spectral_normalization()
    >>> params = {"kernel": 5 * jnp.eye(3), "bias": jnp.ones(3)}
    >>> used, _ = constraint.normalize(params, constraint.init(jax.random.key(0), params))
    >>> round(float(jnp.linalg.norm(used["kernel"], ord=2)), 5), used["bias"].tolist()
    (1.0, [1.0, 1.0, 1.0])
    """
    return divided_by_norms(matrix_map, bound)
