"""Digits that are cut off, by a network that is told by how much, as SDXL is: asked for (0, 0) it draws whole ones."""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

STEPS, BATCH = 2_000, 128

experiment = Experiment(
    data=DataConfig(source="cropped_digits", dequantization=0.0625),
    diffusion=Diffusion(
        network=DenoiserConfig(name="mlp", width=256, depth=3),
        numbers=("crop",),
        preset="edm",
        steps=12,
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
