"""The loop and its callbacks: resuming, stopping, failing, and what a callback is told."""

import io
import signal

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from moments import Moments
from rich.console import Console

from gan_jax.data import ArraySource, resident, streamed
from gan_jax.sharding import UNSHARDED
from gan_jax.training import loop
from gan_jax.training.intervals import NonFiniteError
from gan_jax.training.loop import Callback

KEY = jax.random.key(0)
IMAGES = np.random.default_rng(0).integers(0, 256, size=(20, 2, 2, 1)).astype(np.uint8)
SOURCE = ArraySource({"sample": IMAGES})
PIPELINE = resident(SOURCE, size=4, dequantization=0.1)
SYSTEM = Moments().build(PIPELINE.spec, batch_size=4, classes=0, sharding=UNSHARDED, trains=True)


def fresh():
    return SYSTEM.init(KEY, PIPELINE.spec)


def train(steps, *callbacks, system=SYSTEM, pipeline=PIPELINE, start=0, state=None, key=KEY, unfinished=()):
    state = fresh() if state is None else jax.tree.map(jnp.copy, state)
    settings = {"start": start, "steps": steps, "callbacks": callbacks, "unfinished": unfinished}
    return loop.train(system, pipeline, state, key, console=Console(file=io.StringIO()), **settings)


def noting(every):
    """A callback that keeps what it is told."""
    told = []
    return told, Callback(every, lambda status: told.append(status._replace(state=jax.device_get(status.state))))


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit():
    whole = train(20)
    half = train(10)
    chex.assert_trees_all_equal(train(20, start=10, state=half), whole)
    assert (train(20, key=jax.random.key(1))["mean"] != whole["mean"]).any()


def test_how_often_it_reports_does_not_change_what_it_computes():
    often = train(20, noting(3)[1], noting(5)[1])
    chex.assert_trees_all_equal(often, train(20))


def test_a_streamed_run_is_the_resident_one_byte_for_byte():
    """Blocks end where the pipeline's batches do, and callbacks are told the same."""
    pipeline = streamed(SOURCE, KEY, size=4, dequantization=0.1, max_iterations=3)
    told, callback = noting(5)
    state = train(11, callback, pipeline=pipeline)
    told_resident, callback = noting(5)
    chex.assert_trees_all_equal(state, train(11, callback))
    assert [status.step for status in told] == [5, 10, 11]
    for one, other in zip(told, told_resident, strict=True):
        chex.assert_trees_all_equal(one.state, other.state)
        assert one.metrics == other.metrics
    half = train(4, pipeline=pipeline)
    chex.assert_trees_all_equal(train(11, pipeline=pipeline, start=4, state=half), state)
    pipeline.close()


def test_a_callback_is_told_what_happened_since_its_last_call():
    told, callback = noting(4)
    each, every_one = noting(1)
    train(10, every_one, callback)
    assert [status.step for status in told] == [4, 8, 10]
    assert [status.reason for status in told] == ["interval", "interval", "end"]
    losses = [status.metrics["nll"] for status in each]
    means = [np.mean(losses[:4]), np.mean(losses[4:8]), np.mean(losses[8:])]
    np.testing.assert_allclose([status.metrics["nll"] for status in told], means, rtol=1e-12)
    assert [status.counts for status in told] == [{"images": 16}, {"images": 32}, {"images": 40}]
    assert all(status.images_per_s > 0 for status in told)
    chex.assert_trees_all_equal(told[0].state, train(4))


def test_callbacks_are_called_in_their_order():
    order = []
    train(3, *(Callback(every, lambda status, every=every: order.append(every)) for every in (2, 1)))
    assert order == [1, 2, 1, 2, 1]


def test_every_iteration_draws_anew():
    seen = []

    def watching(state, key, batch):
        jax.debug.callback(
            lambda key, batch: seen.append((key.tobytes(), batch.tobytes())), jax.random.key_data(key), batch["sample"]
        )
        return SYSTEM.update(state, key, batch)

    train(6, system=SYSTEM._replace(update=watching))
    jax.effects_barrier()
    keys, batches = map(set, zip(*seen, strict=True))
    assert len(keys) == len(batches) == 6


def test_a_finished_run_stays_as_it_is():
    told, callback = noting(1)
    first = train(3)
    chex.assert_trees_all_equal(train(3, callback, start=3, state=first), first)
    assert told == []


@pytest.mark.parametrize("cut", [3, 7, 12])
def test_means_are_the_uninterrupted_runs_wherever_it_was_cut(cut):
    """Exactly, though intervals of 4 and 5 iterations were under way."""
    whole = {every: noting(every) for every in (4, 5)}
    train(20, *(callback for _, callback in whole.values()))
    parts = {every: noting(every) for every in whole}
    first, stop = noting(cut)
    state = train(cut, *(callback for _, callback in parts.values()), stop)
    again = {"start": cut, "state": state, "unfinished": first[0].unfinished}
    train(20, *(callback for _, callback in parts.values()), **again)
    for every, (told, _) in whole.items():
        intervals = [status for status in parts[every][0] if status.reason == "interval"]
        assert [(status.step, status.metrics) for status in intervals] == [(one.step, one.metrics) for one in told]


def test_a_non_finite_metric_stops_the_run_and_names_the_iteration():
    def poisoned(state, key, batch):
        moments, done = state
        moments, metrics = SYSTEM.update(moments, key, batch)
        return (moments, done + 1), {"nll": jnp.where(done >= 7, jnp.nan, metrics["nll"]), "done": done}

    told, callback = noting(5)
    state = (fresh(), jnp.float32(0))
    with pytest.raises(NonFiniteError, match=r"^nll = nan in iteration 8$"):
        train(20, callback, system=SYSTEM._replace(update=poisoned), state=state)
    assert [status.step for status in told] == [5]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_after_the_block_under_way(signum):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    told, callback = noting(10)
    interrupt = Callback(5, lambda status: signal.raise_signal(signum) if status.step == 5 else None)
    with pytest.raises(loop.Interrupted, match="stopped after 10 of 20"):
        train(20, callback, interrupt)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert [(status.step, status.reason) for status in told] == [(10, "interval")]
    chex.assert_trees_all_equal(train(20, start=10, state=told[-1].state), train(20))


def test_an_interruption_between_two_calls_is_told():
    told, callback = noting(100)
    interrupt = Callback(4, lambda status: signal.raise_signal(signal.SIGINT) if status.step == 4 else None)
    with pytest.raises(loop.Interrupted):
        train(20, callback, interrupt)
    assert [(status.step, status.reason) for status in told] == [(8, "interrupt")]


def test_the_block_is_compiled_once_for_every_length():
    traced = chex.assert_max_traces(SYSTEM.update, n=1)
    train(13, noting(5)[1], noting(6)[1], system=SYSTEM._replace(update=traced))


def test_memory_is_known_before_the_first_step():
    compiled = loop.compile_block(SYSTEM, PIPELINE, fresh(), KEY, max_iterations=1)
    assert loop.peak_bytes(compiled) > IMAGES.nbytes
