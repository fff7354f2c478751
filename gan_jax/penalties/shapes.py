"""What a slope costs: shapes `(slope) -> (N,)` of slopes n, numbers of at least 0, in float32 or wider.

Each of `SHAPES` is a factory: it takes a shape's constants and returns the shape. Shapes with a Lipschitz bound C are
`BoundedShape`s, whose bound can be replaced. Shapes of one factory and of equal constants are equal.

>>> from dataclasses import replace
>>> two_sided(bound=2.0) == replace(two_sided(), bound=2.0), zero_centered() == zero_centered()
(True, True)
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Float, PerSample

__all__ = [
    "SHAPES",
    "BoundedShape",
    "Shape",
    "maximum",
    "one_sided",
    "one_sided_linear",
    "power",
    "two_sided",
    "two_sided_linear",
    "zero_centered",
]

Shape = Callable[[PerSample], PerSample]
"""A cost of each slope, `(slope) -> (N,)`."""


@dataclass(frozen=True)
class BoundedShape:
    """A shape that keeps slopes to a Lipschitz bound.

    Attributes:
      function: `(slope, bound) -> (N,)`.
      bound: the Lipschitz constant, in score per unit of the data.

    >>> BoundedShape(jnp.minimum, bound=2.0)(jnp.array([0.0, 3.0])).tolist()
    [0.0, 2.0]
    """

    function: Callable[..., PerSample]
    bound: float | Float[Array, ""] = 1.0

    def __call__(self, slope: PerSample) -> PerSample:
        """Return the cost of each slope."""
        return self.function(slope, self.bound)


def two_sided(bound: float | Float[Array, ""] = 1.0) -> BoundedShape:
    """Pull each slope to the bound from both sides: `(n - C)^2`.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs.

    >>> two_sided()(jnp.array([0.0, 3.0])).tolist()
    [1.0, 4.0]
    """
    return BoundedShape(_square, bound)


def one_sided(bound: float | Float[Array, ""] = 1.0) -> BoundedShape:
    """Push only slopes above the bound back to it: `max(n - C, 0)^2`.

    Source: Petzka, Fischer, Lukovnikov (2018), On the regularization of Wasserstein GANs.

    >>> one_sided(bound=2.0)(jnp.array([0.0, 3.0])).tolist()
    [0.0, 1.0]
    """
    return BoundedShape(_square_above, bound)


def two_sided_linear(bound: float | Float[Array, ""] = 1.0) -> BoundedShape:
    """Pull each slope to the bound with one force, however far it is: `|n - C|`.

    >>> two_sided_linear()(jnp.array([0.0, 3.0])).tolist()
    [1.0, 2.0]
    """
    return BoundedShape(_distance, bound)


def one_sided_linear(bound: float | Float[Array, ""] = 1.0) -> BoundedShape:
    """Push slopes above the bound back with one force, however far they are: `max(n, C)`.

    Its least value is the bound, not zero. A critic whose loss falls by more than the penalty's weight for each unit of
    slope passes the bound without limit; any other keeps to it. The slides of docs/derivation.md call it hinge.

    >>> one_sided_linear()(jnp.array([0.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    return BoundedShape(jnp.maximum, bound)


def zero_centered() -> Shape:
    """Pull each slope to zero: `n^2 / 2`.

    Source: Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge?

    >>> zero_centered()(jnp.array([0.0, 3.0])).tolist()
    [0.0, 4.5]
    """
    return _half_square


def power(exponent: float = 6.0) -> Shape:
    """Pull each slope to zero, hardly at all below 1 and hard above: `n^p`; the factor k is the penalty's weight.

    Source: Wu et al. (2018), Wasserstein divergence for GANs (k = 2, p = 6).

    >>> power()(jnp.array([0.5, 2.0])).tolist()
    [0.015625, 64.0]
    """
    return _Power(exponent)


def maximum() -> Shape:
    """Pull the largest slope of the batch to zero: `max_j n_j^2`, the same for all samples.

    The Lipschitz constant is the largest slope, not the mean; the gradient comes from one sample alone.

    Source: Zhou et al. (2019), Lipschitz generative adversarial nets.

    >>> maximum()(jnp.array([0.0, 3.0])).tolist()
    [9.0, 9.0]
    """
    return _largest_square


def _square(slope: PerSample, bound: float | Float[Array, ""]) -> PerSample:
    return (slope - bound) ** 2


def _square_above(slope: PerSample, bound: float | Float[Array, ""]) -> PerSample:
    return jax.nn.relu(slope - bound) ** 2


def _distance(slope: PerSample, bound: float | Float[Array, ""]) -> PerSample:
    return jnp.abs(slope - bound)


@dataclass(frozen=True)
class _Power:
    exponent: float

    def __call__(self, slope: PerSample) -> PerSample:
        return slope**self.exponent


def _half_square(slope: PerSample) -> PerSample:
    return slope**2 / 2


def _largest_square(slope: PerSample) -> PerSample:
    return jnp.broadcast_to(jnp.max(slope) ** 2, slope.shape)


SHAPES: dict[str, Callable[..., Shape]] = {
    "two_sided": two_sided,
    "one_sided": one_sided,
    "two_sided_linear": two_sided_linear,
    "one_sided_linear": one_sided_linear,
    "zero_centered": zero_centered,
    "power": power,
    "maximum": maximum,
}
