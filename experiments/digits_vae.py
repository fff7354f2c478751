"""The real 8x8 handwritten digits by a variational autoencoder.

`gan-jax train experiments/digits_vae.py` takes about 35 s on two CPU cores, and `gan-jax likelihood` then gives 3.68 +-
0.03 bits per dimension of the 360 held-out digits, by the importance-weighted bound of 100 draws; a mixture of
Gaussians (`python -m benchmarks.mixture`) takes 6.16. Trained for longer it learns the training digits by heart:
samples become better, and the held-out digits unlikely.
"""

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
