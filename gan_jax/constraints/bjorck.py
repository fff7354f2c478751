"""Orthonormal kernels: every singular value is one, so that layers bound gradients without shrinking them."""

from collections.abc import Mapping
from functools import partial
from math import sqrt

import jax.numpy as jnp
from jax import lax

from gan_jax.constraints.constraint import Bound, Constraint, State, Window
from gan_jax.constraints.kernels import as_matrix, map_kernels
from gan_jax.numerics import safe_divide, safe_norm
from gan_jax.types import Array, Float, Params

__all__ = ["bjorck", "orthonormalize"]

_ITERATIONS = 6


def orthonormalize(matrix: Float[Array, "m n"], *, iterations: int = 25) -> Float[Array, "m n"]:
    """Nearest matrix with orthonormal columns, or rows if it is wide: `W <- W (3/2 I - 1/2 W^T W)`, repeated.

    Starts from `W / ||(W^T W)^2||_F^(1/4)`, whose singular values are at most 1. Each iteration takes one of s to
    `(3 s - s^3) / 2`: small ones grow by half, none passes 1. So the result is 1-Lipschitz, rounding aside (float32:
    1e-6), whether it has converged or not. 25 iterations leave within 1e-3 of 1 all that started above 1.1e-4: for
    Gaussian matrices with sides of ratio 2 or more 10 iterations do, for square ones up to 128 nearly always 25, and
    for one that is orthonormal already, of up to 256 columns, 6. A zero matrix stays zero. Raises `ValueError` where it
    is no matrix.

    Source: Björck, Bowie (1971), An iterative algorithm for computing the best estimate of an orthogonal matrix; Anil,
    Lucas, Grosse (2019), Sorting out Lipschitz function approximation.

    >>> orthonormalize(jnp.array([[3.0, 0.0], [0.0, -0.1]])).round(5).tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """
    if jnp.ndim(matrix) != 2:
        raise ValueError(f"takes a matrix (M, N), got {jnp.shape(matrix)}")
    if matrix.shape[0] < matrix.shape[1]:  # the products are of the smaller side
        return orthonormalize(matrix.T, iterations=iterations).T
    scaled = safe_divide(matrix, safe_norm(matrix))  # the fourth powers to come neither vanish nor overflow
    gram = _gram(scaled)
    fourth = safe_norm(_product(gram, gram))
    scaled = scaled / jnp.where(fourth > 0, fourth, 1) ** 0.25  # zero for a zero matrix alone
    return lax.scan(lambda w, _: (1.5 * w - 0.5 * _product(w, _gram(w)), None), scaled, length=iterations)[0]


def _product(a: Array, b: Array) -> Array:
    # The default precision of accelerators keeps three digits, and singular values would pass 1 by as much.
    return jnp.matmul(a, b, precision="highest")


def _gram(matrix: Array) -> Array:
    return _product(matrix.T, matrix)


def bjorck(*, bound: Bound = 1.0, windows: Mapping[str, Window] | None = None) -> Constraint:
    """Orthonormalize each kernel as a matrix (kh kw C, D), so that every layer is `bound`-Lipschitz.

    A pixel is in at most `ceil(kh / stride) ceil(kw / stride)` patches, by whose square root a convolution's kernel is
    divided too; strides come from `windows`, and are 1 where it has none, which bounds every stride. A chain of L
    layers with 1-Lipschitz activations between them is then `bound^L`-Lipschitz, always: with bound 1, 1-Lipschitz.
    Activations that sort keep the gradient's norm as well, relus do not. Sums of branches, as in residual networks, add
    their constants and are not covered. Nothing is carried from step to step but the parameters themselves: they are
    made orthonormal after each step of the optimizer, from where the next takes 6 iterations there and back.

    Source: Anil, Lucas, Grosse (2019), Sorting out Lipschitz function approximation; Tsuzuku, Sato, Sugiyama (2018),
    Lipschitz-margin training, for the convolutions.

    >>> used, _ = bjorck().normalize({"kernel": jnp.full((2, 2, 1, 1), 7.0)}, ())
    >>> used["kernel"].ravel().round(5).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    strides = {name: window.stride for name, window in (windows or {}).items()}

    def orthonormal(name: str, kernel: Array) -> Array:
        return orthonormalize(as_matrix(kernel), iterations=_ITERATIONS).reshape(kernel.shape)

    def bounded(name: str, kernel: Array) -> Array:
        stride = strides.get(name, 1)
        patches = (-(-kernel.shape[0] // stride)) * (-(-kernel.shape[1] // stride)) if kernel.ndim == 4 else 1
        return bound / sqrt(patches) * orthonormal(name, kernel)

    def normalize(params: Params, state: State) -> tuple[Params, State]:
        return map_kernels(bounded, params), state

    return Constraint(normalize=normalize, project=partial(map_kernels, orthonormal))
