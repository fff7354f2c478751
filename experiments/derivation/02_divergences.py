"""KL, JS and Wasserstein as one distribution slides past another; the slope of JS by way of histograms, hard and soft.

`python experiments/derivation/02_divergences.py` takes about 10 s on two CPU cores. Once the two are disjoint, KL is
infinite and JS stays at log 2, while Wasserstein grows on; by hard histograms JS has slope 0 at every shift.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from gallery import BLUE, GRAY, GREEN, ORANGE, PURPLE, RED, SKY, panels, publish

from gan_jax.divergences import histogram, js, kl, soft_histogram
from gan_jax.transport import inverse_cdf, wasserstein_1d
from gan_jax.types import Array

SHIFTS = jnp.linspace(-4.0, 4.0, 401)
GRID = jnp.linspace(-6.0, 6.0, 1201)
P_WIDTH, Q_WIDTH = 0.5, 2.0
CELLS = jnp.linspace(-4.0, 4.0, 41)
OPEN = CELLS.at[0].set(-jnp.inf).at[-1].set(jnp.inf)  # no sample is lost, however far it is shifted
SAMPLES, BANDWIDTHS = 500, {0.02: SKY, 0.2: BLUE, 1.0: PURPLE}
CURVES = {"KL(p, q)": (RED, "-"), "KL(q, p)": (ORANGE, "--"), "Wasserstein": (GREEN, "-"), "JS": (BLUE, "-")}
INFINITY = 4.6  # its place in the picture


def triangle(centre: float | Array, width: float) -> Array:
    """Density on the grid, zero at `width` from the centre and beyond."""
    return jnp.maximum(1 - jnp.abs(GRID - centre) / width, 0) / width


@jax.jit
@jax.vmap
def compare(shift: Array) -> dict[str, Array]:
    """How far p, narrow and shifted, is from q, wide and fixed: by their probabilities, and by their quantiles."""
    p, q = triangle(shift, P_WIDTH), triangle(0.0, Q_WIDTH)
    ranks = (jnp.arange(1000) + 0.5) / 1000
    wasserstein = wasserstein_1d(inverse_cdf(ranks, p, GRID), inverse_cdf(ranks, q, GRID))
    p, q = p / p.sum(), q / q.sum()
    return {"KL(p, q)": kl(p, q), "KL(q, p)": kl(q, p), "Wasserstein": wasserstein, "JS": js(p, q)}


def slope(estimate: Callable[[Array], Array], x: Array, y: Array) -> Array:
    """Derivative of the JS of two estimated histograms by the shift of x, at every shift."""
    return jax.jit(jax.vmap(jax.grad(lambda shift: js(estimate(x + shift), estimate(y)))))(SHIFTS)


def slide(densities, distances) -> dict:
    """Draw p and q, and how far they are apart; report the latter where they share no point."""
    densities.fill_between(GRID, triangle(-3.0, P_WIDTH), color=BLUE, alpha=0.5, lw=0, label="p")
    densities.fill_between(GRID, triangle(0.0, Q_WIDTH), color=GRAY, alpha=0.35, lw=0, label="q")
    densities.annotate("", (-1.5, 1.2), (-2.6, 1.2), arrowprops={"arrowstyle": "->", "color": BLUE})
    densities.set(title="p slides past q", ylim=(0, 2.2), yticks=[])
    values = compare(SHIFTS)
    for name, (color, line) in CURVES.items():
        finite = jnp.isfinite(values[name])
        distances.plot(SHIFTS, jnp.where(finite, values[name], jnp.nan), color=color, ls=line, label=name)
        distances.plot(SHIFTS, jnp.where(finite, jnp.nan, INFINITY), color=color, ls=line)
    distances.set(xlabel="shift of p", ylabel="distance", xlim=(-4, 4), ylim=(0, 5))
    distances.set_yticks([0, math.log(2), 2, 4, INFINITY], ["0", "log 2", "2", "4", "∞"])
    densities.legend(loc="upper right")
    distances.legend(loc="upper center", bbox_to_anchor=(0.5, 0.93))

    disjoint = jnp.abs(SHIFTS) >= P_WIDTH + Q_WIDTH
    ends = {name: [float(f(values[name][disjoint])) for f in (jnp.min, jnp.max)] for name in ("JS", "Wasserstein")}
    largest = jnp.abs(SHIFTS[jnp.isfinite(values["KL(p, q)"])]).max()
    return {"disjoint_least_and_largest": ends | {"log 2": math.log(2)}, "kl_finite_up_to_shift": float(largest)}


def differentiate(estimates, slopes) -> dict:
    """Draw the histograms of a sample, and the slope of JS by its shift past another; report how steep it gets."""
    x, y = 0.5 * jax.random.normal(jax.random.key(0), (2, SAMPLES))
    kinds = {"hard": (histogram, GRAY)}
    kinds |= {f"soft, h = {h}": (lambda *a, h=h: soft_histogram(*a, h), color) for h, color in BANDWIDTHS.items()}
    measured = {"largest_slope": {}, "slope_at_shift_4": {}}
    for name, (estimate, color) in kinds.items():
        values = slope(lambda z, estimate=estimate: estimate(z, OPEN), x, y)
        look = {"fill": True, "alpha": 0.35} if name == "hard" else {"lw": 1.4}
        estimates.stairs(estimate(x, CELLS), CELLS, color=color, label=name, **look)
        slopes.plot(SHIFTS, values, color=color)
        measured["largest_slope"][name] = float(jnp.abs(values).max())
        measured["slope_at_shift_4"][name] = float(values[-1])
    estimates.set(title="one sample, four histograms", yticks=[])
    estimates.legend(loc="upper right")
    slopes.set(xlabel="shift of the sample", ylabel="slope of JS", xlim=(-4, 4))
    return measured


def experiment():
    """Slide one density past another and measure; slide one sample past another and differentiate."""
    figure, ((densities, estimates), (distances, slopes)) = panels(2, 2, height=2.5, sharex="col")
    return figure, slide(densities, distances) | differentiate(estimates, slopes)


if __name__ == "__main__":
    publish(__file__)
