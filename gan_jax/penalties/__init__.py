"""Soft Lipschitz constraints: points (where) x slope (how steep) x shape (what is asked), and how often.

The choices are independent pure functions, in `POINTS`, `SLOPES` and `SHAPES`; a `Penalty` puts three of them together
with numbers, and `PENALTIES` holds the published ones. Everything gives one value per point; the caller takes the mean
and multiplies by the weight. A slope is in units of the score per unit of the data.

>>> import jax, jax.numpy as jnp
>>> critic = lambda x: 2 * x.sum(axis=1)
>>> real, fake = jnp.ones((4, 1)), jnp.zeros((4, 1))
>>> PENALTIES["wgan_gp"](critic, jax.random.key(0), real=real, fake=fake).tolist()
[1.0, 1.0, 1.0, 1.0]
"""

from gan_jax.penalties.critic_pass import CriticPass, score_batch
from gan_jax.penalties.gradients import gradient_norm, gradient_penalty
from gan_jax.penalties.mixing import mixes_samples
from gan_jax.penalties.penalty import Penalty, has_bound
from gan_jax.penalties.points import (
    POINTS,
    Points,
    around_real,
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
    Shape,
    absolute,
    hinge,
    maximum,
    one_sided,
    power,
    two_sided,
    zero_centered,
)
from gan_jax.penalties.slopes import SLOPES, Slope

__all__ = [
    "PENALTIES",
    "POINTS",
    "SHAPES",
    "SLOPES",
    "CriticPass",
    "Penalty",
    "Points",
    "Shape",
    "Slope",
    "absolute",
    "around_real",
    "at_both",
    "at_fake",
    "at_real",
    "gradient_norm",
    "gradient_penalty",
    "has_bound",
    "hinge",
    "interpolate",
    "interpolate_beta",
    "lazy_adam",
    "maximum",
    "mix",
    "mixes_samples",
    "one_sided",
    "power",
    "score_batch",
    "two_sided",
    "zero_centered",
]
