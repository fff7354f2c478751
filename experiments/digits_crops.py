"""Digits that are cut off, by a network that is told by how much, as SDXL is: asked for (0, 0) it draws whole ones.

It takes a minute on two CPU cores. The mean centers of samples follow the crop asked for (correlation 0.998 with those
of real digits cropped so), and those of (0, 0) are where whole digits have theirs, within 0.1 of a pixel.
"""

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
