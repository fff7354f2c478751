"""R3GAN on MNIST, told the labels, at a width for two CPU cores.

`gan-jax train experiments/mnist_r3gan.py --data-dir FOLDER`, where FOLDER holds MNIST as TFDS prepares it. The blocks,
the relativistic loss, the penalty at real and generated images, and the schedules are those of Huang et al. (2024), The
GAN is dead; long live the GAN!; what two cores ask for is less: images in patches of 2x2, two sizes, 32 and 64 features
in whole groups, one block in the critic and two in the generator, and 448,000 images.

It takes 14 minutes at 525 images/s. 10,000 samples then have a Fréchet distance of 1.23 to the test images (features
`digits`, seed 0; real training images: 0.30), a precision of 0.85 (0.86) and a recall of 0.43 (0.89).
"""

from gan_jax import (
    GAN,
    AdamConfig,
    Cosine,
    CriticConfig,
    DataConfig,
    Experiment,
    GeneratorConfig,
    HalfLife,
    PenaltyConfig,
)

IMAGES = 448_000

adam = AdamConfig(
    learning_rate=Cosine(first=1e-3, last=2e-5, images=IMAGES),
    b1=0.0,
    b2=Cosine(first=0.9, last=0.99, images=IMAGES),
)
size = {"width": 32, "max_width": 64, "depth": 1, "group_size": 128, "patch": 2}

experiment = Experiment(
    data=DataConfig(source="mnist"),
    gan=GAN(
        generator=GeneratorConfig(name="r3gan", latent=64, blocks=2, **size),
        critic=CriticConfig(name="r3gan", blocks=1, **size),
        loss="relativistic",
        penalty=PenaltyConfig("r1_r2", weight=Cosine(first=8.0, last=0.8, images=IMAGES)),
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=1,
        ema_decay=HalfLife(20_000.0),
    ),
    batch_size=64,
    steps=7_000,
)
