"""The 8x8 digits and captions of them, "a thin seven, leaning left", to one sphere of embeddings."""

from gan_jax import AdamConfig, Clip, Cosine, DataConfig, Experiment, HalfLife

STEPS, BATCH = 1_500, 128
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

experiment = Experiment(
    data=DataConfig(source="captioned_digits", dequantization=0.0625),
    clip=Clip(
        prompts=tuple(f"{'an' if word == 'eight' else 'a'} {word}" for word in WORDS),
        optimizer=AdamConfig(learning_rate=Cosine(first=2e-3, last=2e-5, images=STEPS * BATCH), b1=0.9, b2=0.98),
        ema_decay=HalfLife(50 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
