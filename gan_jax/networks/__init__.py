"""Generators and critics as Flax modules without state: `init` makes the parameters, `apply` is a pure function.

A generator maps noise (N, z) to samples (N, *shape), images in [-1, 1]; a critic maps samples (N, *shape) to scores
(N,). One that scores sets of consecutive samples has a field `set_size`. The layers compute in `dtype`; parameters,
scores and samples are float32.
"""

from gan_jax.networks import dcgan, mlp, r3gan, resnet, stylegan2

__all__ = ["CRITICS", "GENERATORS", "PRESETS"]

GENERATORS = {
    "mlp": mlp.Generator,
    "dcgan": dcgan.Generator,
    "dcgan_mnist": dcgan.MnistGenerator,
    "resnet": resnet.Generator,
    "r3gan": r3gan.Generator,
    "stylegan2": stylegan2.Generator,
}
CRITICS = {
    "mlp": mlp.Critic,
    "deep_sets": mlp.SetCritic,
    "dcgan": dcgan.Critic,
    "resnet": resnet.Critic,
    "r3gan": r3gan.Critic,
    "stylegan2": stylegan2.Critic,
}

PRESETS = {"r3gan": r3gan.PRESETS, "stylegan2": stylegan2.PRESETS}
"""Published settings of either network of a name: fields, by the data that they are for."""
