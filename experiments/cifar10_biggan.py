"""BigGAN on CIFAR-10 in StudioGAN's setting, for a GPU.

`gan-jax train experiments/cifar10_biggan.py --data-dir FOLDER`, where FOLDER holds CIFAR-10 as TFDS prepares it. Hinge
loss, both networks divided by their spectral norms, five critic steps of 64 images, 100,000 iterations. StudioGAN
reports a FID of 4.16 (50,000 samples against the training images, Inception features, the best checkpoint).

SNGAN and SAGAN are the presets of that name: for the first, `--gan.generator.preset sngan_cifar10`, the same of the
critic, `--gan.generator.latent 128` and `--gan.generator-constraint.name none`.

Measured: two iterations with a batch of 4 on two CPU cores, 1.5 GB. It has not been trained yet.
"""

from gan_jax import (
    GAN,
    AdamConfig,
    ConstraintConfig,
    CriticConfig,
    DataConfig,
    Experiment,
    GeneratorConfig,
    PenaltyConfig,
)

adam = AdamConfig(learning_rate=2e-4, b1=0.5, b2=0.999)

experiment = Experiment(
    data=DataConfig(source="cifar10", mirror=True),
    gan=GAN(
        generator=GeneratorConfig(name="biggan", preset="biggan_cifar10", latent=80),
        critic=CriticConfig(name="biggan", preset="biggan_cifar10"),
        loss="hinge",
        penalty=PenaltyConfig("none"),
        constraint=ConstraintConfig("spectral_normalization"),
        generator_constraint=ConstraintConfig("spectral_normalization"),
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
        ema_decay=0.9999,
    ),
    batch_size=64,
    steps=100_000,
)
