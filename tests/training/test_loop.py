"""The loop: resuming, stopping, failing, and what is left on disk."""

import io
import json
import shutil
import signal

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from rich.console import Console

from gan_jax import losses
from gan_jax.networks import mlp
from gan_jax.penalties import PENALTIES
from gan_jax.systems.gan import gan
from gan_jax.training import checkpoint, loop

IMAGES = np.random.default_rng(0).integers(0, 256, size=(20, 2, 2, 1)).astype(np.uint8)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected


def system(learning_rate=1e-3):
    return gan(
        generator=mlp.Generator(shape=(2, 2, 1), width=4, depth=1),
        critic=mlp.Critic(width=4, depth=1),
        loss=losses.wasserstein,
        penalty=PENALTIES["wgan_gp"],
        generator_optimizer=optax.adam(optax.cosine_decay_schedule(learning_rate, 500)),
        critic_optimizer=optax.adam(learning_rate),
        latent=2,
        batch_size=4,
        critic_steps=2,
        ema_decay=0.99,
    )


OPTIONS = {"log_every": 50, "sample_every": 100, "checkpoint_every": 100, "keep_checkpoints": 2}


def train(folder, steps, game=None, **changes):
    options = {"seed": 0, "noise": 0.1, "steps": steps, "console": Console(file=io.StringIO())}
    return loop.train(game or system(), IMAGES, folder, **options | OPTIONS | changes)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def without_speed(lines):
    return [{name: value for name, value in line.items() if name != "images_per_s"} for line in lines]


@pytest.mark.slow
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole = train(tmp_path / "whole", 200)
    train(tmp_path / "sharding", 100)
    sharding = train(tmp_path / "sharding", 200)
    chex.assert_trees_all_equal(sharding, whole)
    assert int(sharding.step) == 200
    assert without_speed(lines(tmp_path / "sharding")) == without_speed(lines(tmp_path / "whole"))
    other = train(tmp_path / "other", 200, seed=1)
    assert any(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a != b).any()), other.critic, whole.critic)))


def test_how_often_it_reports_does_not_change_what_it_computes(tmp_path):
    often = train(tmp_path / "often", 60, log_every=7, sample_every=11, checkpoint_every=13)
    seldom = train(tmp_path / "seldom", 60)
    chex.assert_trees_all_equal(often, seldom)


def test_the_run_folder(tmp_path):
    train(tmp_path, 250)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["200", "250"]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        f"step_{step:08d}.png" for step in (100, 200, 250)
    ]
    assert list(tmp_path.glob("events.out.tfevents.*"))
    log = lines(tmp_path)
    assert [line["step"] for line in log] == [50, 100, 150, 200, 250]
    last = log[-1]
    assert (last["critic_steps"], last["generator_steps"], last["images"]) == (500, 250, 2000)
    assert last["images_per_s"] > 0
    assert {"wasserstein", "penalty", "critic_total", "generator_loss", "slope"} <= last.keys()


def test_a_checkpoint_is_of_its_step_though_training_goes_on(tmp_path):
    """It is written while the next block overwrites the state it was taken of."""
    train(tmp_path / "on", 30, checkpoint_every=10, keep_checkpoints=9)
    shutil.rmtree(tmp_path / "on" / "checkpoints" / "20")
    shutil.rmtree(tmp_path / "on" / "checkpoints" / "30")
    chex.assert_trees_all_equal(train(tmp_path / "on", 10), train(tmp_path / "stopped", 10))


def test_every_iteration_draws_anew(tmp_path):
    seen = []

    def watching(state, key, batch):
        jax.debug.callback(
            lambda key, batch: seen.append((key.tobytes(), batch.tobytes())), jax.random.key_data(key), batch
        )
        return game.update(state, key, batch)

    game = system()
    train(tmp_path, 6, game._replace(update=watching))
    jax.effects_barrier()
    keys, batches = map(set, zip(*seen, strict=True))
    assert len(keys) == len(batches) == 6


def test_a_state_that_is_lost_in_the_last_step_is_not_saved(tmp_path):
    def poisoned(state, key, batch):
        state, metrics = game.update(state, key, batch)
        lost = jnp.where(state.step == 100, jnp.nan, 0.0)
        return state._replace(average=jax.tree.map(lambda leaf: leaf + lost, state.ema)), metrics

    game = system()
    with pytest.raises(loop.NonFiniteError, match="the state = nan in iterations 100 to 100"):
        train(tmp_path, 200, game._replace(update=poisoned))
    assert checkpoint.newest_step(tmp_path / "checkpoints") is None


def test_lines_behind_the_checkpoint_are_written_anew(tmp_path):
    """A crash leaves metrics that the newest checkpoint has not seen, the last line torn."""
    train(tmp_path, 100)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 150, "wasserstein": 123.0}\n{"step": 2')
    train(tmp_path, 200)
    assert [line["step"] for line in lines(tmp_path)] == [50, 100, 150, 200]
    assert all(line["wasserstein"] != 123.0 for line in lines(tmp_path))


def test_a_finished_run_stays_as_it_is(tmp_path):
    first = train(tmp_path, 100)
    chex.assert_trees_all_equal(train(tmp_path, 100), first)
    assert [line["step"] for line in lines(tmp_path)] == [50, 100]


@pytest.mark.slow
def test_a_non_finite_loss_stops_the_run_and_names_the_last_good_checkpoint(tmp_path):
    def poisoned(state, key, batch):
        state, metrics = game.update(state, key, batch)
        return state, metrics | {"penalty": jnp.where(state.step == 130, jnp.nan, metrics["penalty"])}

    game = system()
    with pytest.raises(loop.NonFiniteError, match=r"penalty = nan in iterations 101 to 150; .* checkpoint is 100 in"):
        train(tmp_path, 200, game._replace(update=poisoned))
    assert int(train(tmp_path, 100).step) == 100  # which can be read
    with pytest.raises(loop.NonFiniteError, match="there is no checkpoint yet"):
        train(tmp_path / "early", 200, game._replace(update=poisoned), checkpoint_every=200)


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_and_goes_on_as_if_it_had_not_been(tmp_path, signum):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    game = system()

    def interrupt(step):
        if step == 120:  # within a block
            signal.raise_signal(signum)

    def interrupting(state, key, batch):
        jax.debug.callback(interrupt, state.step)
        return game.update(state, key, batch)

    with pytest.raises(loop.Interrupted, match="stopped after 150 of 200"):
        train(tmp_path / "sharding", 200, game._replace(update=interrupting))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    chex.assert_trees_all_equal(train(tmp_path / "sharding", 200), train(tmp_path / "whole", 200))


def test_the_block_is_compiled_once_for_every_length(tmp_path):
    game = system()
    traced = chex.assert_max_traces(game.update, n=1)
    train(tmp_path, 130, game._replace(update=traced), log_every=50, sample_every=60)
