"""The real 8x8 handwritten digits by diffusion, with EDM's choices.

`gan-jax train experiments/digits_diffusion.py` takes about 71 s on two CPU cores, start and compilation included.
`gan-jax evaluate` then gives a Fréchet distance of 6.5 +- 0.5, a precision of 0.883 +- 0.015 and a recall of 0.884 +-
0.007 on 360 samples against the 360 held-out digits; real digits in the samples' place get 7.0, 0.90 and 0.93. Over
trainings with the seeds 0, 1, 2 and eight sets of samples each, precision is 0.892, 0.897, 0.886 and recall 0.881,
0.881, 0.883. More steps draw plainer and less various samples: 18 get 0.899 and 0.871. Trained for longer it copies
training digits. With `--sampler ddim --steps` 10, 20, 50 and 100 the distance is 14.8, 9.4, 7.6 and 7.0.
"""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

STEPS, BATCH = 5_000, 128

experiment = Experiment(
    data=DataConfig(source="digits", dequantization=0.0625),  # half of a step between the 17 gray levels
    diffusion=Diffusion(
        network=DenoiserConfig(name="mlp", width=512, depth=4),
        preset="edm",
        steps=12,
        optimizer=AdamConfig(learning_rate=Cosine(first=1e-3, last=1e-5, images=STEPS * BATCH), b1=0.9, b2=0.99),
        ema_decay=HalfLife(100 * BATCH),
    ),
    batch_size=BATCH,
    steps=STEPS,
)
