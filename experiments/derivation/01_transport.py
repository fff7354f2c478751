"""A distribution on the line mapped to N(0, 1), and to two blocks with a gap, by CDF and inverse CDF.

`python experiments/derivation/01_transport.py` takes about 12 s on two CPU cores. The mapped samples are as far from
samples of the target as two independent samples of the target are from each other, and neither map ever falls.
"""

from functools import partial

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, RED, panels, publish
from jax.scipy.stats import norm

from gan_jax.divergences import histogram
from gan_jax.transport import cdf, to_normal, transport_map, wasserstein_1d
from gan_jax.types import Array, Key

GRID = jnp.arange(-1280, 1281) / 256  # the edges of the blocks are points of it
CELLS = jnp.linspace(-4.0, 4.0, 65)
SOURCE = 0.4 * norm.pdf(GRID, 1.7, 0.5) + 0.6 * 6.25 * jnp.maximum(GRID + 2, 0) * jnp.exp(-2.5 * (GRID + 2))
BLOCKS = jnp.where((jnp.abs(GRID) > 0.75) & (jnp.abs(GRID) < 2.5), 1 / 3.5, 0)
SHAPE, REPEATS = (10_000,), 100


# Samples are drawn without the functions under test, so that a wrong map would show.
def draw_source(key: Key) -> Array:
    """Draw from `0.6 (Gamma(2) / 2.5 - 2) + 0.4 N(1.7, 0.5^2)`."""
    keys = jax.random.split(key, 3)
    gamma = jax.random.exponential(keys[0], (2, *SHAPE)).sum(0)
    right = 1.7 + 0.5 * jax.random.normal(keys[1], SHAPE)
    return jnp.where(jax.random.bernoulli(keys[2], 0.6, SHAPE), gamma / 2.5 - 2, right)


def draw_blocks(key: Key) -> Array:
    """Draw evenly from (-2.5, -0.75) and (0.75, 2.5)."""
    x = jax.random.uniform(key, SHAPE, minval=-1.75, maxval=1.75)
    return x + jnp.where(x > 0, 0.75, -0.75)


TARGETS = {
    "N(0, 1)": (
        norm.pdf(GRID),
        partial(jax.random.normal, shape=SHAPE),
        jax.jit(lambda x: to_normal(x, SOURCE, GRID)),
        BLUE,
    ),
    "two blocks": (BLOCKS, draw_blocks, jax.jit(transport_map(SOURCE, BLOCKS, GRID)), RED),
}


def distances(g, draw, key: Key) -> tuple[Array, Array]:
    """Mean Wasserstein distance of mapped samples to those of the target, and of the latter to each other."""

    def once(key: Key):
        keys = jax.random.split(key, 3)
        target = draw(keys[0])
        return wasserstein_1d(g(draw_source(keys[1])), target), wasserstein_1d(draw(keys[2]), target)

    return jax.tree.map(jnp.mean, jax.jit(jax.vmap(once))(jax.random.split(key, REPEATS)))


def cdf_deviation(x: Array, pdf: Array) -> Array:
    """Kolmogorov's distance of sorted samples to a density: `sup |F_N - F|`, by chance about `0.87 / sqrt N`."""
    f, level = jnp.interp(x, GRID, cdf(pdf, GRID)), jnp.arange(len(x) + 1) / len(x)
    return jnp.maximum(level[1:] - f, f - level[:-1]).max()


def shade(fill, pdf: Array) -> None:
    """Fill the area below a density, every other quarter of its mass in a darker gray."""
    quarter = jnp.floor(4 * cdf(pdf, GRID))
    fill(GRID, pdf, color=GRAY, alpha=0.25, lw=0, label="density")
    fill(GRID, pdf, color=GRAY, alpha=0.3, lw=0, where=quarter % 2 == 1)


def experiment():
    """Map samples of the source to each target; compare with samples of the target, and those with each other."""
    figure, axes = panels(3, 2, height=2.4, sharex="col", sharey="row", width_ratios=(2, 1, 1), height_ratios=(1, 2))
    (above, *corner), (below, *beside) = axes
    shade(above.fill_between, SOURCE)
    above.set(title="source, in quarters of its mass", yticks=[])
    x, measured = jnp.sort(draw_source(jax.random.key(1))), {}
    for (name, (pdf, draw, g, color)), axis, empty in zip(TARGETS.items(), beside, corner, strict=True):
        y, (near, floor) = g(x), distances(g, draw, jax.random.key(0))
        measured[name] = {
            "wasserstein": float(near),
            "wasserstein_target_to_itself": float(floor),
            "mean": float(y.mean()),
            "sd": float(y.std()),
            "largest_fall": float(jnp.maximum(y[:-1] - y[1:], 0).max()),
            "cdf_deviation": float(cdf_deviation(y, pdf)),
        }
        below.plot(x, y, color=color, label=f"map to {name}")
        shade(axis.fill_betweenx, pdf)
        height = histogram(y, CELLS) / jnp.diff(CELLS)
        axis.stairs(height, CELLS, orientation="horizontal", color=color, lw=1.2, label="mapped samples")
        axis.set(title=name, xticks=[])
        axis.legend(loc="upper right")
        empty.set_axis_off()
    below.set(xlabel="x", ylabel="y", xlim=(-3, 4), ylim=(-4, 4))
    below.legend(loc="upper left")
    return figure, measured


if __name__ == "__main__":
    publish(__file__)
