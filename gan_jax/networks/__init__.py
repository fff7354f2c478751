"""Generators, critics and denoisers as Flax modules without state: `init` makes parameters, `apply` is a pure function.

A generator maps noise (N, z) to samples (N, *shape), images in [-1, 1]; a critic maps samples (N, *shape) to scores
(N,). One that scores sets of consecutive samples has a field `set_size`. A denoiser maps noisy samples and times (N,)
to samples. The layers compute in `dtype`; parameters, scores and samples are float32.
"""

from gan_jax.networks import biggan, dcgan, mlp, patch, r3gan, resnet, stylegan, stylegan2, text_unet, unet, vae

__all__ = ["CRITICS", "DENOISERS", "GENERATORS", "PRESETS", "VAES"]

GENERATORS = {
    "mlp": mlp.Generator,
    "dcgan": dcgan.Generator,
    "dcgan_mnist": dcgan.MnistGenerator,
    "resnet": resnet.Generator,
    "biggan": biggan.Generator,
    "r3gan": r3gan.Generator,
    "stylegan": stylegan.Generator,
    "stylegan2": stylegan2.Generator,
}
CRITICS = {
    "mlp": mlp.Critic,
    "deep_sets": mlp.SetCritic,
    "dcgan": dcgan.Critic,
    "resnet": resnet.Critic,
    "patch": patch.Critic,
    "biggan": biggan.Critic,
    "r3gan": r3gan.Critic,
    "stylegan": stylegan.Critic,
    "stylegan2": stylegan2.Critic,
}
DENOISERS = {
    "mlp": mlp.Denoiser,
    "unet": unet.Denoiser,
    "text_unet": text_unet.Denoiser,
}
VAES = {
    "mlp": vae.MlpVAE,
    "conv": vae.ConvVAE,
}

PRESETS = {
    "biggan": biggan.PRESETS,
    "r3gan": r3gan.PRESETS,
    "stylegan": stylegan.PRESETS,
    "stylegan2": stylegan2.PRESETS,
}
"""Published settings of the networks of a name, by their own."""
