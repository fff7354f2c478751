"""What PyTorch's networks minimize: losses of scores, and penalties of the critic's gradient."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gan_jax.penalties import (
    Penalty,
    at_both,
    at_fake,
    at_real,
    interpolate,
    one_sided,
    one_sided_linear,
    slopes,
    two_sided,
    zero_centered,
)

__all__ = ["LOSSES", "Loss", "has_penalty", "weighted_penalty"]


class Loss(NamedTuple):
    """Means over a batch: the critic's of real and generated scores, the generator's of generated ones."""

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


LOSSES = {
    "wasserstein": Loss(lambda real, fake: fake.mean() - real.mean(), lambda fake: -fake.mean()),
    "hinge": Loss(lambda real, fake: (1 - real).relu().mean() + (1 + fake).relu().mean(), lambda fake: -fake.mean()),
    "non_saturating": Loss(
        lambda real, fake: softplus(-real).mean() + softplus(fake).mean(), lambda fake: softplus(-fake).mean()
    ),
}
_POINTS = {interpolate, at_real, at_fake, at_both}
_SHAPES = {
    two_sided(): lambda norm: (norm - 1).square(),
    one_sided(): lambda norm: (norm - 1).relu().square(),
    one_sided_linear(): lambda norm: norm.clamp(min=1),
    zero_centered(): lambda norm: norm.square() / 2,
}


def has_penalty(penalty: object) -> bool:
    """Whether there is a penalty here that does what one of gan_jax does."""
    return (
        isinstance(penalty, Penalty)
        and penalty.points in _POINTS
        and penalty.shape in _SHAPES
        and penalty.slope is slopes.gradient
    )


def weighted_penalty(penalty: Penalty, scores: Tensor, points: Tensor) -> Tensor:
    """Weight times mean penalty of the gradient of scores by the points."""
    (gradient,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    norm = torch.linalg.vector_norm(gradient, dim=tuple(range(1, gradient.ndim)))
    return penalty.weight * _SHAPES[penalty.shape](norm).mean()
