"""digits."""

from gan_jax import GAN, AdamConfig, Cosine, CriticConfig, DataConfig, Experiment, GeneratorConfig

adam = AdamConfig(learning_rate=Cosine(first=8e-4, last=8e-6, images=3_200_000), b1=0.5)

experiment = Experiment(
    data=DataConfig(source="digits", dequantization=0.15),  # about one of the 17 gray levels, which are 0.125 apart
    gan=GAN(
        generator=GeneratorConfig(name="mlp", width=256, latent=32),
        critic=CriticConfig(name="mlp", width=256),
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
    ),
    batch_size=64,
    steps=10_000,
)
