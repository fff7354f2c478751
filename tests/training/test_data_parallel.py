"""Eight devices compute what one does, in every strategy, and exchange no more than they must."""

import re
from dataclasses import replace
from functools import cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from labeled import LabeledCritic, LabeledGenerator

from gan_jax import losses, penalties
from gan_jax.constraints import CONSTRAINTS, leaving_out
from gan_jax.data import ArraySource, resident
from gan_jax.errors import InputError
from gan_jax.networks import biggan, mlp, r3gan, stylegan, stylegan2
from gan_jax.penalties import PENALTIES
from gan_jax.sharding import concat_apply
from gan_jax.systems.gan import AugmentConfig, PathLengthConfig, gan
from gan_jax.training import checkpoint, devices, loop
from gan_jax.training.checkpoint import Checkpoint

BATCH = 16
SOURCE = ArraySource({"sample": np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)})
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


def block(parallel, **changes):
    """A compiled block `(state, start, stop) -> (state, metrics)`, and the state to begin with."""
    game = system(parallel.sharding, **changes)
    pipeline = resident(SOURCE, size=game.counts["images"], dequantization=0.1, replicate=parallel.replicate)
    state = jax.jit(lambda: game.init(KEY, pipeline.spec))()
    state = jax.device_put(state, parallel.layout(state))
    run = loop.compile_block(game, pipeline, state, KEY, max_iterations=5, devices=parallel)
    arrays = pipeline.fetch(0, 1)
    return lambda state, start, stop: run(state, arrays, KEY, np.int32(start), np.int32(stop)), state


@cache
def ten_iterations(strategy, paired_up):
    """The compiled block, the state after five iterations, after ten, the metrics, and the fakes seen on the way."""
    changes, seen = paired if paired_up else {}, []
    penalty = changes.get("penalty", PENALTIES["wgan_gp"])

    def watching(key, *, real, fake):
        jax.debug.callback(lambda fake: seen.append(np.asarray(fake)), fake)
        return penalty.points.choose(key, real=real, fake=fake)

    parallel = devices.SINGLE_DEVICE if strategy is None else devices.data_parallel(8, strategy)
    watched = replace(penalty.points, choose=watching)  # which shares a pass as before
    run, state = block(parallel, **changes | {"penalty": penalty._replace(points=watched)})
    half, _ = run(state, 0, 5)
    whole, metrics = run(jax.tree.map(jnp.copy, half), 5, 10)
    jax.block_until_ready(whole)
    jax.effects_barrier()
    return run, half, whole, metrics, np.concatenate(seen) if seen else None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "paired_up"),
    [*((strategy, False) for strategy in devices.STRATEGIES), ("jit", True), ("shard_map", True)],
)
def test_eight_devices_compute_what_one_does(strategy, paired_up):
    _, _, state, metrics, _ = ten_iterations(strategy, paired_up)
    _, _, state_of_one, metrics_of_one, _ = ten_iterations(None, paired_up)
    chex.assert_trees_all_close(state, state_of_one, rtol=1e-5, atol=1e-8)
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-5)


@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_what_a_network_draws_itself_differs_from_device_to_device(strategy):
    parallel = devices.data_parallel(8, strategy)
    sharding = parallel.sharding

    def draw(state):
        key = sharding.own_key(jax.random.key(0))
        own = jax.random.uniform(key, (8 if sharding.axis_name is None else 1,))
        return state, sharding.all_gather(own)

    state = parallel.replicate(jnp.zeros(()))
    _, drawn = parallel.compile(draw, state)(state)
    assert len(set(np.asarray(drawn).tolist())) == 8


