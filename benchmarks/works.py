"""What is measured: whole training iterations, built by the experiment's own path."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from gan_jax import (
    GAN,
    AdamConfig,
    ConstraintConfig,
    CriticConfig,
    DenoiserConfig,
    Diffusion,
    Experiment,
    GeneratorConfig,
    PenaltyConfig,
)
from gan_jax.constraints import CONSTRAINTS
from gan_jax.penalties import PENALTIES
from gan_jax.types import Spec

METHODS = ["none", *PENALTIES, *CONSTRAINTS]
OWN = "own"  # the method that a work's experiment has
_ADAM = AdamConfig(learning_rate=1e-4, b1=0.5, b2=0.9)


@dataclass(frozen=True)
class Work:
    """An experiment, on samples of a shape.

    Attributes:
      only_critic: leave the generator as it is, and its step out.
    """

    experiment: Experiment
    shape: tuple[int, ...]
    only_critic: bool = False

    @property
    def spec(self) -> Spec:
        """Of the training batches."""
        return {"sample": jax.ShapeDtypeStruct(self.shape, jnp.float32)}


def _work(
    generator: GeneratorConfig,
    critic: CriticConfig,
    batch_size: int,
    shape: tuple[int, ...] = (32, 32, 3),
    *,
    adam: AdamConfig = _ADAM,
    only_critic: bool = False,
    **settings,
) -> Work:
    gan = GAN(generator, critic, generator_optimizer=adam, critic_optimizer=adam, **settings)
    return Work(Experiment(gan=gan, batch_size=batch_size), shape, only_critic)


# Miyato et al. 2018, Zhang et al. 2019 and Brock et al. 2019 on CIFAR-10, as in StudioGAN.
_SNGAN = {
    "adam": AdamConfig(learning_rate=2e-4, b1=0.5, b2=0.999),
    "loss": "hinge",
    "penalty": "none",
    "constraint": "spectral_normalization",
    "critic_steps": 5,
}
_SAGAN = {**_SNGAN, "generator_constraint": "spectral_normalization"}
# Karras et al. 2020 (ADA) on CIFAR-10.
_STYLEGAN2 = {
    "adam": AdamConfig(learning_rate=2.5e-3, b1=0.0, b2=0.99),
    "loss": "non_saturating",
    "penalty": PenaltyConfig("r1", weight=0.01, every=16),
    "critic_steps": 1,
}
# Huang et al. 2024 on CIFAR-10, as training begins. The weight is 2 gamma: the mean is over both kinds of samples.
_R3GAN = {
    "adam": AdamConfig(learning_rate=2e-4, b1=0.0, b2=0.9),
    "loss": "relativistic",
    "penalty": PenaltyConfig("r1_r2", weight=2 * 0.05),
    "critic_steps": 1,
}


def _published(name: str, preset: str, batch_size: int, latent: int, settings: dict) -> Work:
    networks = GeneratorConfig(name, latent=latent, preset=preset), CriticConfig(name, preset=preset)
    return _work(*networks, batch_size, **settings)


# Published settings, too large for a few CPU cores.
GPU_WORKS = {
    "sngan_cifar10": _published("biggan", "sngan_cifar10", 64, 128, _SNGAN),
    "sagan_cifar10": _published("biggan", "sagan_cifar10", 64, 128, _SAGAN),
    "biggan_cifar10": _published("biggan", "biggan_cifar10", 64, 80, _SAGAN),
    "stylegan2_cifar10": _published("stylegan2", "cifar10", 64, 512, _STYLEGAN2),
    "r3gan_cifar10": _published("r3gan", "cifar10", 512, 64, _R3GAN),
}

# No network is told labels.
WORKS = {
    # Gulrajani et al. 2017 on MNIST.
    "mnist_dcgan": _work(GeneratorConfig("dcgan_mnist", 64), CriticConfig("dcgan", 64), 64, (28, 28, 1)),
    "mlp_2d": _work(GeneratorConfig("mlp", 256, depth=2, latent=2), CriticConfig("mlp", 256, depth=2), 256, (2,)),
    "resnet_32": _work(GeneratorConfig("resnet", 64), CriticConfig("resnet", 64), 32),
    # Its critic steps alone, on the samples of a generator that costs nothing.
    "resnet_critic": _work(
        GeneratorConfig("mlp", 8, depth=1, latent=8), CriticConfig("resnet", 64), 32, only_critic=True
    ),
    # The published games with smaller networks.
    "sngan_32": _work(
        GeneratorConfig("biggan", 64, depth=3, latent=128, max_width=64),
        CriticConfig("biggan", 64, depth=2, last_blocks=2, max_width=64),
        32,
        **_SNGAN,
    ),
    "stylegan2_32": _work(
        GeneratorConfig("stylegan2", 16, depth=3, latent=64, max_width=64, mapping_depth=2),
        CriticConfig("stylegan2", 16, depth=3, max_width=64, residual=False, set_size=4),
        32,
        **_STYLEGAN2,
    ),
    # Ho et al. 2020, narrower.
    "unet_32": Work(
        Experiment(
            diffusion=Diffusion(DenoiserConfig("unet", features=(32, 64, 64, 64), attention=(16,)), preset="ddpm"),
            batch_size=32,
        ),
        (32, 32, 3),
    ),
    **GPU_WORKS,
}


def with_method(experiment: Experiment, name: str) -> Experiment:
    """Return the experiment with a penalty or a constraint of a name, one of `METHODS`; "r1/16" is a lazy one.

    `OWN` leaves it as it is. The generator's constraint stays in any case.
    """
    if name == OWN:
        return experiment
    if experiment.gan is None:
        raise ValueError(f"only a GAN has a penalty or a constraint: {name}")
    name, _, every = name.partition("/")
    hard = name in CONSTRAINTS
    gan = replace(
        experiment.gan,
        penalty=PenaltyConfig("none") if hard else PenaltyConfig(name, every=int(every) if every else None),
        constraint=ConstraintConfig(name if hard else "none"),
    )
    if name == "bjorck":  # what it is made for
        gan = replace(gan, critic=replace(gan.critic, activation="group_sort"))
    return replace(experiment, gan=gan)


def method_of(experiment: Experiment) -> str:
    """Name the penalty or the constraint that an experiment has, or both, as `with_method` does."""
    if experiment.gan is None:
        return "none"
    gan, every = experiment.gan, lazy_period(experiment)
    penalty = f"{gan.penalty.name}/{every}" if every > 1 else gan.penalty.name
    return "+".join(name for name in (penalty, gan.constraint.name) if name != "none") or "none"


def lazy_period(experiment: Experiment) -> int:
    """Critic steps from one penalty to the next; 1 where there is none."""
    penalty = experiment.gan.penalty.build() if experiment.gan else None
    return penalty.every if penalty else 1


def critic_steps(experiment: Experiment) -> int:
    """In one iteration; 1 of what is no GAN."""
    return experiment.gan.critic_steps if experiment.gan else 1
