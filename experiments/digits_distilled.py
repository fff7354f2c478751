"""The real 8x8 handwritten digits by a one-step student of a diffusion run, against a critic with R1.

`gan-jax train experiments/digits_diffusion.py` first: it writes the teacher's run. `--distill.gan.penalty.name wgan_gp
--distill.gan.penalty.weight 10 --distill.gan.loss wasserstein` is another game. What half as many iterations reach
under three penalties is in docs/families.md.
"""

from gan_jax import (
    GAN,
    AdamConfig,
    Cosine,
    CriticConfig,
    DataConfig,
    Distill,
    Experiment,
    HalfLife,
    PenaltyConfig,
)

STEPS, BATCH = 3_000, 128

adam = AdamConfig(learning_rate=Cosine(first=2e-4, last=2e-6, images=STEPS * BATCH), b1=0.0, b2=0.99)

experiment = Experiment(
    data=DataConfig(source="digits"),
    distill=Distill(
        teacher="runs/digits_diffusion",
        gan=GAN(
            critic=CriticConfig(name="mlp", width=256, depth=3),
            loss="non_saturating",
            penalty=PenaltyConfig("r1", weight=1.0),
            generator_optimizer=adam,
            critic_optimizer=AdamConfig(
                learning_rate=Cosine(first=5e-4, last=5e-6, images=STEPS * BATCH), b1=0.0, b2=0.99
            ),
            critic_steps=1,
            ema_decay=HalfLife(100 * BATCH),
        ),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
