"""R3GAN on CIFAR-10 in its authors' setting, for a GPU.

`gan-jax train experiments/cifar10_r3gan.py --data-dir FOLDER`, where FOLDER holds CIFAR-10 as TFDS prepares it. Over
the first 20 million images the learning rate and the penalty fall, the second decay, the EMA's half-life and the
strength of the augmentations grow; then they stay. The authors report a FID of 1.96 (50,000 samples against the
training images, Inception features). Their colors are changed half as often as the rest, where all here have one
strength, and the generator plays beside fresh real images, here beside those of the critic's step.

Measured: two iterations with a batch of 4 on two CPU cores, 3.0 GB. It has not been trained yet.
"""

from gan_jax import (
    GAN,
    AdamConfig,
    AugmentConfig,
    Cosine,
    CriticConfig,
    DataConfig,
    Experiment,
    GeneratorConfig,
    HalfLife,
    PenaltyConfig,
)

IMAGES = 20_000_000

adam = AdamConfig(
    learning_rate=Cosine(first=2e-4, last=5e-5, images=IMAGES),
    b1=0.0,
    b2=Cosine(first=0.9, last=0.99, images=IMAGES),
)

experiment = Experiment(
    data=DataConfig(source="cifar10", mirror=True),
    gan=GAN(
        generator=GeneratorConfig(name="r3gan", preset="cifar10", latent=64),
        critic=CriticConfig(name="r3gan", preset="cifar10"),
        loss="relativistic",
        penalty=PenaltyConfig("r1_r2", weight=Cosine(first=0.1, last=0.01, images=IMAGES)),  # twice gamma
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=1,
        ema_decay=HalfLife(Cosine(first=0.0, last=5_000_000.0, images=IMAGES), ramp=None),
        augment=AugmentConfig(
            policies=("blit", "geometry", "ada_color", "ada_cutout"),
            strength=Cosine(first=0.0, last=0.55, images=IMAGES),
        ),
    ),
    batch_size=512,
    steps=390_000,
)
