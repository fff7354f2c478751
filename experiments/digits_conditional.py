"""WGAN-GP on the real 8x8 handwritten digits, told their labels.

`gan-jax train experiments/digits_conditional.py` takes about 60 s on two CPU cores. Of 1,000 samples of each class the
package's classifier takes 98.8 % or more for that class (99.6 % of all). `gan-jax evaluate` gives a Fréchet distance of
6.3 +- 1.3, a precision of 0.92 +- 0.01 and a recall of 0.86 +- 0.02 (three sets of 360 samples of one run, seed 0),
where the same networks without labels get 7.7, 0.82 and 0.90: the samples are nearer to the data, and a little less
various.
"""

from gan_jax import GAN, AdamConfig, Cosine, CriticConfig, DataConfig, Experiment, GeneratorConfig

adam = AdamConfig(learning_rate=Cosine(first=8e-4, last=8e-6, images=3_200_000), b1=0.5)

experiment = Experiment(
    data=DataConfig(source="digits", dequantization=0.15),  # about one of the 17 gray levels, which are 0.125 apart
    gan=GAN(
        generator=GeneratorConfig(name="mlp", width=256, latent=32),
        critic=CriticConfig(name="mlp", width=256),
        conditional=True,
        generator_optimizer=adam,
        critic_optimizer=adam,
    ),
    batch_size=64,
    steps=10_000,
)
