"""What a GAN does not give: the latent vector of a given sample, which has to be searched for.

`python experiments/derivation/12_inversion.py` trains experiments/digits_wgan_gp.py into `runs/` unless it is there
(70 s on two CPU cores), and inverts the generator in about 30 s.
"""

import jax
import jax.numpy as jnp
import numpy as np
from gallery import BLUE, GRAY, GREEN, ORANGE, panels, publish, trained

from gan_jax.data.images import preprocess, to_uint8
from gan_jax.data.sources import read
from gan_jax.figures.grid import grid
from gan_jax.inversion import invert
from gan_jax.networks.mlp import Generator

COUNT, SHOWN = 64, 8


def experiment():
    """Invert the generator at its own samples, at digits it has and has not seen, and at what is no digit."""
    run = trained("digits_wgan_gp")
    config = run.experiment.gan.generator
    network = Generator(shape=run.shape, width=config.width)
    generator = jax.jit(lambda noise: network.apply(run.state.generator_ema, noise))

    noise_key, pixel_key, search_key = jax.random.split(jax.random.key(0), 3)
    data = read("digits", None)
    kinds = {
        "its own samples": generator(jax.random.normal(noise_key, (COUNT, config.latent))),
        "digits it was trained on": preprocess(data.train.batch(slice(COUNT))["sample"]),
        "digits it never saw": preprocess(data.held_out.batch(slice(COUNT))["sample"]),
    }
    # No digits, and yet with the pixels of digits: each pixel from another image.
    kinds["pixels of many digits"] = jax.random.permutation(
        pixel_key, kinds["digits it was trained on"], independent=True
    )

    figure, (pictures, errors) = panels(2, width_ratios=(1, 1.4), width=8.5, height=3.6)
    rows, measured = [], {}
    for (kind, targets), color in zip(kinds.items(), (GRAY, GREEN, BLUE, ORANGE), strict=True):
        found = jax.jit(lambda key, x: invert(generator, key, x, latent=config.latent))(search_key, targets)
        rows += [*targets[:SHOWN], *found.samples[:SHOWN]]
        errors.plot(np.sort(found.errors), np.linspace(0, 1, COUNT), color=color, label=kind)
        measured[kind] = {
            "median_error": float(jnp.median(found.errors)),
            "largest_error": float(found.errors.max()),
            "median_length_of_latent": float(jnp.median(jnp.linalg.norm(found.latents, axis=1))),
        }
    pictures.imshow(grid(np.asarray(to_uint8(jnp.stack(rows))), SHOWN).squeeze(-1), cmap="gray")
    pictures.set(
        xticks=[], yticks=18 * np.arange(4) + 9, yticklabels=kinds, title="target, and below it what was found"
    )
    pictures.tick_params(length=0)
    pictures.spines[:].set_visible(False)
    errors.set(xlabel="root mean square error of the pixels, in [-1, 1]", ylabel="share of targets", xlim=(0, None))
    errors.legend(loc="lower right")
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