@pytest.mark.slow
def test_a_state_can_be_sharded(monkeypatch):
    """Every device keeps its part of the large arrays, whole ones of the others, and trains what one device does."""
    monkeypatch.setattr(devices, "_SMALLEST_SHARDED", 16)
    run, state = block(devices.data_parallel(8, "jit_sharded_state"))

    def parts():
        return {leaf.shape: leaf.addressable_shards[0].data.shape for leaf in jax.tree.leaves(state)}

    expected = {(4, 8): (4, 1), (8, 8): (1, 8), (8, 2): (1, 2), (2, 8): (2, 1), (8, 1): (8, 1), (8,): (8,)}
    assert parts().items() >= expected.items() - {((8, 8), (1, 8))}
    state, _ = run(state, 0, 5)
    state, metrics = run(state, 5, 10)
    assert parts().items() >= expected.items() - {((8, 8), (1, 8))}
    _, _, state_of_one, metrics_of_one, _ = ten_iterations(None, False)
    chex.assert_trees_all_close(state, state_of_one, rtol=1e-5, atol=1e-8)
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_every_device_holds_the_same_state(strategy):
    for leaf in jax.tree.leaves(ten_iterations(strategy, False)[2]):
        assert len(leaf.addressable_shards) == 8
        for shard in leaf.addressable_shards:
            np.testing.assert_array_equal(shard.data, leaf)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_no_two_devices_draw_the_same_noise(strategy):
    fakes, fakes_of_one = (np.unique(ten_iterations(of, False)[-1], axis=0) for of in (strategy, None))
    assert len(fakes_of_one) == 10 * 3 * BATCH
    np.testing.assert_allclose(fakes, fakes_of_one, atol=1e-5)


@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_a_state_goes_on_with_another_number_of_devices(strategy, tmp_path):
    run_alone, _, whole, *_ = ten_iterations(None, False)
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, Checkpoint(5, ten_iterations(strategy, False)[1], {}))
        checkpoints.wait_until_finished()
        step, half, _ = checkpoint.restore(checkpoints, jax.eval_shape(lambda: whole))
    moved, _ = run_alone(half, step, 10)
    chex.assert_trees_all_close(moved, whole, rtol=1e-5, atol=1e-8)


