"""Generators and critics as Flax modules without state: `init` makes the parameters, `apply` is a pure function.

A generator maps noise (N, z) to samples (N, *shape), images in [-1, 1]; a critic maps samples (N, *shape) to scores
(N,). One that scores sets of consecutive samples has a field `set_size`. The layers compute in `dtype`; parameters,
scores and samples are float32.
"""

from gan_jax.networks import dcgan, mlp, resnet

__all__ = ["CRITICS", "GENERATORS"]

GENERATORS = {
    "mlp": mlp.Generator,
    "dcgan": dcgan.Generator,
    "dcgan_mnist": dcgan.MnistGenerator,
    "resnet": resnet.Generator,
}
CRITICS = {"mlp": mlp.Critic, "deep_sets": mlp.SetCritic, "dcgan": dcgan.Critic, "resnet": resnet.Critic}
