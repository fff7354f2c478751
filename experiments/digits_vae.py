"""Digits by a variational autoencoder."""

from gan_jax import VAE, AdamConfig, Cosine, DataConfig, Experiment, HalfLife, VAENetworkConfig

STEPS, BATCH = 3_000, 128

experiment = Experiment(
    data=DataConfig(source="digits"),
    vae=VAE(
        network=VAENetworkConfig(name="mlp", width=256, depth=1, latents=(16,)),
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
