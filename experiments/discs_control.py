"""Discs that follow outlines, by a ControlNet of the run of `discs_diffusion.py`, which is locked."""

from gan_jax import AdamConfig, Control, Cosine, DataConfig, Experiment, HalfLife

STEPS, BATCH = 1_200, 32

experiment = Experiment(
    data=DataConfig(source="discs"),
    control=Control(
        base="runs/discs_diffusion",
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
    sample_every=500,
    checkpoint_every=500,
)
