"""Generative adversarial networks whose critic is kept Lipschitz: pure functions in JAX.

The mathematics (`transport`, `divergences`, `losses`, `penalties`, `constraints`, `lipschitz`) depends on jax and
jaxtyping alone and fits any callable critic. All that is named here is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax import (
        constraints,
        divergences,
        lipschitz,
        losses,
        penalties,
        text_to_image,
        transport,
        weights,
    )
    from gan_jax.data import Dataset, from_arrays
    from gan_jax.evaluation import evaluate, reference
    from gan_jax.runs import (
        DataConfig,
        EvaluationConfig,
        Experiment,
        decode,
        encode,
        interpolate,
        open_run,
        sample,
    )
    from gan_jax.runs.training import train
    from gan_jax.schedules import Cosine
    from gan_jax.systems import Metric, System
    from gan_jax.systems.autoencoder import AdversaryConfig, Autoencoder, AutoencoderNetworkConfig
    from gan_jax.systems.clip import Clip, ClipNetworkConfig
    from gan_jax.systems.control import Control
    from gan_jax.systems.diffusion import DenoiserConfig, Diffusion
    from gan_jax.systems.distill import Distill
    from gan_jax.systems.ema import HalfLife
    from gan_jax.systems.gan import (
        GAN,
        AugmentConfig,
        ConstraintConfig,
        CriticConfig,
        GeneratorConfig,
        PathLengthConfig,
        PenaltyConfig,
        gan,
    )
    from gan_jax.systems.latent_diffusion import LatentDiffusion
    from gan_jax.systems.optimizers import AdamConfig
    from gan_jax.systems.unclip import Prior, Unclip
    from gan_jax.systems.vae import VAE, VAENetworkConfig

__version__ = "0.2.0"

_LAZY = {
    "gan_jax.data": ("Dataset", "from_arrays"),
    "gan_jax.evaluation": ("evaluate", "reference"),
    "gan_jax.runs": (
        *("DataConfig", "EvaluationConfig", "Experiment"),
        *("decode", "encode", "interpolate", "open_run", "sample"),
    ),
    "gan_jax.runs.training": ("train",),
    "gan_jax.schedules": ("Cosine",),
    "gan_jax.systems": ("Metric", "System"),
    "gan_jax.systems.autoencoder": ("AdversaryConfig", "Autoencoder", "AutoencoderNetworkConfig"),
    "gan_jax.systems.latent_diffusion": ("LatentDiffusion",),
    "gan_jax.systems.gan": (
        *("GAN", "AugmentConfig", "ConstraintConfig", "CriticConfig", "GeneratorConfig", "PathLengthConfig"),
        *("PenaltyConfig", "gan"),
    ),
    "gan_jax.systems.clip": ("Clip", "ClipNetworkConfig"),
    "gan_jax.systems.control": ("Control",),
    "gan_jax.systems.diffusion": ("DenoiserConfig", "Diffusion"),
    "gan_jax.systems.distill": ("Distill",),
    "gan_jax.systems.ema": ("HalfLife",),
    "gan_jax.systems.optimizers": ("AdamConfig",),
    "gan_jax.systems.unclip": ("Prior", "Unclip"),
    "gan_jax.systems.vae": ("VAE", "VAENetworkConfig"),
}
_MODULE_OF = {name: module for module, names in _LAZY.items() for name in names}
_MODULES = ("constraints", "divergences", "lipschitz", "losses", "penalties", "text_to_image", "transport", "weights")

__all__ = [
    "GAN",
    "VAE",
    "AdamConfig",
    "AdversaryConfig",
    "AugmentConfig",
    "Autoencoder",
    "AutoencoderNetworkConfig",
    "Clip",
    "ClipNetworkConfig",
    "ConstraintConfig",
    "Control",
    "Cosine",
    "CriticConfig",
    "DataConfig",
    "Dataset",
    "DenoiserConfig",
    "Diffusion",
    "Distill",
    "EvaluationConfig",
    "Experiment",
    "GeneratorConfig",
    "HalfLife",
    "LatentDiffusion",
    "Metric",
    "PathLengthConfig",
    "PenaltyConfig",
    "Prior",
    "System",
    "Unclip",
    "VAENetworkConfig",
    "constraints",
    "decode",
    "divergences",
    "encode",
    "evaluate",
    "from_arrays",
    "gan",
    "interpolate",
    "lipschitz",
    "losses",
    "open_run",
    "penalties",
    "reference",
    "sample",
    "text_to_image",
    "train",
    "transport",
    "weights",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"gan_jax.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'gan_jax' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
