"""Hard Lipschitz constraints: what a critic cannot break, whatever it is trained on.

A constraint is four pure functions, of which most do nothing. A step of the critic goes through them in this order:

    used, state = constraint.normalize(params, state)
    critic = constraint.wrap(lambda x: module.apply(used, x))     the loss, and its gradient by `params`
    params = constraint.project(params)                           after the optimizer

`CONSTRAINTS` holds a factory for each, all with the same keywords: `bound`, which means to each what its docstring
says, and `windows`, from `gan_jax.networks.geometry`, which those that need no geometry leave unread.

>>> import jax, jax.numpy as jnp
>>> params = {"kernel": jnp.array([[3.0, 0.0], [0.0, 4.0]]), "bias": jnp.ones(2)}
>>> constraint = CONSTRAINTS["bjorck"](bound=2.0)
>>> used, state = constraint.normalize(params, constraint.init(jax.random.key(0), params))
>>> used["kernel"].round(5).tolist(), used["bias"].tolist()
([[2.0, 0.0], [0.0, 2.0]], [1.0, 1.0])
"""

from collections.abc import Callable

from gan_jax.constraints.bjorck import bjorck
from gan_jax.constraints.clipping import weight_clipping
from gan_jax.constraints.constraint import UNCONSTRAINED, Constraint, Window, leaving_out
from gan_jax.constraints.convolution import conv_spectral_normalization
from gan_jax.constraints.gradient import gradient_normalization
from gan_jax.constraints.spectral import spectral_normalization

CONSTRAINTS: dict[str, Callable[..., Constraint]] = {
    "weight_clipping": weight_clipping,
    "spectral_normalization": spectral_normalization,
    "conv_spectral_normalization": conv_spectral_normalization,
    "bjorck": bjorck,
    "gradient_normalization": gradient_normalization,
}

__all__ = [
    "CONSTRAINTS",
    "UNCONSTRAINED",
    "Constraint",
    "Window",
    "bjorck",
    "conv_spectral_normalization",
    "gradient_normalization",
    "leaving_out",
    "spectral_normalization",
    "weight_clipping",
]
