"""A generator against a critic whose Lipschitz constant is held: `GAN` configures it, `gan` builds it of parts."""

from gan_jax.systems.ema import HalfLife
from gan_jax.systems.gan.augmenting import AugmentConfig
from gan_jax.systems.gan.config import GAN
from gan_jax.systems.gan.game import CriticState, State
from gan_jax.systems.gan.lipschitz_configs import ConstraintConfig, PenaltyConfig
from gan_jax.systems.gan.network_configs import CriticConfig, GeneratorConfig
from gan_jax.systems.gan.path_length import PathLengthConfig
from gan_jax.systems.gan.system import gan
from gan_jax.systems.optimizers import AdamConfig

__all__ = [
    "GAN",
    "AdamConfig",
    "AugmentConfig",
    "ConstraintConfig",
    "CriticConfig",
    "CriticState",
    "GeneratorConfig",
    "HalfLife",
    "PathLengthConfig",
    "PenaltyConfig",
    "State",
    "gan",
]
