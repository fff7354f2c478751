"""WGAN-GP on the real 8x8 handwritten digits, from noise to legible digits in about a minute.

gan-jax train experiments/digits_wgan_gp.py
"""

from gan_jax.experiment import GAN, Adam, Critic, Data, Experiment, Generator

adam = Adam(learning_rate=8e-4, b1=0.5, decay_steps=6_000)

experiment = Experiment(
    data=Data(source="digits", noise=0.15),  # about one of the 17 grey levels, which are 0.125 apart
    gan=GAN(
        generator=Generator(name="mlp", width=256, latent=32),
        critic=Critic(name="mlp", width=256),
        generator_optimizer=adam,
        critic_optimizer=adam,
    ),
    batch_size=64,
    steps=6_000,
)