def test_jit_exchanges_sums_and_nothing_else():
    """No sample, real or generated, changes devices."""
    parallel = devices.data_parallel(8)
    game = system(parallel.sharding)
    spec = {"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}
    batch = {"sample": jax.ShapeDtypeStruct((3 * BATCH, 2), jnp.float32)}
    program = parallel.compile(game.update, jax.eval_shape(lambda: game.init(KEY, spec)), KEY, batch).as_text()
    assert set(re.findall(r" (all-\w+|collective-\w+|reduce-scatter)(?:-start)?\(", program)) == {"all-reduce"}


@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_shards_and_wholes(strategy):
    parallel = devices.data_parallel(4, strategy)
    sharding = parallel.sharding
    x = parallel.replicate(np.arange(48.0, dtype=np.float32).reshape(2, 8, 3))

    def function(count, x):
        shard = sharding.shard(x, axis=1)
        rows = sharding.concat_apply(lambda samples: samples.sum(axis=1), shard)
        return count, (sharding.all_gather(shard[0]), sharding.all_gather(rows[1]), sharding.mean(rows.mean()))

    start = parallel.replicate(np.zeros(()))
    _, (first, rows, mean) = parallel.compile(function, start, x)(parallel.replicate(np.zeros(())), x)
    np.testing.assert_array_equal(first, x[0])
    np.testing.assert_array_equal(rows, x[1].sum(axis=1))
    np.testing.assert_allclose(mean, x.sum(axis=2).mean())


@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_a_label_stays_with_its_sample(strategy):
    """Two batches pass as one, device by device: a function that closed over their labels would meet others."""
    parallel = devices.data_parallel(8, strategy)
    labels = np.random.default_rng(0).permutation(32).astype(np.int32).reshape(2, 16)
    batches = parallel.replicate({"sample": np.stack([labels, labels], axis=-1).astype(np.float32), "label": labels})

    def function(count, batches):
        shards = parallel.sharding.shard(batches, axis=1)
        off = parallel.sharding.concat_apply(
            lambda batch: jnp.abs(batch["sample"] - batch["label"][:, None].astype(jnp.float32)), shards
        )
        return count, (parallel.sharding.mean(off.mean()), parallel.sharding.all_gather(off[0]).shape[0] * jnp.ones(()))

    start = parallel.replicate(np.zeros(()))
    _, (off, length) = parallel.compile(function, start, batches)(parallel.replicate(np.zeros(())), batches)
    assert off == 0
    assert length == 16


@pytest.mark.slow
@pytest.mark.parametrize("strategy", devices.STRATEGIES)
def test_a_labeled_game_keeps_each_label_with_its_sample(strategy):
    """Through shuffles, critic steps, penalty points and the generator's step, on eight devices."""
    parallel = devices.data_parallel(8, strategy)
    labels = np.arange(100, dtype=np.int32) % 7
    rows = np.stack([np.linspace(-1, 1, 100), labels], axis=1).astype(np.float32)
    source = ArraySource({"sample": rows, "label": labels})
    networks = {"generator": LabeledGenerator(shape=(2,), classes=7), "critic": LabeledCritic()}
    game = system(parallel.sharding, **networks)
    pipeline = resident(source, size=game.counts["images"], replicate=parallel.replicate)
    state = parallel.replicate(jax.jit(lambda: game.init(KEY, pipeline.spec))())
    run = loop.compile_block(game, pipeline, state, KEY, max_iterations=5, devices=parallel)
    _, metrics = run(state, pipeline.fetch(0, 2), KEY, np.int32(0), np.int32(2))
    for name in ("critic_loss", "penalty", "generator_loss"):
        assert (abs(metrics[name]) < 100).all(), (
            name
        )  # 1000 for each unit between a sample's label and the one it meets


def played(parallel, game, source, iterations):
    """State and metrics after so many iterations."""
    pipeline = resident(source, size=game.counts["images"], replicate=parallel.replicate)
    state = parallel.replicate(jax.jit(lambda: game.init(KEY, pipeline.spec))())
    run = loop.compile_block(game, pipeline, state, KEY, max_iterations=iterations, devices=parallel)
    return run(state, pipeline.fetch(0, iterations), KEY, np.int32(0), np.int32(iterations))


@cache
def augmented(strategy):
    """Six iterations of a conditional game on images, whose augmentations adapt."""
    parallel = devices.SINGLE_DEVICE if strategy is None else devices.data_parallel(8, strategy)
    rng = np.random.default_rng(0)
    labels = np.arange(64, dtype=np.int32) % 3
    source = ArraySource({"sample": rng.integers(0, 256, (64, 8, 8, 1)).astype(np.uint8), "label": labels})
    small = {"width": 4, "max_width": 4, "depth": 1, "blocks": 1, "classes": 3}
    game = system(
        parallel.sharding,
        generator=r3gan.Generator(shape=(8, 8, 1), **small),
        critic=r3gan.Critic(**small),
        loss=losses.relativistic,
        penalty=PENALTIES["r1_r2"],
        critic_steps=1,
        augment=AugmentConfig(("translation", "geometry", "ada_color"), strength=0.5, target=0.2, images=640),
    )
    return played(parallel, game, source, 6)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["jit", "shard_map"])
def test_labels_and_augmentations_are_the_same_on_eight_devices(strategy):
    (state, metrics), (state_of_one, metrics_of_one) = augmented(strategy), augmented(None)
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-4, atol=1e-6)
    chex.assert_trees_all_close(state.critic.augment, state_of_one.critic.augment, rtol=1e-5)
    assert float(state.critic.augment.strength) != 0.5
    chex.assert_trees_all_close(state.generator_ema, state_of_one.generator_ema, rtol=1e-3, atol=1e-5)


