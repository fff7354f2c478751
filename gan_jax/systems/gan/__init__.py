"""A generator against a critic whose Lipschitz constant is held: `GAN` configures it, `gan` builds it of parts."""

from gan_jax.systems.gan.components import AdamConfig, ConstraintConfig, CriticConfig, GeneratorConfig, PenaltyConfig
from gan_jax.systems.gan.config import GAN
from gan_jax.systems.gan.game import CriticState, State
from gan_jax.systems.gan.system import gan

__all__ = [
    "GAN",
    "AdamConfig",
    "ConstraintConfig",
    "CriticConfig",
    "CriticState",
    "GeneratorConfig",
    "PenaltyConfig",
    "State",
    "gan",
]
