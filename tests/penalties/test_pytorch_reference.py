"""Penalties and their gradients by the parameters are those that PyTorch computed; see pytorch_reference.py."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.penalties import PENALTIES

FILE = Path(__file__).with_name("pytorch_reference.json")
REFERENCE = json.loads(FILE.read_text())
DRAWN = {"wgan_gp": "interpolated", "wgan_lp": "interpolated", "dragan": "around_real"}


def critic(params, x):
    return jnp.tanh(x @ params["w"] + params["b"][None]) @ params["v"] + params["c"]


def test_the_reference_covers_slopes_on_both_sides_of_the_bound():
    assert set(REFERENCE["penalties"]) == {"wgan_gp", "wgan_lp", "dragan", "r1", "r2"}
    of_one_side = REFERENCE["penalties"]["wgan_lp"]["values"]
    assert 0 < sum(value == 0 for value in of_one_side) < len(of_one_side)
    assert FILE.stat().st_size < 10_000


@pytest.mark.parametrize("name", REFERENCE["penalties"])
@jax.enable_x64(True)
def test_values_and_gradients_are_pytorchs(name):
    params = {leaf: jnp.asarray(value) for leaf, value in REFERENCE["params"].items()}
    real, fake = jnp.asarray(REFERENCE["real"]), jnp.asarray(REFERENCE["fake"])
    penalty = PENALTIES[name]
    if name in DRAWN:
        points = jnp.asarray(REFERENCE["points"][DRAWN[name]])
        penalty = penalty._replace(points=lambda key, *, real, fake: points)

    def values(params):
        return penalty(partial(critic, params), jax.random.key(0), real=real, fake=fake)

    expected = REFERENCE["penalties"][name]
    np.testing.assert_allclose(jax.jit(values)(params), expected["values"], rtol=1e-9)
    gradient = jax.jit(jax.grad(lambda params: values(params).mean()))(params)
    assert gradient.keys() == expected["gradient"].keys()
    for leaf, theirs in expected["gradient"].items():
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(gradient[leaf], theirs, rtol=1e-9, atol=1e-9 * scale, err_msg=leaf)
