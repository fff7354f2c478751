"""CLIP's embeddings of the 8x8 digits by their captions: unCLIP's prior, on the run of `captioned_digits_clip.py`.

It takes 1 minute on two CPU cores.
"""

from gan_jax import AdamConfig, Cosine, DataConfig, Experiment, HalfLife, Prior

STEPS, BATCH = 1_200, 128

experiment = Experiment(
    data=DataConfig(source="captioned_digits", dequantization=0.0625),
    prior=Prior(
        clip="runs/captioned_digits_clip",
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(50 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