@cache
def styled(strategy, networks):
    """Five iterations with labels, mixed styles, path lengths, minibatch statistics, adapted augmentations, lazily."""
    parallel = devices.SINGLE_DEVICE if strategy is None else devices.data_parallel(8, strategy)
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)
    source = ArraySource({"sample": images, "label": np.arange(64, dtype=np.int32) % 3})
    small = {"width": 4, "max_width": 4, "depth": 1, "classes": 3}
    game = system(
        parallel.sharding,
        generator=networks.Generator(shape=(8, 8, 1), mapping_depth=1, **small),
        critic=networks.Critic(set_size=2, **small),
        loss=losses.non_saturating,
        penalty=PENALTIES["r1"]._replace(every=2),
        critic_steps=1,
        style_mixing=0.9,
        path_length=PathLengthConfig(weight=2.0, every=2),
        augment=AugmentConfig(("translation", "ada_color"), strength=0.5, target=0.2, images=640),
    )
    return played(parallel, game, source, 5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "networks"), [("jit", stylegan2), ("shard_map", stylegan2), ("shard_map", stylegan)]
)
def test_styles_path_lengths_and_minibatch_statistics_are_the_same_on_eight_devices(strategy, networks):
    (state, metrics), (state_of_one, metrics_of_one) = styled(strategy, networks), styled(None, networks)
    firsts = ({name: values[0] for name, values in each.items()} for each in (metrics, metrics_of_one))
    # StyleGAN begins with a constant that is divided by its spread, 1e-4 for none: rounding grows by as much.
    chex.assert_trees_all_close(*firsts, rtol=1e-4 if networks is stylegan2 else 1e-2, atol=1e-6)
    if networks is stylegan:
        return
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(state.path_length, state_of_one.path_length, rtol=1e-4)
    assert float(state.path_length) > 0
    np.testing.assert_allclose(state.critic.augment.strength, state_of_one.critic.augment.strength, rtol=1e-5)
    assert float(state.critic.augment.strength) != 0.5
    assert [bool(value) for value in np.asarray(metrics["path_penalty"])] == [True, False, True, False, True]
    chex.assert_trees_all_close(state.generator_ema, state_of_one.generator_ema, rtol=1e-3, atol=1e-4)


@cache
def normalized(strategy):
    """Four iterations of BigGAN: normalized by the batch, both networks constrained, labels shuffled."""
    parallel = devices.SINGLE_DEVICE if strategy is None else devices.data_parallel(8, strategy)
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)
    source = ArraySource({"sample": images, "label": np.arange(64, dtype=np.int32) % 3})
    small = {"width": 8, "max_width": 8, "depth": 1, "attention": 1, "classes": 3}
    game = system(
        parallel.sharding,
        generator=biggan.Generator(shape=(8, 8, 1), chunked=True, **small),
        critic=biggan.Critic(last_blocks=0, **small),
        loss=losses.hinge,
        penalty=None,
        critic_steps=2,
        constraint=CONSTRAINTS["spectral_normalization"](),
        generator_constraint=leaving_out(CONSTRAINTS["spectral_normalization"](), ["embedding"]),
        shuffles_labels=True,
        generator_optimizer=optax.sgd(1e-1),  # a bias before a normalization has no gradient but rounding, see above
    )
    return played(parallel, game, source, 4)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["jit", "shard_map"])
def test_batch_moments_constraints_and_shuffled_labels_are_the_same_on_eight_devices(strategy):
    (state, metrics), (state_of_one, metrics_of_one) = normalized(strategy), normalized(None)
    chex.assert_trees_all_close(metrics, metrics_of_one, rtol=1e-3, atol=1e-5)
    vectors, vectors_of_one = state.generator_constraint, state_of_one.generator_constraint
    chex.assert_trees_all_close(vectors, vectors_of_one, rtol=1e-2, atol=1e-3)
    chex.assert_trees_all_close(state.generator_ema, state_of_one.generator_ema, rtol=1e-3, atol=1e-4)


def test_concat_apply_keeps_each_shard_in_one_place():
    x = jnp.arange(12).reshape(2, 6)
    order = []
    doubled = concat_apply(lambda samples: order.append(samples) or 2 * samples, x, device_count=3)
    np.testing.assert_array_equal(doubled, 2 * x)
    assert order[0].tolist() == [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]


def test_more_devices_than_there_are():
    with pytest.raises(InputError, match=r"^devices: 9 are more than the 8 that jax sees$"):
        devices.data_parallel(9)


@pytest.mark.parametrize("strategy", ["shard_map", "pmap"])
def test_shards_are_equal(strategy):
    parallel = devices.data_parallel(8, strategy)
    with pytest.raises(ValueError, match=r"axis 0 of \(12,\) cannot be shared by 8 devices"):
        parallel.compile(
            lambda state, x: (state, parallel.sharding.shard(x)), *parallel.replicate((np.zeros(2), np.zeros(12)))
        )
