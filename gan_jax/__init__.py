"""Generative adversarial networks whose critic is kept Lipschitz: pure functions in JAX.

The mathematics (`transport`, `divergences`, `losses`, `penalties`, `constraints`, `lipschitz`) depends on jax alone and
fits any callable critic. Networks, data, the training loop and the commands are built on it and are imported from their
own modules.
"""

from gan_jax import constraints, divergences, lipschitz, losses, penalties, transport

__version__ = "0.1.0"
__all__ = ["constraints", "divergences", "lipschitz", "losses", "penalties", "transport"]
