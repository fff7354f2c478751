"""Features and classes of handwritten digits from a small classifier whose weights are in the package.

`experiments/digits_classifier.py` trained it, on the training images of MNIST and of scikit-learn's digits.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors

from gan_jax.errors import InputError
from gan_jax.evaluation.features.network import FeatureNetwork, Features
from gan_jax.evaluation.features.weights import verify_sha256
from gan_jax.files import expand_user
from gan_jax.networks.classifier import SIDE, DigitClassifier
from gan_jax.types import Array, Float, Images, Params

__all__ = ["FILE", "SHA256", "apply", "load", "resized"]

FILE = "digits.safetensors"
SHA256 = "a1faf9bf8803b4e103bbdb4cbcc4919f2a3a4d01b3dfa93829b2864049958a69"

_RESIZE = f"{SIDE}x{SIDE}, bilinear with antialiasing"
# XLA's convolution: nothing here is differentiated or in a scan, and this is then the faster one on a CPU, too.
_network = DigitClassifier(method="lax")


def load(weights: Path | None = None) -> FeatureNetwork:
    """Return the network with the package's weights, or with those of a file that the experiment has written.

    Raises:
      InputError: there is no such file, it holds other tensors, or the package's own is damaged.

    >>> network = load()
    >>> jax.eval_shape(network.apply, network.params, jnp.zeros((2, 8, 8, 1), jnp.uint8)).vectors.shape
    (2, 64)
    """
    with as_file(files("gan_jax.evaluation.features") / FILE) as own:
        path = verify_sha256(own, SHA256) if weights is None else expand_user(weights)
        if not path.is_file():
            raise InputError(f"there is no file {path}; leave it out for the package's own", field="weights")
        content = path.read_bytes()
    return FeatureNetwork(
        name="digits",
        weights=hashlib.sha256(content).hexdigest(),
        resize=_RESIZE,
        chunk=500,
        params=_params(content, path),
        apply=apply,
    )


def apply(params: Params, images: Images) -> Features:
    """Map gray uint8 images (N, H, W, 1) of any size to `Features`: vectors (N, 64), logits (N, 10) of digits.

    Products are computed in full float32 on every platform, so that a score does not depend on the device.

    Raises:
      InputError: the samples are no gray images.
    """
    if images.ndim != 4 or images.shape[3] != 1:
        raise InputError(
            f"digits takes gray images (N, H, W, 1), got {images.shape}; choose inception or efficientnet",
            field="features",
        )
    with jax.default_matmul_precision("float32"):
        vectors, logits = cast(tuple[Array, Array], _network.apply(params, resized(images)))
        return Features(vectors, logits)


def resized(images: Images) -> Float[Array, "n 28 28 1"]:
    """Map 0..255 to float32 in [0, 1] and resize to 28x28 without rounding; images of that size are not resampled.

    >>> resized(jnp.full((1, 8, 8, 1), 255, jnp.uint8)).shape
    (1, 28, 28, 1)
    """
    x = images.astype(jnp.float32) / 255
    if images.shape[1:3] == (SIDE, SIDE):
        return x
    return jax.image.resize(x, (len(x), SIDE, SIDE, 1), "bilinear", antialias=True)


def _params(content: bytes, path: Path) -> Params:
    """Read the tensors of a weight file as the classifier's parameters."""
    try:
        tensors = read_tensors(content)
    except SafetensorError as error:
        raise InputError(f"{path}: is not a readable .safetensors file ({error})") from None
    given, wanted = ({name: (leaf.shape, leaf.dtype) for name, leaf in tree.items()} for tree in (tensors, _expected()))
    if given != wanted:
        raise InputError(f"{path}: holds other tensors than the classifier's; make it by digits_classifier.py")
    return jax.device_put(unflatten_dict(tensors, sep="."))


@cache
def _expected() -> Mapping[str, jax.ShapeDtypeStruct]:
    """Return the shapes and dtypes of the classifier's parameters by their dotted names."""
    images = jax.ShapeDtypeStruct((1, SIDE, SIDE, 1), jnp.float32)
    shapes: Any = flatten_dict(jax.eval_shape(_network.init, jax.random.key(0), images), sep=".")
    return shapes
