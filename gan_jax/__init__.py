"""Generative adversarial networks whose critic is kept Lipschitz: pure functions in JAX.

The mathematics (`losses`, `penalties`) depends on jax alone and fits any callable critic. Networks, data, the training
loop and the commands are built on it and are imported from their own modules.
"""

from gan_jax import losses, penalties

__version__ = "0.1.0"
__all__ = ["losses", "penalties"]
