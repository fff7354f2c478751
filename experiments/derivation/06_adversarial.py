"""The alternating objectives of the slides without any constraint: the critic runs away.

`python experiments/derivation/06_adversarial.py` takes about 15 s on two CPU cores.

The slides' D is a *distance*, low on real samples x and high on generated ones y: it ascends mean(D(y) - D(x)), and the
generator descends mean(D(y)). The field's critic is minus that distance, high on real samples; with `critic = -D`,
`losses.wasserstein` is the slides' pair to the letter: the critic descends `fake - real`, the generator `-fake`.
Nothing bounds the first: a critic twice as steep is twice as good at the game and no better as a distance.
"""

import jax
import jax.numpy as jnp
from gallery import BLUE, RED, game, panels, play, publish

from gan_jax.penalties import PENALTIES
from gan_jax.transport import wasserstein_1d
from gan_jax.types import Array, Key

STEPS = 1500


def real(key: Key, count: int) -> Array:
    """Two Gaussians on the line, (count, 1)."""
    side_key, noise_key = jax.random.split(key)
    return 1.5 * jax.random.rademacher(side_key, (count, 1), jnp.float32) + 0.3 * jax.random.normal(
        noise_key, (count, 1)
    )


def smooth(values: Array, window: int = 25) -> Array:
    """Running mean."""
    return jnp.convolve(values, jnp.full(window, 1 / window), "valid")


def experiment():
    """Play the game with and without the penalty that comes later, and watch the critic."""
    figure, axes = panels(3, sharex=True)
    shown = {
        "wasserstein": "mean score of real - generated",
        "slope": "gradient norm of the critic",
        "generator_param_grad_norm": "norm of the generator's gradient",
    }
    data_key, fake_key, key = jax.random.split(jax.random.key(0), 3)
    target = real(data_key, 20_000)[:, 0]
    measured = {}
    for name, weight, color in (("no constraint", 0.0, RED), ("gradient penalty", 0.1, BLUE)):
        system = game(penalty=PENALTIES["wgan_gp"]._replace(weight=weight))
        state, metrics, _ = play(system, key, real, steps=STEPS)
        fake = system.sample(state, fake_key, len(target))[:, 0]
        measured[name] = {"wasserstein_of_samples": float(wasserstein_1d(fake, target))}
        for metric, axis in zip(shown, axes, strict=True):
            size = smooth(jnp.abs(metrics[metric]))
            axis.plot(size, color=color, label=name)
            measured[name] |= {f"{metric}_first": float(size[0]), f"{metric}_last": float(size[-1])}
    for title, axis in zip(shown.values(), axes, strict=True):
        axis.set(yscale="log", xlabel="iteration", title=title)
    axes[1].legend(loc="center right")
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
