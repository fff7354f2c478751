"""Penalties that keep a critic Lipschitz: points (where) x slope (how steep) x shape (what a slope costs).

The three are independent pure functions, in `POINTS`, `SLOPES` and `SHAPES`. A `Penalty` is made of one of each, a
`PlainPenalty` of points and any function of the critic's scores; `PENALTIES` holds the published ones. Each gives one
value per point: the caller takes the mean and multiplies it by `penalty.weight`.

>>> import jax, jax.numpy as jnp
>>> critic = lambda x: 2 * x.sum(axis=1)
>>> real, fake = jnp.ones((4, 1)), jnp.zeros((4, 1))
>>> PENALTIES["wgan_gp"](critic, jax.random.key(0), real=real, fake=fake).tolist()
[1.0, 1.0, 1.0, 1.0]

A critic that takes labels beside samples is given those of the pairs, and is called with 2N of each, too:

>>> labeled, labels = (lambda x, label: label * x.sum(axis=1)), jnp.array([1.0, 2.0, 3.0, 4.0])
>>> PENALTIES["wgan_gp"](labeled, jax.random.key(0), real=real, fake=fake, condition=labels).tolist()
[0.0, 1.0, 4.0, 9.0]
"""

from gan_jax.penalties.critic_pass import CriticPass, score_batch
from gan_jax.penalties.gamma import suggested_gamma
from gan_jax.penalties.gradients import gradient_norm, gradient_penalty
from gan_jax.penalties.mixing import mixes_samples
from gan_jax.penalties.penalty import Penalty, PlainPenalty, check_loss
from gan_jax.penalties.plain import Value
from gan_jax.penalties.points import (
    POINTS,
    Points,
    around_real,
    as_points,
    at_both,
    at_fake,
    at_real,
    interpolate,
    interpolate_beta,
    mix,
)
from gan_jax.penalties.presets import PENALTIES
from gan_jax.penalties.schedule import lazy_adam
from gan_jax.penalties.shapes import (
    SHAPES,
    BoundedShape,
    Shape,
    maximum,
    one_sided,
    one_sided_linear,
    power,
    two_sided,
    two_sided_linear,
    zero_centered,
)
from gan_jax.penalties.slopes import SLOPES, Slope

__all__ = [
    "PENALTIES",
    "POINTS",
    "SHAPES",
    "SLOPES",
    "BoundedShape",
    "CriticPass",
    "Penalty",
    "PlainPenalty",
    "Points",
    "Shape",
    "Slope",
    "Value",
    "around_real",
    "as_points",
    "at_both",
    "at_fake",
    "at_real",
    "check_loss",
    "gradient_norm",
    "gradient_penalty",
    "interpolate",
    "interpolate_beta",
    "lazy_adam",
    "maximum",
    "mix",
    "mixes_samples",
    "one_sided",
    "one_sided_linear",
    "power",
    "score_batch",
    "suggested_gamma",
    "two_sided",
    "two_sided_linear",
    "zero_centered",
]
