"""Discs of random colours by a small U-Net, the base of `discs_control.py`."""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

STEPS, BATCH = 1_200, 32

experiment = Experiment(
    data=DataConfig(source="discs"),
    diffusion=Diffusion(
        network=DenoiserConfig(name="unet", features=(16, 32), blocks=1, attention=(), patch=2),
        preset="edm",
        steps=12,
        clip=True,
        optimizer=AdamConfig(learning_rate=Cosine(first=2e-3, last=2e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
    sample_every=500,
    checkpoint_every=500,
)
