"""Batches are the same, labels included, whether the data lie on the device or are streamed from the host."""

import time

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.data import ArraySource, resident, streamed
from gan_jax.data.images import to_uint8
from gan_jax.data.pipeline import batch_spec, dequantize, step_keys
from gan_jax.data.prefetch import Prefetcher
from gan_jax.errors import InputError

KEY = jax.random.key(0)
IMAGES = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
SOURCE = ArraySource({"sample": IMAGES, "label": 10 * np.arange(8, dtype=np.int32)})


def batch_of(pipeline, step, size=None):
    batch_key, _ = step_keys(KEY, step)
    return jax.jit(pipeline.batch)(pipeline.fetch(step, step + 1), batch_key, np.int32(step))


def test_batches_are_samples_of_the_set_drawn_evenly_and_by_the_key():
    pipeline = resident(SOURCE, size=8000)
    batch = batch_of(pipeline, 0)
    samples = to_uint8(batch["sample"])
    assert samples.shape == (8000, 1, 1, 1)
    np.testing.assert_array_equal(batch["label"], 10 * samples.ravel().astype(np.int32))
    counts = np.bincount(samples.ravel(), minlength=8)
    assert counts.min() > 850
    assert counts.max() < 1150
    chex.assert_trees_all_equal(batch_of(pipeline, 0), batch)
    assert (batch_of(pipeline, 1)["label"] != batch["label"]).any()


def test_half_of_the_images_are_mirrored_and_nothing_else_changes():
    images = np.random.default_rng(0).integers(0, 256, (1, 2, 5, 3)).astype(np.uint8).repeat(400, axis=0)
    plain, mirrored = (
        batch_of(resident(ArraySource({"sample": images}), size=400, mirror=mirror), 3)["sample"]
        for mirror in (False, True)
    )
    same, turned = (
        np.isclose(mirrored, expected, atol=1e-6).all(axis=(1, 2, 3)) for expected in (plain, plain[:, :, ::-1])
    )
    assert (same ^ turned).all()
    assert 160 < turned.sum() < 240


def test_dequantization_is_uniform_and_as_wide_as_chosen():
    noise = np.sort(dequantize(KEY, jnp.ones((500, 3, 3, 1)), 0.1).ravel()) - 1
    np.testing.assert_allclose(noise, np.linspace(-0.1, 0.1, len(noise)), atol=6e-3)
    source = ArraySource({"sample": np.full((8, 3, 3, 1), 255, np.uint8)})
    changed = np.sort((batch_of(resident(source, size=500, dequantization=0.1), 0)["sample"] - 1).ravel())
    np.testing.assert_allclose(changed, np.linspace(-0.1, 0.1, len(changed)), atol=6e-3)


@pytest.mark.slow
def test_streamed_batches_are_the_resident_ones():
    """In turn, out of turn, and several iterations at a time."""
    options = {"size": 5, "dequantization": 0.3}
    whole, stream = resident(SOURCE, **options), streamed(SOURCE, KEY, **options, max_iterations=3)
    assert stream.max_iterations == 3
    assert whole.spec == stream.spec == batch_spec(SOURCE)
    for step in (0, 1, 2, 7, 8, 3):
        chex.assert_trees_all_equal(batch_of(stream, step), batch_of(whole, step))
    arrays = stream.fetch(20, 22)
    for step in (20, 21):
        taken = stream.batch(arrays, step_keys(KEY, step)[0], np.int32(step))
        chex.assert_trees_all_equal(taken, whole.batch(whole.fetch(step, step + 1), step_keys(KEY, step)[0], step))
    assert {leaf.shape[0] for leaf in jax.tree.leaves(arrays["batches"])} == {3}  # one compilation for any number
    stream.close()


def test_a_position_belongs_to_its_data():
    other = ArraySource({"sample": IMAGES, "label": np.zeros(8, np.int32)})
    for pipeline in (resident(SOURCE, size=2), streamed(SOURCE, KEY, size=2)):
        position = pipeline.position(7)
        assert position == {"iteration": 7, "fingerprint": SOURCE.fingerprint}
        pipeline.resume(position)
        with pytest.raises(InputError, match=r"^data: these are other data"):
            pipeline.resume({"iteration": 7, "fingerprint": other.fingerprint})
        pipeline.close()


def test_the_spec_is_what_networks_see():
    spec = batch_spec(SOURCE)
    assert (spec["sample"].shape, spec["sample"].dtype) == ((1, 1, 1), jnp.float32)
    assert (spec["label"].shape, spec["label"].dtype) == ((), jnp.int32)
    wide = ArraySource({"sample": IMAGES, "label": np.arange(8)})
    assert batch_spec(wide)["label"].dtype == jnp.int32  # as the device holds it


def test_reading_runs_ahead_and_no_further():
    read = []
    ahead = Prefetcher(lambda step: read.append(step) or step, ahead=2)
    assert ahead.get(5) == 5
    deadline = time.monotonic() + 10
    while len(read) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(read) == [*range(5, 5 + len(read))]
    assert 3 <= len(read) <= 4  # two are waiting, and one for room
    ahead.close()


def test_an_error_in_reading_reaches_the_loop():
    def read(step):
        if step == 2:
            raise InputError("a torn file")
        return step

    ahead = Prefetcher(read, ahead=4)
    assert [ahead.get(0), ahead.get(1)] == [0, 1]
    with pytest.raises(InputError, match="a torn file"):
        ahead.get(2)


def test_arrays_share_their_first_axis():
    with pytest.raises(ValueError, match="share their first axis"):
        ArraySource({"sample": IMAGES, "label": np.zeros(7)})
    with pytest.raises(ValueError, match="named 'sample'"):
        ArraySource({"image": IMAGES})
