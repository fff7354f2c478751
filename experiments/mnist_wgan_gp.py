"""WGAN-GP on MNIST, in the setting of Gulrajani et al. (2017), Improved training of Wasserstein GANs.

`gan-jax train experiments/mnist_wgan_gp.py --data-dir FOLDER`, where FOLDER holds MNIST as TFDS prepares it
(array_record); without the option TFDS's own folder is used, and filled where there is a network. An iteration takes
half a second on two CPU cores, the whole run about three hours there: it is meant for a GPU. Images lie in [-1, 1] here
and in [0, 1] in the paper, so distances are twice the paper's.
"""

from gan_jax import GAN, AdamConfig, CriticConfig, DataConfig, Experiment, GeneratorConfig, PenaltyConfig

adam = AdamConfig(learning_rate=1e-4, b1=0.5, b2=0.9)

experiment = Experiment(
    data=DataConfig(source="mnist"),
    gan=GAN(
        generator=GeneratorConfig(name="dcgan_mnist", width=64, latent=128),
        critic=CriticConfig(name="dcgan", width=64, depth=3),
        penalty=PenaltyConfig(weight=10.0),
        generator_optimizer=adam,
        critic_optimizer=adam,
        critic_steps=5,
    ),
    batch_size=64,
    steps=20_000,
    log_every=20,
    sample_every=200,
    checkpoint_every=200,
)
