"""Bits per dimension of a mixture of Gaussians: what a model with a likelihood has to beat.

`python -m benchmarks.mixture --data digits` fits scikit-learn's mixtures of full covariance to the dequantized training
images, takes the number of components that is best on a fifth of them, and scores the held-out images.
"""

import argparse
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.images import preprocess
from gan_jax.diffusion import bits_per_dimension, dequantize
from gan_jax.runs import DataConfig

__all__ = ["main", "mixture_bits"]

_COMPONENTS = (1, 5, 10, 20, 40)


def mixture_bits(train: np.ndarray, held_out: np.ndarray, *, seed: int = 0) -> tuple[float, int]:
    """Return the bits per dimension that held-out images (M, H, W, C), uint8, take, and the number of components."""
    from sklearn.mixture import GaussianMixture

    keys = jax.random.split(jax.random.key(seed))
    rows, others = (
        np.asarray(dequantize(key, preprocess(jnp.asarray(images))), np.float64).reshape(len(images), -1)
        for key, images in zip(keys, (train, held_out), strict=True)
    )
    part = len(rows) * 4 // 5

    def fitted(count: int, to: np.ndarray) -> GaussianMixture:
        return GaussianMixture(count, reg_covar=1e-4, random_state=seed).fit(to)

    best = max(_COMPONENTS, key=lambda count: fitted(count, rows[:part]).score(rows[part:]))
    log_density = fitted(best, rows).score_samples(others).mean()
    return float(bits_per_dimension(jnp.float32(log_density)[None], rows.shape[1])[0]), best


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, fit, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixture", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="digits", help="as of --data.source")
    parser.add_argument("--data-dir", help="folder of prepared TFDS data sets")
    parser.add_argument("--n", type=int, default=10_000, help="training images, at most")
    options = parser.parse_args(arguments)
    data = DataConfig(source=options.data, dir=options.data_dir).read()
    train, held_out = (
        source.batch(np.arange(min(options.n, len(source))))["sample"] for source in (data.train, data.held_out)
    )
    bits, components = mixture_bits(train, held_out)
    print(
        f"{bits:.3f} bits per dimension, {components} components, {len(held_out):,} images held out of {options.data}"
    )


if __name__ == "__main__":
    main()
