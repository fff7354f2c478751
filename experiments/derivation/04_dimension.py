"""Why histograms stop at a few dimensions: the number of cells, and what it does to an estimate of JS.

`python experiments/derivation/04_dimension.py` takes about 5 s on two CPU cores. With every axis cut in two and 10,000
samples of each, two samples of the same distribution seem further apart at 12 dimensions than different ones truly are.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from gallery import BLUE, GRAY, GREEN, ORANGE, RED, panels, publish
from jax.scipy.stats import norm

from gan_jax.divergences import js, log10_cells
from gan_jax.types import Array

SAMPLES, DIMENSIONS, SHIFT = 10_000, 24, 1.0
MNIST, ATOMS = 28 * 28, 80  # pixels; log10 of the atoms in the visible universe
NOTE = {"textcoords": "offset points", "fontsize": 8, "color": GRAY}
CELLS = {100: ORANGE, 10: GREEN, 2: BLUE}


@jax.jit
def js_of_counts(counts: Array) -> Array:
    """JS of two rows of counts, one for each sample."""
    return js(*(counts / SAMPLES))


def js_by_dimension(x: Array, y: Array) -> np.ndarray:
    """Estimates of JS from two samples (N, D), on the orthants of their first d axes, for d from 1 to D."""
    # The signs of the first d coordinates, read as the digits of a number, name the orthant.
    orthants = np.cumsum((np.stack([x, y]) > 0) << np.arange(x.shape[-1]), axis=-1)
    estimates = []
    for orthant in np.moveaxis(orthants, -1, 0):
        _, cell = np.unique(orthant, return_inverse=True)
        cell = cell.reshape(orthant.shape)
        # Empty cells add nothing to JS, and give every dimension one shape to compile.
        estimates.append(js_of_counts(np.stack([np.bincount(c, minlength=2 * SAMPLES) for c in cell])))
    return np.array(estimates)


def draw_cells(axis) -> None:
    """Draw the number of cells against dimension; both scales are logarithmic, the second one twice."""
    dimensions = [1, 10_000]
    for cells, color in CELLS.items():
        axis.loglog(dimensions, [log10_cells(cells, d) for d in dimensions], color=color, label=f"K = {cells}")
    for exponent in (math.log10(SAMPLES), ATOMS):
        axis.axhline(exponent, color=GRAY, lw=0.8, ls=":")
    axis.annotate("atoms in the\nvisible universe", (1, ATOMS), (4, 4), **NOTE)
    axis.annotate(f"{SAMPLES:,} samples", (10_000, math.log10(SAMPLES)), (0, 4), ha="right", **NOTE)
    axis.plot(MNIST, log10_cells(2, MNIST), "o", color=BLUE)
    text = f"MNIST\n$2^{{784}} \\approx 10^{{{log10_cells(2, MNIST):.0f}}}$"
    axis.annotate(text, (MNIST, log10_cells(2, MNIST)), (8, -14), **NOTE | {"color": BLUE})
    axis.set(title="number of cells, $K^d$", xlabel="dimensions d", xlim=(1, 10_000), ylim=(0.25, 10_000))
    axis.set_yticks([1, 10, 100, 1000, 10_000], [f"$10^{{{e}}}$" for e in (1, 10, 100, 1000, 10_000)])
    axis.minorticks_off()
    axis.legend(loc="upper left")


def experiment():
    """Count cells by dimension; estimate JS by dimension, for equal distributions and for different ones."""
    figure, (left, right) = panels(2, height=3.4)
    draw_cells(left)
    x, y, z = jax.random.normal(jax.random.key(0), (3, SAMPLES, DIMENSIONS))
    truth = js(jnp.array([0.5, 0.5]), jnp.array([norm.cdf(-SHIFT), norm.cdf(SHIFT)]))
    equal, different = js_by_dimension(x, y), js_by_dimension(x, z.at[:, 0].add(SHIFT))
    dimensions = np.arange(1, DIMENSIONS + 1)
    right.axhline(math.log(2), color=GRAY, lw=0.8, ls=":")
    right.axvline(math.log2(SAMPLES), color=GRAY, lw=0.8, ls=":")
    right.annotate("as many cells\nas samples", (math.log2(SAMPLES), 0.11), (4, 0), **NOTE)
    for name, values, true, color in (("one mean shifted", different, truth, RED), ("no difference", equal, 0, BLUE)):
        right.axhline(true, color=color, lw=0.8)
        right.annotate("true", (DIMENSIONS + 1, true), (0, 3), ha="right", **NOTE | {"color": color})
        right.plot(dimensions, values, "o-", color=color, ms=4, label=name)
    right.set(title=f"JS estimated from {SAMPLES:,} samples each, K = 2", xlabel="dimensions d")
    right.set_yticks([0, 0.2, 0.4, 0.6, math.log(2)], ["0", "0.2", "0.4", "0.6", "log 2"])
    right.legend()
    return figure, {
        "log10_cells_of_mnist": log10_cells(2, MNIST),
        "true_js": float(truth),
        "js_of_equal": {d: float(equal[d - 1]) for d in (1, 5, 10, 15, 20, 24)},
        "js_of_different": {d: float(different[d - 1]) for d in (1, 5, 10, 15, 20, 24)},
        "equal_seem_different_from_dimension": int(dimensions[equal > truth].min()),
    }


if __name__ == "__main__":
    publish(__file__)
