"""The 8x8 digits by DALL-E 2's way: captions, embeddings by the prior, images of these."""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Experiment, HalfLife, Unclip

STEPS, BATCH = 2_000, 128

experiment = Experiment(
    data=DataConfig(source="captioned_digits", dequantization=0.0625),
    unclip=Unclip(
        clip="runs/captioned_digits_clip",
        prior="runs/captioned_digits_prior",
        network=DenoiserConfig(name="mlp", width=256, depth=3),
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
