"""What can be trained: `System`, and the systems there are."""

from gan_jax.systems.system import Metric, State, System

__all__ = ["Metric", "State", "System"]
