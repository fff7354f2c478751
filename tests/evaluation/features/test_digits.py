"""The digits' features: the weights that are shipped, what is done to images first, and one line for each mistake."""

from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from safetensors.numpy import save_file

from gan_jax.data import read
from gan_jax.errors import InputError
from gan_jax.evaluation.features import digits

WEIGHTS = files("gan_jax.evaluation.features") / digits.FILE


@pytest.fixture(scope="module")
def network():
    return digits.load()


def test_the_weights_are_small_and_named_by_their_hash(network):
    assert (network.name, network.weights) == ("digits", digits.SHA256)
    assert len(WEIGHTS.read_bytes()) < 1_000_000


def test_held_out_digits_are_told_apart(network):
    held_out = read("digits").held_out.batch(slice(None))
    features = jax.jit(network.apply)(network.params, held_out["sample"])
    assert (features.vectors.shape, features.vectors.dtype) == ((360, 64), jnp.float32)
    assert (features.logits.shape, features.logits.dtype) == ((360, 10), jnp.float32)
    assert (features.logits.argmax(axis=1) == held_out["label"]).mean() >= 0.98


def test_images_of_the_right_size_are_not_resampled():
    images = jnp.array(np.random.default_rng(0).integers(0, 256, size=(2, 28, 28, 1)), jnp.uint8)
    np.testing.assert_array_equal(digits.resized(images), images.astype(jnp.float32) / 255)


@pytest.mark.parametrize("size", [(8, 8), (16, 28), (32, 32), (100, 40)], ids=str)
def test_flat_images_of_any_size_stay_flat(size):
    found = jax.jit(digits.resized)(np.full((1, *size, 1), 51, np.uint8))
    np.testing.assert_allclose(found, np.full((1, 28, 28, 1), 0.2), rtol=1e-5)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("shape", [(2, 28, 28, 3), (2, 28, 28, 4), (2, 2)], ids=str)
def test_what_is_not_a_gray_image_is_refused(network, shape):
    with pytest.raises(InputError, match=r"^features: digits takes gray images .* inception or efficientnet$"):
        network.apply(network.params, jnp.zeros(shape, jnp.uint8))


def test_other_weights_are_taken_and_have_another_hash(network, tmp_path):
    tensors = {name: 2 * np.asarray(leaf) for name, leaf in flatten_dict(network.params, sep=".").items()}
    save_file(tensors, tmp_path / "mine.safetensors")
    other = digits.load(tmp_path / "mine.safetensors")
    assert other.weights != network.weights
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, 2 * b), other.params, network.params)


def test_a_damaged_installation_is_noticed(monkeypatch, tmp_path):
    damaged = bytearray(WEIGHTS.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / digits.FILE).write_bytes(damaged)
    monkeypatch.setattr(digits, "files", lambda package: tmp_path)
    with pytest.raises(InputError, match=r"SHA-256"):
        digits.load()


def test_a_file_that_holds_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^weights: there is no file"):
        digits.load(tmp_path / "missing.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(WEIGHTS.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"is not a readable \.safetensors file"):
        digits.load(tmp_path / "cut.safetensors")
    save_file({"other": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"holds other tensors"):
        digits.load(tmp_path / "other.safetensors")
