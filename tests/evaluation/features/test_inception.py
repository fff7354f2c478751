"""Inception: where its weights come from, how they are converted, and that the features are the reference's."""

import hashlib
import importlib
import importlib.util
import sys
import types

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from gan_jax.errors import InputError
from gan_jax.evaluation.features import inception, torch_files
from gan_jax.evaluation.features.resize import bilinear
from gan_jax.networks.inception import Inception

FILE = "pt_inception-2015-12-05-6726825d.pth"


@pytest.fixture(scope="module")
def shapes():
    images = jax.ShapeDtypeStruct((2, 299, 299, 3), jnp.float32)
    return jax.eval_shape(Inception().init_with_output, jax.random.key(0), images)


@pytest.fixture(scope="module")
def state(shapes):
    """Tensors as the file has them, the large ones without memory of their own."""
    state = {"fc.weight": np.broadcast_to(np.float32(0), (1008, 2048)), "fc.bias": np.zeros(1008, np.float32)}
    for path, kernel in flatten_dict(shapes[1]["params"], sep=".").items():
        name, _, leaf = path.rpartition(".")
        if leaf == "kernel" and name != "fc":
            state[f"{name}.conv.weight"] = np.broadcast_to(np.float32(0), np.array(kernel.shape)[[3, 2, 0, 1]])
            state[f"{name}.bn.num_batches_tracked"] = np.array(0)
            for each, value in {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}.items():
                state[f"{name}.bn.{each}"] = np.full(kernel.shape[3], value, np.float32)
    return state


def test_the_shapes_are_the_published_ones(shapes):
    (vectors, logits), params = shapes
    assert (vectors.shape, logits.shape) == ((2, 2048), (2, 1008))
    assert len(params["params"]) == 5 + 11 + 1
    leaves = jax.tree.leaves(params)
    assert len(leaves) == 2 * 94 + 1
    # The published count, for 1000 classes and two parameters for each of 17,216 normalized features.
    assert sum(leaf.size for leaf in leaves) == 23_834_568 - 17_216 - 1000 * 2049 + 1008 * 2048


@pytest.mark.slow
def test_normalization_is_folded_into_the_convolution(state, shapes):
    rng = np.random.default_rng(0)
    name = "Mixed_6b.branch7x7_2"  # a row of 7
    norm = {each: rng.uniform(0.5, 2, size=128) for each in ("weight", "bias", "running_mean", "running_var")}
    weight = rng.normal(size=(128, 128, 1, 7))
    state = state | {f"{name}.conv.weight": weight} | {f"{name}.bn.{each}": norm[each] for each in norm}
    state["fc.weight"] = rng.normal(size=(1008, 2048)).astype(np.float32)

    params = inception.params_from(state)
    assert jax.eval_shape(lambda: params) == shapes[1]
    np.testing.assert_array_equal(params["params"]["fc"]["kernel"], state["fc.weight"].T)

    patch = rng.normal(size=(1, 7, 128))
    plain = np.einsum("hwc,dchw->d", patch, weight)
    expected = (plain - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-3) * norm["weight"] + norm["bias"]
    layer = params["params"]["Mixed_6b"]["branch7x7_2"]
    found = np.einsum("hwc,hwcd->d", patch, np.asarray(layer["kernel"], np.float64)) + np.asarray(layer["bias"])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_resized_and_normalized(channels, monkeypatch):
    monkeypatch.setattr(Inception, "apply", lambda self, params, x: (x, params))
    images = np.random.default_rng(0).integers(0, 256, size=(2, 6, 5, channels), dtype=np.uint8)
    x, params = jax.jit(lambda images: inception.apply(None, images))(images)
    assert (x.shape, x.dtype, params) == ((2, 299, 299, 3), jnp.float32, None)
    np.testing.assert_allclose(x[:, 0, 0], np.broadcast_to(images[:, 0, 0] / 128.0 - 1, (2, 3)))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"Mixed_7a.branch3x3_1.bn.bias": None}, r"bn.bias is no tensor, should be \(192,\), and 0 other .*; fetch"),
        ({"AuxLogits.fc.bias": np.zeros(7)}, r"AuxLogits.fc.bias is \(7,\), should be no tensor"),
        ({"fc.weight": np.zeros((1000, 2048))}, r"fc.weight is \(1000, 2048\), should be \(1008, 2048\)"),
    ],
)
def test_other_tensors_are_refused(state, change, line):
    changed = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    with pytest.raises(InputError, match=line):
        inception.params_from(changed)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("shape", [(2, 32, 32, 4), (2, 32, 32, 2), (2, 32)])
def test_only_gray_and_color_images_are_taken(shape):
    with pytest.raises(InputError, match=r"^features: inception .* got .*; remove the alpha channel"):
        inception.apply(None, jnp.zeros(shape, jnp.uint8))


