"""Digits by diffusion."""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

STEPS, BATCH = 5_000, 128

experiment = Experiment(
    data=DataConfig(source="digits", dequantization=0.0625),  # half of a step between the 17 gray levels
    diffusion=Diffusion(
        network=DenoiserConfig(name="mlp", width=512, depth=4),
        preset="edm",
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
