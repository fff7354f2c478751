"""StyleGAN2 with adaptive augmentation on CIFAR-10 in its authors' setting, for a GPU.

`gan-jax train experiments/cifar10_stylegan2.py --data-dir FOLDER`, where FOLDER holds CIFAR-10 as TFDS prepares it. No
path lengths, no mixing, R1 with a gamma of 0.01 in every sixteenth step, 100 million images. The authors report a FID
of 2.42 (50,000 samples against the training images, Inception features). Their pipeline resamples once at twice the
size behind a wavelet filter, where `gan_jax.augment` takes exact permutations and one bilinear sampling.

Measured: two iterations with a batch of 32 on two CPU cores, 6.8 GB. It has not been trained yet.
"""

from gan_jax import (
    GAN,
    AdamConfig,
    AugmentConfig,
    CriticConfig,
    DataConfig,
    Experiment,
    GeneratorConfig,
    HalfLife,
    PenaltyConfig,
)

adam = AdamConfig(learning_rate=2.5e-3, b1=0.0, b2=0.99)

experiment = Experiment(
    data=DataConfig(source="cifar10"),
    gan=GAN(
        generator=GeneratorConfig(name="stylegan2", preset="cifar10", latent=512),
        critic=CriticConfig(name="stylegan2", preset="cifar10"),
        loss="non_saturating",
        penalty=PenaltyConfig("r1", weight=0.01, every=16),
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=1,
        ema_decay=HalfLife(500_000.0),
        augment=AugmentConfig(policies=("blit", "geometry", "ada_color"), strength=0.0, target=0.6),
    ),
    batch_size=64,
    steps=1_562_500,
)
