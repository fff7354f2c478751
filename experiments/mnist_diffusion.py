"""MNIST by diffusion, told the labels, at a width for two CPU cores.

`gan-jax train experiments/mnist_diffusion.py --data-dir FOLDER`, where FOLDER holds MNIST as TFDS prepares it. Images
are cut into patches of 2x2; the U-Net has 32 and 64 features at 14x14 and 7x7.

It took 30 minutes beside other work (at 125 to 315 images/s; not timed alone). 10,000 samples by 20 steps of the
multistep solver with a guidance of 1.4 then have a Fréchet distance of 1.63 to the test images (features `digits`, seed
0; real training images: 0.30), a precision of 0.71 (0.86) and a recall of 0.86 (0.89); unguided, by Heun's 18 steps,
4.77, 0.66 and 0.90. Of 100 samples of each class 99 % are classified as that class.
"""

from gan_jax import AdamConfig, Cosine, DataConfig, DenoiserConfig, Diffusion, Experiment, HalfLife

IMAGES = 320_000

experiment = Experiment(
    data=DataConfig(source="mnist"),
    diffusion=Diffusion(
        network=DenoiserConfig(name="unet", features=(32, 64), blocks=2, attention=(7,), patch=2),
        preset="edm",
        sampler="dpm_2m",
        steps=20,
        conditional=True,
        guidance=1.4,
        optimizer=AdamConfig(learning_rate=Cosine(first=2e-3, last=2e-5, images=IMAGES), b1=0.9, b2=0.99),
        ema_decay=HalfLife(15_000.0),
    ),
    batch_size=64,
    steps=5_000,
)
