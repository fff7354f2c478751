"""What happens between iterations: checkpoints that are whole, grids, and the best score's state."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data import ArraySource, resident
from gan_jax.errors import InputError
from gan_jax.files import read_json_lines
from gan_jax.training import callbacks, checkpoint
from gan_jax.training.checkpoint import Checkpoint
from gan_jax.training.intervals import Interval, NonFiniteError
from gan_jax.training.logging import MetricsLog
from gan_jax.training.loop import TrainingStatus

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Orbax's event loops, closed when collected

PIPELINE = resident(ArraySource({"sample": np.zeros((5, 2), np.float32)}), size=2)


def status(step, state, **changes):
    told = {"metrics": {"loss": 0.5}, "counts": {"images": 2 * step}, "images_per_s": 10.0, "reason": "interval"}
    return TrainingStatus(step, state, **told | changes)


def test_a_line_of_metrics_holds_counts_and_speed(tmp_path):
    file = tmp_path / "metrics.jsonl"
    log = MetricsLog(tmp_path, 0, [file])
    callbacks.log_metrics(log, file, every=5).call(status(5, None))
    callbacks.log_metrics(log, file, every=5).call(status(7, None, reason="interrupt"))
    assert read_json_lines(file) == [{"step": 5, "images": 10, "images_per_s": 10.0, "loss": 0.5}]


def test_a_checkpoint_is_of_its_step_though_training_goes_on(tmp_path):
    """It is written while the next block overwrites the state it was taken of."""
    with checkpoint.manager(tmp_path) as checkpoints:
        save = callbacks.save_checkpoints(checkpoints, PIPELINE, every=1).call
        state = {"x": jnp.arange(1000.0)}
        donate = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
        save(status(1, state, unfinished=[Interval(every=4, start=0, done=1, sums={"loss": 0.1})]))
        for _ in range(5):
            state = donate(state)
        checkpoints.wait_until_finished()
        restored = checkpoint.restore(checkpoints, jax.eval_shape(lambda: {"x": jnp.arange(1000.0)}))
    assert restored.step == 1
    assert restored.position == PIPELINE.position(1) | {"unfinished": [[4, 0, 1, {"loss": 0.1}]]}
    chex.assert_trees_all_equal(restored.state, {"x": jnp.arange(1000.0)})


def test_a_state_that_is_lost_in_the_last_step_is_not_saved(tmp_path):
    with checkpoint.manager(tmp_path) as checkpoints:
        save = callbacks.save_checkpoints(checkpoints, PIPELINE, every=1).call
        with pytest.raises(NonFiniteError, match="a number of the state is not finite after iteration 100"):
            save(status(100, {"x": jnp.array([1.0, jnp.nan]), "step": jnp.int32(100)}))
    assert checkpoint.newest_step(tmp_path) is None


def evaluated(folder, scores, start=0, best="frechet", highest=False):
    """Score states, which are their own scores, at steps 10 apart; returns how often there was something to plot."""
    plotted, file = [], folder / "history.jsonl"
    log = MetricsLog(folder, start, [file])
    with checkpoint.manager(folder / "best", keep=1) as checkpoints:
        callback = callbacks.evaluate_and_keep_best(
            lambda state: {best: float(state["x"])},
            every=10,
            best=best,
            highest=highest,
            checkpoints=checkpoints,
            pipeline=PIPELINE,
            log=log,
            file=file,
            plot=lambda: plotted.append(len(read_json_lines(file))),
        )
        for i, score in enumerate(scores, start=1):
            callback.call(status(start + 10 * i, {"x": jnp.float32(score)}))
    return plotted


def best_of(folder):
    return checkpoint.newest_step(folder / "best")


def test_the_best_is_kept(tmp_path):
    assert evaluated(tmp_path, [5.0, 3.0, 4.0, float("nan")]) == [1, 2, 3, 4]
    assert [path.name for path in (tmp_path / "best").iterdir()] == ["20"]
    assert [line["step"] for line in read_json_lines(tmp_path / "history.jsonl")] == [10, 20, 30, 40]


def test_the_highest_is_the_best_of_some(tmp_path):
    evaluated(tmp_path, [5.0, 3.0, 6.0, 4.0], highest=True)
    assert best_of(tmp_path) == 30


def test_a_resumed_run_knows_its_best(tmp_path):
    evaluated(tmp_path, [5.0, 3.0])
    evaluated(tmp_path, [4.0], start=20)
    assert best_of(tmp_path) == 20
    evaluated(tmp_path, [2.0], start=30)
    assert best_of(tmp_path) == 40


def test_a_best_that_is_taken_back_is_found_again(tmp_path):
    """A crash leaves scores of iterations that the newest checkpoint has not seen."""
    evaluated(tmp_path, [5.0, 3.0, 1.0])
    evaluated(tmp_path, [1.0], start=20)
    assert [line["step"] for line in read_json_lines(tmp_path / "history.jsonl")] == [10, 20, 30]
    assert best_of(tmp_path) == 30


def test_an_interrupted_run_is_not_scored(tmp_path):
    log = MetricsLog(tmp_path, 0, [])
    with checkpoint.manager(tmp_path / "best", keep=1) as checkpoints:
        options = {"every": 10, "best": "frechet", "highest": False, "pipeline": PIPELINE, "plot": lambda: None}
        callback = callbacks.evaluate_and_keep_best(
            lambda state: pytest.fail("scored"), checkpoints=checkpoints, log=log, file=tmp_path / "a.jsonl", **options
        )
        callback.call(status(5, {}, reason="interrupt"))


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    with checkpoint.manager(tmp_path) as checkpoints:
        checkpoint.save(checkpoints, Checkpoint(3, {"x": jnp.zeros(2)}, {}))
        checkpoints.wait_until_finished()
        with pytest.raises(InputError, match=r"checkpoint 3 cannot be read") as error:
            checkpoint.restore(checkpoints, {"y": jax.ShapeDtypeStruct((3,), jnp.float32)})
        assert "\n" not in str(error.value)
