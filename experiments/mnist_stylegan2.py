"""StyleGAN2 on MNIST, told the labels, at a width for two CPU cores.

`gan-jax train experiments/mnist_stylegan2.py --data-dir FOLDER`, where FOLDER holds MNIST as TFDS prepares it. The
plain critic, R1 in every fourth step, styles of two noise vectors in half of the samples. With `gan-jax sample
--truncation 0.7` its digits are more alike and more legible.

MEASURED
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

adam = AdamConfig(learning_rate=Cosine(first=4e-3, last=1e-4, images=IMAGES), b1=0.0, b2=0.99)
size = {"width": 16, "max_width": 64, "depth": 2, "mapping_depth": 2}

experiment = Experiment(
    data=DataConfig(source="mnist"),
    gan=GAN(
        generator=GeneratorConfig(name="stylegan2", latent=64, **size),
        critic=CriticConfig(name="stylegan2", residual=False, set_size=4, **size),
        loss="non_saturating",
        penalty=PenaltyConfig("r1", weight=1.0, every=4),
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=1,
        ema_decay=HalfLife(20_000.0),
        style_mixing=0.5,
    ),
    batch_size=64,
    steps=7_000,
)
