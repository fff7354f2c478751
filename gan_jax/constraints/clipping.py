"""Weight clipping: a critic whose parameters lie in a box is Lipschitz with some constant."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.constraints.constraint import Bound, Constraint, Window
from gan_jax.types import Params

__all__ = ["clip", "weight_clipping"]


def clip(params: Params, *, bound: Bound = 0.01) -> Params:
    """Clip every parameter, kernels and biases: `max(-bound, min(bound, w))`.

    Source: Arjovsky, Chintala, Bottou (2017), Wasserstein generative adversarial networks, algorithm 1.

    >>> clip({"kernel": jnp.array([[-3.0, 0.5]])}, bound=1.0)["kernel"].tolist()
    [[-1.0, 0.5]]
    """
    return jax.tree.map(lambda leaf: jnp.clip(leaf, -bound, bound), params)


def weight_clipping(*, bound: Bound = 0.01, windows: Mapping[str, Window] | None = None) -> Constraint:
    """Project on a box after each step of the optimizer: no parameter is above `bound` in absolute value.

    The bound is one of parameters, not of the critic, whose constant follows from it and the layers' sizes: a dense
    layer with M inputs and N outputs is `bound sqrt(M N)`-Lipschitz. The windows are not read.

    Source: Arjovsky, Chintala, Bottou (2017), Wasserstein generative adversarial networks, algorithm 1.

    >>> weight_clipping(bound=0.5).project({"bias": jnp.array([1.0, -1.0])})["bias"].tolist()
    [0.5, -0.5]
    """
    return Constraint(project=partial(clip, bound=bound))
