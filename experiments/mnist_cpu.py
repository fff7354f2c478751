"""The best MNIST digits after ten minutes of training on two CPU cores, as far as has been measured.

`gan-jax train experiments/mnist_cpu.py --data-dir FOLDER`, where FOLDER holds MNIST as TFDS prepares it. Half the width
of the paper's networks, one critic step for each of the generator, the non-saturating loss, and a gradient penalty that
pulls the critic's slope at real images to zero (Mescheder, Geiger, Nowozin, 2018, Which training methods for GANs do
actually converge?). What else was tried, and the quality after each minute, is in docs/performance.md.
"""

from gan_jax import GAN, AdamConfig, Cosine, CriticConfig, DataConfig, Experiment, GeneratorConfig, PenaltyConfig

adam = AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=928_000), b1=0.0, b2=0.99)

experiment = Experiment(
    data=DataConfig(source="mnist"),
    gan=GAN(
        generator=GeneratorConfig(name="dcgan_mnist", width=32, latent=64),
        critic=CriticConfig(name="dcgan", width=32, depth=3),
        loss="non_saturating",
        penalty=PenaltyConfig("r1", weight=4.0),
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=1,
    ),
    batch_size=64,
    steps=14_500,
)
