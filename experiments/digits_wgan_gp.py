"""WGAN-GP on the real 8x8 handwritten digits.

gan-jax train experiments/digits_wgan_gp.py
"""

from gan_jax.experiment import GAN, Adam, Critic, Data, Experiment, Generator

experiment = Experiment(
    data=Data(source="digits"),
    gan=GAN(
        generator=Generator(name="mlp", width=256, latent=32),
        critic=Critic(name="mlp", width=256),
        generator_optimizer=Adam(learning_rate=2e-4, b1=0.0),
        critic_optimizer=Adam(learning_rate=2e-4, b1=0.0),
    ),
    batch_size=128,
    steps=6_000,
)
