"""WGAN-GP on the Swiss roll.

`gan-jax train experiments/toy_swissroll.py` takes about 55 s on two CPU cores. On 1,000 samples against 1,000 held-out
points precision is then 0.98 and recall 0.69 (seed 0); real points in the samples' place give 0.96 and 0.96.
"""

from gan_jax import GAN, AdamConfig, Cosine, CriticConfig, DataConfig, Experiment, GeneratorConfig, PenaltyConfig

adam = AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=10_240_000), b1=0.0)

experiment = Experiment(
    data=DataConfig(source="swissroll"),
    gan=GAN(
        generator=GeneratorConfig(name="mlp", width=128, latent=2),
        critic=CriticConfig(name="mlp", width=128),
        penalty=PenaltyConfig(weight=0.1),
        generator_optimizer=adam,
        critic_optimizer=adam,
    ),
    batch_size=256,
    steps=8_000,
)
