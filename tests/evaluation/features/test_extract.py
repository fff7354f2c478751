"""Features chunk by chunk, over devices, and kept for the next time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.evaluation.features import FEATURES, FeatureNetwork, Features, extract
from gan_jax.evaluation.features.extract import cached, extract_moments

IMAGES = np.random.default_rng(0).integers(0, 256, (21, 4, 4, 1)).astype(np.uint8)


def _apply(params, images):
    vectors = images.reshape(len(images), -1).astype(jnp.float32) @ params
    return Features(vectors, -vectors)


NETWORK = FeatureNetwork("linear", "ab" * 32, "none", 4, np.random.default_rng(1).normal(size=(16, 3)), _apply)
NETWORK = NETWORK._replace(params=NETWORK.params.astype(np.float32))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("devices", [1, 3])
def test_chunks_make_no_difference(devices):
    done = []
    found = extract.extract(NETWORK, IMAGES, devices=jax.devices()[:devices], advance=done.append)
    np.testing.assert_allclose(found.vectors, IMAGES.reshape(21, 16) @ NETWORK.params, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(found.logits, -found.vectors)
    assert sum(done) == 21
    assert max(done) == 4 * devices


def test_moments_of_batches_are_those_of_all():
    found = extract_moments(NETWORK, (IMAGES[start : start + 8] for start in range(0, 21, 8)))
    vectors = IMAGES.reshape(21, 16).astype(np.float64) @ NETWORK.params
    assert int(found.n) == 21
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, np.cov(vectors.T), rtol=1e-4, atol=1)
    with pytest.raises(ValueError, match="no batches"):
        extract_moments(NETWORK, [])


def test_features_are_found_once(cache):
    def never(params, images):
        raise AssertionError

    first = cached(NETWORK, IMAGES)
    again = cached(NETWORK._replace(apply=never), IMAGES.copy())
    np.testing.assert_array_equal(again.vectors, first.vectors)
    np.testing.assert_array_equal(again.logits, first.logits)
    changed = IMAGES.copy()
    changed[0, 0, 0, 0] ^= 1
    for network, images in (
        (NETWORK._replace(apply=never), IMAGES.reshape(21, 2, 8, 1)),
        (NETWORK._replace(apply=never), changed),
        (NETWORK._replace(apply=never, weights="cd" * 32), IMAGES),
        (NETWORK._replace(apply=never, resize="8x8"), IMAGES),
    ):
        with pytest.raises(AssertionError):
            cached(network, images)


def test_a_damaged_file_is_made_anew(cache):
    first = cached(NETWORK, IMAGES)
    [file] = cache.iterdir()
    for damaged in (b"", file.read_bytes()[:-7], b"x" * 100):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(cached(NETWORK, IMAGES).vectors, first.vectors)
    assert [*cache.iterdir()] == [file]


def test_an_entry_that_was_exchanged_or_changed_is_made_anew(cache):
    other = IMAGES[::-1].copy()
    first, second = cached(NETWORK, IMAGES), cached(NETWORK, other)
    one, two = cache.iterdir()
    contents = {one: two.read_bytes(), two: one.read_bytes()}
    for file, content in contents.items():
        file.write_bytes(content)
    np.testing.assert_array_equal(cached(NETWORK, IMAGES).vectors, first.vectors)
    np.testing.assert_array_equal(cached(NETWORK, other).vectors, second.vectors)
    for file in (one, two):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1  # a bit of the last number
        file.write_bytes(content)
    np.testing.assert_array_equal(cached(NETWORK, IMAGES).vectors, first.vectors)
    np.testing.assert_array_equal(cached(NETWORK, other).vectors, second.vectors)


@pytest.mark.parametrize("own", ["a-file/cache", "~nobody-of-this-name/cache"])
def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, capsys, own):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("GAN_JAX_CACHE", own if own.startswith("~") else str(tmp_path / own))
    for _ in range(2):
        found = cached(NETWORK, IMAGES)
    np.testing.assert_array_equal(found.vectors, extract.extract(NETWORK, IMAGES).vectors)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("gan-jax: features are not kept for the next time; ")
    assert line.endswith("by GAN_JAX_CACHE")


def test_a_full_disk_stops_nothing(cache, monkeypatch, capsys):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    assert cached(NETWORK, IMAGES).vectors.shape == (21, 3)
    assert "No space left on device" in capsys.readouterr().err
    assert not [*cache.iterdir()]


def test_features_without_weights_are_not_kept(cache):
    cached(FEATURES["pixels"](), IMAGES)
    assert not [*cache.iterdir()]
