"""MNIST by diffusion, told the labels, at a width for two CPU cores."""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

IMAGES = 320_000

experiment = Experiment(
    data=DataConfig(source="mnist"),
    diffusion=Diffusion(
        network=DenoiserConfig(name="unet", features=(32, 64), blocks=2, attention=(7,), patch=2),
        preset="edm",
        sampler="dpm_2m",
        steps=20,
        conditional=True,
        guidance=1.4,
        optimizer=AdamConfig(learning_rate=Cosine(first=2e-3, last=2e-5, images=IMAGES), b1=0.9, b2=0.99),
        ema_decay=HalfLife(15_000.0),
    ),
    batch_size=64,
    steps=5_000,
)
