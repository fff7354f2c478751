"""MNIST by a convolutional variational autoencoder with a small ladder of latents.

`gan-jax train experiments/mnist_vae.py --data-dir FOLDER`, where FOLDER holds MNIST as TFDS prepares it. Not trained to its
end yet.
"""

from gan_jax import VAE, AdamConfig, Cosine, DataConfig, Experiment, HalfLife, VAENetworkConfig

IMAGES = 320_000

experiment = Experiment(
    data=DataConfig(source="mnist"),
    vae=VAE(
        network=VAENetworkConfig(name="conv", width=256, features=32, depth=2, latents=(16, 16)),
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=IMAGES), b1=0.9, b2=0.99),
        ema_decay=HalfLife(20_000.0),
    ),
    batch_size=128,
    steps=2_500,
)
