"""What is measured: whole WGAN-GP iterations, built by the experiment's own path."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from gan_jax import GAN, AdamConfig, ConstraintConfig, CriticConfig, Experiment, GeneratorConfig, PenaltyConfig
from gan_jax.constraints import CONSTRAINTS
from gan_jax.penalties import PENALTIES
from gan_jax.types import Spec

METHODS = ["none", *PENALTIES, *CONSTRAINTS]
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


def _work(generator: GeneratorConfig, critic: CriticConfig, batch_size: int, shape: tuple[int, ...], **options) -> Work:
    gan = GAN(generator, critic, generator_optimizer=_ADAM, critic_optimizer=_ADAM)
    return Work(Experiment(gan=gan, batch_size=batch_size), shape, **options)


WORKS = {
    # Gulrajani et al. 2017 on MNIST.
    "mnist_dcgan": _work(GeneratorConfig("dcgan_mnist", 64), CriticConfig("dcgan", 64), 64, (28, 28, 1)),
    "mlp_2d": _work(GeneratorConfig("mlp", 256, depth=2, latent=2), CriticConfig("mlp", 256, depth=2), 256, (2,)),
    "resnet_32": _work(GeneratorConfig("resnet", 64), CriticConfig("resnet", 64), 32, (32, 32, 3)),
    # Its critic steps alone, on the samples of a generator that costs nothing.
    "resnet_critic": _work(
        GeneratorConfig("mlp", 8, depth=1, latent=8), CriticConfig("resnet", 64), 32, (32, 32, 3), only_critic=True
    ),
}


def with_method(experiment: Experiment, name: str) -> Experiment:
    """Return the experiment with a penalty or a constraint of a name, one of `METHODS`; "r1/16" is a lazy one."""
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
