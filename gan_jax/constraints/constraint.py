"""What a constraint is, and the geometry of a layer that some of them ask for."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from gan_jax.types import Array, Critic, Float, Key, Params, PyTree

__all__ = ["UNCONSTRAINED", "Bound", "Constraint", "State", "Window", "leaving_out"]

State = PyTree[Array]

Bound = float | Float[Array, ""]
"""A number, which may be an argument of a compiled program."""


class Window(NamedTuple):
    """Where a convolution's kernel is applied: image size (H, W), one stride, zeros (before, after) on each axis.

    >>> Window(size=(28, 28), stride=2, padding=((1, 2), (1, 2))).stride
    2
    """

    size: tuple[int, int]
    stride: int
    padding: tuple[tuple[int, int], tuple[int, int]]


def _no_state(key: Key, params: Params) -> State:
    return ()


def _as_they_are(params: Params, state: State) -> tuple[Params, State]:
    return params, state


def _as_it_is(given):
    return given


class Constraint(NamedTuple):
    """How a critic is kept Lipschitz by construction. Each part does nothing unless it is given.

    Attributes:
      init: `(key, params) -> state`, what is carried from step to step: a pytree of arrays.
      normalize: `(params, state) -> (params, state)`, the parameters that the critic is applied with, and the state
        after one step of whatever it iterates. Differentiable by the parameters.
      project: `params -> params`, after each step of the optimizer.
      wrap: `critic -> critic`, both `(N, ...) -> (N,)`.
      one_by_one: whether `wrap` is of a critic that scores samples one by one.

    >>> import jax
    >>> UNCONSTRAINED.normalize({"bias": 1.0}, UNCONSTRAINED.init(jax.random.key(0), {"bias": 1.0}))
    ({'bias': 1.0}, ())
    """

    init: Callable[[Key, Params], State] = _no_state
    normalize: Callable[[Params, State], tuple[Params, State]] = _as_they_are
    project: Callable[[Params], Params] = _as_it_is
    wrap: Callable[[Critic], Critic] = _as_it_is
    one_by_one: bool = False


UNCONSTRAINED = Constraint()
"""The constraint that does nothing."""


def leaving_out(constraint: Constraint, names: Collection[str]) -> Constraint:
    """Return the constraint of all parameters but those of some names, at the top of the tree that `init` makes.

    >>> halved = Constraint(project=lambda params: jax.tree.map(lambda leaf: leaf / 2, params))
    >>> import jax
    >>> leaving_out(halved, ["embedding"]).project({"params": {"embedding": 1.0, "bias": 1.0}})
    {'params': {'embedding': 1.0, 'bias': 0.5}}
    """

    def held(params: Params) -> Params:
        return {"params": {name: leaf for name, leaf in params["params"].items() if name not in names}}

    def beside(params: Params, new: Params) -> Params:
        return {"params": {**params["params"], **new["params"]}}

    def normalize(params: Params, state: State) -> tuple[Params, State]:
        used, state = constraint.normalize(held(params), state)
        return beside(params, used), state

    return constraint._replace(
        init=lambda key, params: constraint.init(key, held(params)),
        normalize=normalize,
        project=lambda params: beside(params, constraint.project(held(params))),
    )