def test_missing_weights_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(inception, "URL", f"{tmp_path.as_uri()}/{FILE}")
    with pytest.raises(InputError, match=rf"^features: .*cache/{FILE} .*fetch file:.*as weights.*efficientnet.*$"):
        inception.load()
    with pytest.raises(InputError, match=r"^weights: there is no file .*mine; fetch file:.*$"):
        inception.load(tmp_path / "mine")
    (tmp_path / "mine").write_bytes(b"torn")
    with pytest.raises(InputError, match=r"mine: is another file"):
        inception.load(tmp_path / "mine")


def test_weights_are_fetched_once_to_the_cache(tmp_path, monkeypatch):
    content = b"weights"
    (tmp_path / FILE).write_bytes(content)
    monkeypatch.setenv("GAN_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(inception, "URL", f"{tmp_path.as_uri()}/{FILE}")
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(torch_files, "read", lambda path: path)
    monkeypatch.setattr(inception, "params_from", lambda path: path)

    assert inception.load().params == tmp_path / "cache" / FILE
    (tmp_path / FILE).unlink()
    network = inception.load()
    assert (network.params, network.weights) == (tmp_path / "cache" / FILE, hashlib.sha256(content).hexdigest())


@pytest.fixture
def reference(monkeypatch):
    """Modules of torch-fidelity by name, without the package's own __init__, which wants torchvision."""
    pytest.importorskip("torch")
    package = importlib.util.find_spec("torch_fidelity")
    if package is None:
        pytest.skip("there is no torch_fidelity")
    stub = types.ModuleType("torch_fidelity")
    stub.__path__ = package.submodule_search_locations
    before = set(sys.modules)
    monkeypatch.setitem(sys.modules, "torch_fidelity", stub)
    yield lambda name: importlib.import_module(f"torch_fidelity.{name}")
    for name in set(sys.modules) - before:
        if name.startswith("torch_fidelity."):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [(8, 8), (33, 21), (299, 7), (512, 640)])
def test_the_resize_is_the_reference_s(reference, size):
    import torch

    resize = reference("interpolate_compat_tensorflow").interpolate_bilinear_2d_like_tensorflow1x
    images = np.random.default_rng(0).integers(0, 256, size=(1, *size, 3), dtype=np.uint8)
    theirs = resize(torch.tensor(images).permute(0, 3, 1, 2).float(), size=(299, 299), align_corners=False)
    ours = jax.jit(bilinear, static_argnums=1)(images, (299, 299))
    np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1).numpy(), atol=1e-4)


def random_reference(module, monkeypatch):
    """The reference network with random weights, in the place of the file that its constructor would read."""
    import torch

    names = ["64", "192", "768", "2048", "logits_unbiased"]
    with monkeypatch.context() as patched:
        patched.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = module.FeatureExtractorInceptionV3("random", names)
    rng = np.random.default_rng(0)
    for name, tensor in network.state_dict().items():
        if tensor.ndim > 1:
            value = rng.normal(size=tensor.shape, scale=(2 / tensor[0].numel()) ** 0.5)
        else:
            value = rng.uniform(*((-0.2, 0.2) if "bias" in name or "mean" in name else (0.5, 1.5)), size=tensor.shape)
        tensor.copy_(torch.tensor(value))
    return network, names


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_features_are_the_reference_s(reference, tmp_path, monkeypatch):
    import torch

    theirs, names = random_reference(reference("feature_extractor_inceptionv3"), monkeypatch)
    file = tmp_path / "random.pth"
    torch.save(theirs.state_dict(), file, _use_new_zipfile_serialization=False)  # as the public file
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    ours = inception.load(file)

    @jax.jit
    def every(params, images):
        x = (bilinear(images, (299, 299)) - 128) / 128
        with jax.default_matmul_precision("float32"):  # the same program as below, which is thus run once
            captured = Inception().apply(params, x, capture_intermediates=True, mutable="intermediates")[1]
        return ours.apply(params, images), captured["intermediates"]

    images = np.random.default_rng(1).integers(0, 256, size=(2, 45, 37, 3), dtype=np.uint8)
    (vectors, logits), layers = every(ours.params, images)
    found = {"2048": vectors, "logits_unbiased": logits, "768": layers["Mixed_6e"]["__call__"][0].mean(axis=(1, 2))}
    for name, layer in {"64": "Conv2d_2b_3x3", "192": "Conv2d_4a_3x3"}.items():
        x = nn.relu(layers[layer]["__call__"][0])
        found[name] = nn.max_pool(x, (3, 3), (2, 2)).mean(axis=(1, 2))
    with torch.no_grad():
        expected = theirs(torch.tensor(images.transpose(0, 3, 1, 2)))
    for name, values in zip(names, expected, strict=True):
        np.testing.assert_allclose(found[name], values.numpy(), atol=1e-5 * values.abs().max().item(), err_msg=name)
