"""Eight devices compute what one does, in every mode, and exchange no more than they must."""

import re
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import losses, penalties
from gan_jax.errors import InputError
from gan_jax.networks import mlp
from gan_jax.penalties import PENALTIES
from gan_jax.sharding import concat_apply
from gan_jax.systems.gan import gan
from gan_jax.training import checkpoint, devices, loop

BATCH = 16
DATA = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
KEY = jax.random.key(0)

adam = optax.adam(1e-3)
# The bias of a critic that is asked for differences alone has no gradient but rounding, of which Adam makes steps.
paired = {
    "loss": losses.relativistic,
    "penalty": PENALTIES["wgan_gp"]._replace(points=penalties.at_both),
    "critic": mlp.SetCritic(width=8, depth=1, set_size=2),
    "critic_optimizer": optax.sgd(1e-2),
}

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


def system(sharding, **changes):
    settings = {
        "generator": mlp.Generator(shape=(2,), width=8, depth=1),
        "critic": mlp.Critic(width=8, depth=1),
        "loss": losses.wasserstein,
        "penalty": PENALTIES["wgan_gp"],
        "generator_optimizer": adam,
        "critic_optimizer": adam,
        "latent": 4,
        "batch_size": BATCH,
        "critic_steps": 3,
        "ema_decay": 0.99,
    }
    return gan(**settings | changes, sharding=sharding)


def block(plan, **changes):
    """A compiled block `(state, start, stop) -> (state, metrics)`, and the state to begin with."""
    game = system(plan.sharding, **changes)
    state, data = plan.replicate(jax.jit(game.init)(KEY, DATA[:1])), plan.replicate(DATA)
    run = loop.compile_block(game, state, data, KEY, 0.1, plan)
    return lambda state, start, stop: run(state, data, KEY, np.int32(start), np.int32(stop)), state


@cache
def ten_iterations(mode, paired_up):
    """The compiled block, the state after five iterations, after ten, the metrics, and the fakes seen on the way."""
    changes, seen = paired if paired_up else {}, []
    penalty = changes.get("penalty", PENALTIES["wgan_gp"])

    def watching(key, *, real, fake):
        jax.debug.callback(lambda fake: seen.append(np.asarray(fake)), fake)
        return penalty.points(key, real=real, fake=fake)

    plan = devices.SINGLE_DEVICE if mode is None else devices.data_parallel(8, mode)
    run, state = block(plan, **changes | {"penalty": penalty._replace(points=watching)})
    half, _ = run(state, 0, 5)
    whole, metrics = run(jax.tree.map(jnp.copy, half), 5, 10)
    jax.block_until_ready(whole)
    jax.effects_barrier()
    return run, half, whole, metrics, np.concatenate(seen)


@pytest.mark.parametrize(
    ("mode", "paired_up"), [*((mode, False) for mode in devices.STRATEGIES), ("jit", True), ("shard_map", True)]
)
def test_eight_devices_compute_what_one_does(mode, paired_up):
    _, _, state, metrics, _ = ten_iterations(mode, paired_up)
    _, _, state_of_one, metrics_of_one, _ = ten_iterations(None, paired_up)
    chex.assert_trees_all_close(state, state_of_one, rtol=1e-5, atol=1e-8)
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-5)


@pytest.mark.parametrize("mode", devices.STRATEGIES)
def test_every_device_holds_the_same_state(mode):
    for leaf in jax.tree.leaves(ten_iterations(mode, False)[2]):
        assert len(leaf.addressable_shards) == 8
        for shard in leaf.addressable_shards:
            np.testing.assert_array_equal(shard.data, leaf)


@pytest.mark.parametrize("mode", devices.STRATEGIES)
def test_no_two_devices_draw_the_same_noise(mode):
    fakes, fakes_of_one = (np.unique(ten_iterations(of, False)[-1], axis=0) for of in (mode, None))
    assert len(fakes_of_one) == 10 * 3 * BATCH
    np.testing.assert_allclose(fakes, fakes_of_one, atol=1e-5)


@pytest.mark.parametrize("mode", devices.STRATEGIES)
def test_a_state_goes_on_with_another_number_of_devices(mode, tmp_path):
    run_alone, _, whole, *_ = ten_iterations(None, False)
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, 5, ten_iterations(mode, False)[1])
        checkpoints.wait_until_finished()
        step, half = checkpoint.restore(checkpoints, jax.eval_shape(lambda: whole))
    moved, _ = run_alone(half, step, 10)
    chex.assert_trees_all_close(moved, whole, rtol=1e-5, atol=1e-8)


def test_jit_exchanges_sums_and_nothing_else():
    """No sample, real or generated, changes devices."""
    plan = devices.data_parallel(8)
    game = system(plan.sharding)
    state, batch = jax.eval_shape(game.init, KEY, DATA[:1]), jax.ShapeDtypeStruct((3 * BATCH, 2), jnp.float32)
    program = plan.compile(game.update, state, KEY, batch).as_text()
    assert set(re.findall(r" (all-\w+|collective-\w+|reduce-scatter)(?:-start)?\(", program)) == {"all-reduce"}


@pytest.mark.parametrize("mode", devices.STRATEGIES)
def test_parts_and_wholes(mode):
    plan = devices.data_parallel(4, mode)
    sharding = plan.sharding
    x = plan.replicate(np.arange(48.0, dtype=np.float32).reshape(2, 8, 3))

    def function(count, x):
        part = sharding.shard(x, axis=1)
        rows = sharding.concat_apply(lambda samples: samples.sum(axis=1), part)
        return count, sharding.all_gather(part[0]), sharding.all_gather(rows[1]), sharding.mean(rows.mean())

    _, first, rows, mean = plan.compile(function, plan.replicate(np.zeros(())), x)(plan.replicate(np.zeros(())), x)
    np.testing.assert_array_equal(first, x[0])
    np.testing.assert_array_equal(rows, x[1].sum(axis=1))
    np.testing.assert_allclose(mean, x.sum(axis=2).mean())


def test_together_keeps_each_part_in_one_place():
    x = jnp.arange(12).reshape(2, 6)
    order = []
    np.testing.assert_array_equal(
        concat_apply(lambda samples: order.append(samples) or 2 * samples, x, device_count=3), 2 * x
    )
    assert order[0].tolist() == [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]


def test_more_devices_than_there_are():
    with pytest.raises(InputError, match=r"^--devices: 9 are more than the 8 that jax sees$"):
        devices.data_parallel(9)


@pytest.mark.parametrize("mode", ["shard_map", "pmap"])
def test_parts_are_equal(mode):
    plan = devices.data_parallel(8, mode)
    with pytest.raises(ValueError, match=r"axis 0 of \(12,\) cannot be shared by 8 devices"):
        plan.compile(lambda state, x: (state, plan.sharding.shard(x)), *plan.replicate((np.zeros(2), np.zeros(12))))
