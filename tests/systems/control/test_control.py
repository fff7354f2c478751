"""A ControlNet says nothing at first, its base is locked, and it learns to see the hint."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_data import hinted

from gan_jax import AdamConfig, Control, DenoiserConfig, Diffusion, Experiment
from gan_jax.data.discs import disc_masks, overlap, read_discs
from gan_jax.data.pipeline import batch_spec, preprocess_batch
from gan_jax.errors import InputError
from gan_jax.networks.control import ControlNet
from gan_jax.systems.control.controlled import Controlled

KEY = jax.random.key(0)
DATA = hinted()
SPEC = batch_spec(DATA.train)
BATCH = preprocess_batch(DATA.train.batch(slice(0, 8)), KEY, 0.0)
BASE = Diffusion(network=DenoiserConfig(name="unet", features=(8, 8), blocks=1, attention=()), steps=3)


@pytest.fixture(scope="module")
def base():
    """A run as it is open: all parameters away from zero, so that the network says something."""
    experiment = Experiment(data="discs", diffusion=BASE)
    spec = {"sample": SPEC["sample"]}
    system = experiment.build(spec)
    state = system.init(KEY, spec)
    moved = jax.tree.map(lambda leaf: leaf + 0.05, state.params)
    state = state._replace(ema=moved)
    return SimpleNamespace(experiment=experiment, system=system, state=state, spec=spec, shape=(4, 4, 3), classes=())


def build(base, **settings):
    return Control("base", widths=(4, 4), **settings).build(SPEC, batch_size=8, runs={"base": base})


@pytest.mark.slow
def test_at_first_it_says_what_its_base_says_bit_for_bit(base):
    system = build(base)
    state = system.init(KEY, SPEC)
    network = BASE.model(base.spec, batch_size=8, classes=0).network
    x, time = jax.random.normal(KEY, (2, 4, 4, 3)), jnp.array([10.0, 900.0])
    hint = jnp.asarray(DATA.train.batch(slice(0, 2))["hint"]).astype(jnp.float32) / 255
    controlled = Controlled(network, ControlNet(network, (4, 4)), base.state.ema)
    # Operation by operation: a compiler may round a sum otherwise where other things are around it.
    found = controlled.apply(state.ema, x, time, hint=hint)
    np.testing.assert_array_equal(found, network.apply(base.state.ema, x, time))
    with jax.disable_jit():
        drawn = system.sample(state, KEY, 2, {"hint": jnp.full((2, 4, 4, 1), 9, jnp.uint8)})
        np.testing.assert_array_equal(drawn, base.system.sample(base.state, KEY, 2))
    same = {name: state.params["params"][name] for name in ("Conv_0", "_Block_0", "time")}
    jax.tree.map(np.testing.assert_array_equal, same, {name: base.state.ema["params"][name] for name in same})


@pytest.mark.slow
def test_steps_move_it_but_not_its_base_and_the_hint_is_seen(base):
    locked = jax.tree.map(np.copy, base.state.ema)
    system = build(base, optimizer=AdamConfig(learning_rate=1e-2, b1=0.9, b2=0.99), ema_decay=0.5)
    state, update = system.init(KEY, SPEC), jax.jit(system.update)
    for i in range(3):
        state, metrics = update(state, jax.random.fold_in(KEY, i), BATCH)
    jax.tree.map(np.testing.assert_array_equal, locked, base.state.ema)
    assert np.isfinite(metrics["loss"])
    draw = jax.jit(lambda state, hint: system.sample(state, KEY, 2, {"hint": hint}))
    dark, light = (draw(state, jnp.full((2, 4, 4, 1), shade, jnp.uint8)) for shade in (0, 255))
    assert float(jnp.abs(dark - light).max()) > 1e-3


@pytest.mark.slow
def test_what_does_not_fit_is_refused(base):
    control = Control("base", widths=(4, 4))
    with pytest.raises(InputError, match=r"data\.source: the data have no hint beside the samples, but nothing"):
        control.build(base.spec, batch_size=8, runs={"base": base})
    gan = SimpleNamespace(experiment=Experiment(data="8gaussians"), state=None, shape=(2,))
    with pytest.raises(InputError, match="base: base is a run of 8gaussians"):
        control.build(SPEC, batch_size=8, runs={"base": gan})
    large = {**SPEC, "hint": jax.ShapeDtypeStruct((8, 8, 1), jnp.uint8)}
    with pytest.raises(InputError, match=r"hints are \(8, 8, 1\)"):
        control.build(large, batch_size=8, runs={"base": base})


@pytest.mark.slow
def test_discs_are_within_their_outlines():
    batch = read_discs().held_out.batch(slice(0, 50))
    centers, radii = np.array([[8.0, 7.5]]), np.array([4.0])
    filled, outline = disc_masks(centers, radii)
    assert filled.sum() == pytest.approx(np.pi * 16, rel=0.02)
    assert outline.sum() == pytest.approx(2 * np.pi * 4, rel=0.05)
    assert (batch["sample"].max(axis=(1, 2, 3)) == 255).all()
    assert overlap(batch["sample"], batch["sample"]).min() == 1
    assert overlap(batch["sample"], batch["sample"][::-1]).mean() < 0.5
