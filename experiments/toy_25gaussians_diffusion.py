"""25 Gaussians by diffusion."""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

STEPS, BATCH = 10_000, 1024

experiment = Experiment(
    data=DataConfig(source="25gaussians"),
    diffusion=Diffusion(
        network=DenoiserConfig(name="mlp", width=128, depth=3),
        preset="edm",
        steps=25,
        optimizer=AdamConfig(learning_rate=Cosine(first=2e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
