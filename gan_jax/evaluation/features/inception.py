"""The features that the Fréchet inception distance is defined on, from the public weights."""

from collections.abc import Callable, Mapping
from functools import cache, partial
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
from gan_jax.evaluation.features.resize import bicubic, bilinear
from gan_jax.evaluation.features.weights import download, verify_sha256
from gan_jax.files import cache_folder, expand_user
from gan_jax.networks.inception import SIDE, Inception
from gan_jax.types import Array, Images, Params

__all__ = ["SHA256", "URL", "apply", "load", "load_clean", "params_from"]

URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


def load(weights: Path | None = None) -> FeatureNetwork:
    """Return the network with the public weights: of the file given, or of the cache folder, where they are fetched to.

    Raises:
      InputError: there is no file and no way to fetch it, or it is another file.
    """
    return _load("inception", f"{SIDE}x{SIDE}, bilinear as in TensorFlow 1", apply, weights)


def load_clean(weights: Path | None = None) -> FeatureNetwork:
    """Return the same network on images that are resized as clean-fid does; its scores compare with that tool's only.

    Raises:
      InputError: as `load`.

    Source: Parmar, Zhang, Zhu (2022), On aliased resizing and surprising subtleties in GAN evaluation.
    """
    how = f"{SIDE}x{SIDE}, bicubic with antialiasing as in clean-fid"
    return _load("inception_clean", how, partial(apply, resize=bicubic), weights)


def _load(name: str, resize: str, apply: Callable, weights: Path | None) -> FeatureNetwork:
    path = verify_sha256(_find(weights), SHA256)
    return FeatureNetwork(name, SHA256, resize, chunk=50, params=params_from(torch_files.read(path)), apply=apply)


def _find(weights: Path | None) -> Path:
    if weights is not None:
        path = expand_user(weights)
        if not path.is_file():
            raise InputError(f"there is no file {path}; {_advice()}", field="weights")
        return path
    path = cache_folder() / URL.rpartition("/")[2]
    if path.is_file():
        return path
    try:
        return download(URL, path, SHA256)
    except OSError as error:
        line = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is not there and cannot be fetched ({line}); {_advice()}", field="features") from None


def _advice() -> str:
    return f"fetch {URL} and give the file as weights, or choose the features efficientnet"


def apply(params: Params, images: Images, *, resize: Callable[..., Array] = bilinear) -> Features:
    """Map uint8 images (N, H, W, C), C = 1 or 3, of any size to `Features`: vectors (N, 2048), logits (N, 1008).

    Images are resized to 299x299, by `resize`, without rounding and normalized as (level - 128) / 128. Products are
    computed in full float32 on every platform, so that a score does not depend on the device.

    Raises:
      InputError: the samples are no images, or have another number of channels.
    """
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise InputError(
            f"inception takes images (N, H, W, C), C = 1 or 3, got {images.shape}; "
            "remove the alpha channel where C = 4",
            field="features",
        )
    with jax.default_matmul_precision("float32"):
        x = (resize(images, (SIDE, SIDE)) - 128) / 128
        x = jnp.broadcast_to(x, (*x.shape[:3], 3))
        vectors, logits = cast(tuple[Array, Array], Inception().apply(params, x))
        return Features(vectors, logits)


def params_from(state: Mapping[str, np.ndarray]) -> Params:
    """Convert the tensors of the public weight file, by name, to the parameters of `gan_jax.networks.inception`.

    Batch normalizations are folded into the convolutions before them. The classes' bias is left out, as `Inception`
    says.

    Raises:
      InputError: a tensor is missing, unknown or of another shape.
    """
    kernels = _kernels()
    expected = {name: shape for path, kernel in kernels.items() for name, shape in _tensors(path, kernel).items()}
    check_tensors(state, expected, network="inception", advice=f"fetch {URL}")
    return {"params": jax.device_put(unflatten_dict({path: _layer(state, path) for path in kernels}))}


@cache
def _kernels() -> Mapping[tuple[str, ...], tuple[int, ...]]:
    """Return the shape of each layer's kernel, by the layer's path in the parameters."""
    images = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    params: Any = flatten_dict(jax.eval_shape(Inception().init, jax.random.key(0), images)["params"])
    return {path[:-1]: leaf.shape for path, leaf in params.items() if path[-1] == "kernel"}


def _tensors(path: tuple[str, ...], kernel: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes in the file of the tensors of the layer at `path` in the parameters."""
    name = ".".join(path)
    if name == "fc":
        return {"fc.weight": kernel[::-1], "fc.bias": kernel[1:]}
    height, width, before, after = kernel
    return {f"{name}.conv.weight": (after, before, height, width)} | {f"{name}.bn.{each}": (after,) for each in NORM}


def _layer(state: Mapping[str, np.ndarray], path: tuple[str, ...]) -> dict[str, np.ndarray]:
    name = ".".join(path)
    if name == "fc":
        return {"kernel": np.asarray(state["fc.weight"].T, np.float32)}
    return folded(state[f"{name}.conv.weight"], state, f"{name}.bn")
