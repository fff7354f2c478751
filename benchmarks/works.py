"""What is measured: whole WGAN-GP iterations, built by the experiment's own path."""

from dataclasses import dataclass, replace

from gan_jax.constraints import CONSTRAINTS
from gan_jax.penalties import PENALTIES
from gan_jax.runs.experiment import GAN, Adam, Constraint, Critic, Experiment, Generator, Penalty

METHODS = ["none", *PENALTIES, *CONSTRAINTS]
_ADAM = Adam(learning_rate=1e-4, b1=0.5, b2=0.9)


@dataclass(frozen=True)
class Work:
    """An experiment, on samples of a shape.

    Attributes:
      only_critic: leave the generator as it is, and its step out.
    """

    experiment: Experiment
    shape: tuple[int, ...]
    only_critic: bool = False


def _work(generator: Generator, critic: Critic, batch_size: int, shape: tuple[int, ...], **options) -> Work:
    gan = GAN(generator, critic, generator_optimizer=_ADAM, critic_optimizer=_ADAM)
    return Work(Experiment(gan=gan, batch_size=batch_size), shape, **options)


WORKS = {
    # Gulrajani et al. 2017 on MNIST.
    "mnist_dcgan": _work(Generator("dcgan_mnist", 64), Critic("dcgan", 64), 64, (28, 28, 1)),
    "mlp_2d": _work(Generator("mlp", 256, depth=2, latent=2), Critic("mlp", 256, depth=2), 256, (2,)),
    "resnet_32": _work(Generator("resnet", 64), Critic("resnet", 64), 32, (32, 32, 3)),
    # Its critic steps alone, on the samples of a generator that costs nothing.
    "resnet_critic": _work(
        Generator("mlp", 8, depth=1, latent=8), Critic("resnet", 64), 32, (32, 32, 3), only_critic=True
    ),
}


def with_method(experiment: Experiment, name: str) -> Experiment:
    """Return the experiment with a penalty or a constraint of a name, one of `METHODS`; "r1/16" is a lazy one."""
    name, _, every = name.partition("/")
    hard = name in CONSTRAINTS
    gan = replace(
        experiment.gan,
        penalty=Penalty("none") if hard else Penalty(name, every=int(every) if every else None),
        constraint=Constraint(name if hard else "none"),
    )
    if name == "bjorck":  # what it is made for
        gan = replace(gan, critic=replace(gan.critic, activation="group_sort"))
    return replace(experiment, gan=gan)
