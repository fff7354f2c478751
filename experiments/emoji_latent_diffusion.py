"""Emoji of their names: diffusion of an autoencoder's 16x16x4 latents that is told "face with tears of joy".

The folder `emoji` is what `emoji_data.py` makes of an npm package; the autoencoder is that of `emoji_autoencoder`. It
takes 25 minutes on two CPU cores that have other work. A name's kind is drawn then, a flag or a runner or a button; its
details are not.
"""

from gan_jax import AdamConfig, Cosine, DenoiserConfig, Diffusion, Experiment, HalfLife, LatentDiffusion

STEPS, BATCH = 1_600, 32

experiment = Experiment(
    data="emoji",
    latent_diffusion=LatentDiffusion(
        autoencoder="runs/emoji_autoencoder",
        diffusion=Diffusion(
            network=DenoiserConfig("text_unet", features=(64, 96), heads=4, text_width=64, text_depth=2),
            preset="flow",
            steps=20,
            guidance=2.0,
            optimizer=AdamConfig(learning_rate=Cosine(first=2e-3, last=2e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
            ema_decay=HalfLife(50 * BATCH),
        ),
    ),
    batch_size=BATCH,
    steps=STEPS,
    sample_every=STEPS,
    checkpoint_every=250,
)
