"""A folder of public weights to a module and its parameters."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries
from gan_jax.networks import pretrained
from gan_jax.types import Params
from gan_jax.weights import names, open_clip
from gan_jax.weights.weight_files import Tensor, find, read, tensors

__all__ = ["NETWORKS", "Network", "check", "load", "open_module"]

_LEARNED = ("kernel", "scale", "embedding")  # what public files call a weight
_SHOWN = 3  # names in a message


class Network(NamedTuple):
    """A network whose public weights are read.

    Attributes:
      module: a Flax module class of a `config` and a `dtype`.
      config: its configuration's class.
      table: from public names to ours.
    """

    module: Any
    config: Any
    table: names.Table


NETWORKS: dict[str, Network] = {
    "UNet2DModel": Network(pretrained.UNet2DModel, pretrained.UNet2DConfig, names.DIFFUSERS),
    "UNet2DConditionModel": Network(pretrained.UNet2DConditionModel, pretrained.UNet2DConditionConfig, names.DIFFUSERS),
    "ControlNetModel": Network(pretrained.ControlNetModel, pretrained.ControlNetConfig, names.DIFFUSERS),
    "AutoencoderKL": Network(pretrained.AutoencoderKL, pretrained.AutoencoderKLConfig, names.DIFFUSERS),
    "PriorTransformer": Network(pretrained.PriorTransformer, pretrained.PriorTransformerConfig, names.DIFFUSERS),
    "CLIPTextModel": Network(pretrained.CLIPTextModel, pretrained.CLIPTextConfig, names.CLIP_TEXT),
    "CLIPTextModelWithProjection": Network(
        pretrained.CLIPTextModelWithProjection, pretrained.CLIPTextConfig, names.CLIP
    ),
    "CLIPVisionModelWithProjection": Network(
        pretrained.CLIPVisionModelWithProjection, pretrained.CLIPVisionConfig, names.CLIP
    ),
    "CLIPModel": Network(pretrained.CLIPModel, pretrained.CLIPConfig, names.CLIP),
}
"""By the class that a `config.json` names."""


def load(folder: str | Path, *, dtype: DTypeLike | None = None, variant: str | None = None) -> tuple[nn.Module, Params]:
    """Read a network, one tensor at a time: `module.apply(params, ...)` takes the PyTorch module's arguments.

    Args:
      folder: as `save_pretrained` of diffusers or transformers writes it, or of open_clip: configuration and weights.
      dtype: of the parameters that are no vectors, which are float32; the file's by default. The module computes in
        float32, `module.clone(dtype=...)` in another.
      variant: part of the files' name, as "fp16".

    Returns:
      A Flax module of `gan_jax.networks.pretrained`, and its parameters on the default device. Beside them it takes
      the memory of the largest tensor, a few times.

    Raises:
      InputError: the folder has no weights or no configuration that is known, or a tensor is missing, is one too many
        or has another shape; the message is one line that names it. Pickled files are not read.
    """
    module, plan = _planned(folder, variant)
    # The largest first, when there is least beside it.
    plan.sort(key=lambda step: -step.tensor.size)
    return module, unflatten_dict({step.path: _parameter(step, dtype) for step in plan})


def check(folder: str | Path, variant: str | None = None) -> nn.Module:
    """Return the module of a network whose weights fit it, of which the names and shapes alone are read.

    Raises:
      InputError: as `load`.
    """
    return _planned(folder, variant)[0]


def open_module(folder: str | Path, variant: str | None = None) -> nn.Module:
    """Return the module of a network, of which the configuration alone is read.

    Raises:
      InputError: the folder has no weights or no configuration that is known.
    """
    folder = expand_user(folder)
    network, config = _configured(folder, find(folder, variant))
    return network.module(config)


def _planned(folder: str | Path, variant: str | None) -> tuple[Any, list["_Step"]]:
    folder = expand_user(folder)
    files = find(folder, variant)
    network, config = _configured(folder, files)
    module = network.module(config)
    return module, _plan(module, network.table, tensors(files), folder)


def _configured(folder: Path, files: list[Path]) -> tuple[Network, Any]:
    """What network it is, and its configuration."""
    if files[0].name.startswith("open_clip"):
        given = open_clip.clip_config(read_json_entries(_file(folder, "open_clip_config.json")))
        return NETWORKS["CLIPModel"]._replace(table=names.OPEN_CLIP), given
    path = _file(folder, "config.json")
    given = read_json_entries(path)
    kind = given.get("_class_name") or next(iter(given.get("architectures") or [None]))
    if kind not in NETWORKS:
        raise InputError(f"{path}: is of {kind or 'no class'}; there is {', '.join(NETWORKS)}")
    try:
        return NETWORKS[kind], NETWORKS[kind].config.from_config(given)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise InputError(f"{folder}: has weights but no {name}; copy it from where they are from")
    return folder / name


class _Step(NamedTuple):
    """What makes one parameter: the i-th of so many parts of a tensor, arranged as JAX has it."""

    path: tuple[str, ...]
    tensor: Tensor
    part: int
    parts: int
    transposed: bool
    shape: tuple[int, ...]


def _plan(module: Any, table: names.Table, given: Mapping[str, Tensor], folder: Path) -> list[_Step]:
    """What makes each of the parameters; nothing is read yet."""
    inputs, by_name = module.example_inputs()
    shapes: Any = jax.eval_shape(partial(module.init, **by_name), jax.random.key(0), *inputs)
    leaves: dict[Any, Any] = flatten_dict(shapes)
    wanted = {_public(path): (path, leaf.shape) for path, leaf in leaves.items()}
    plan, surplus = {}, []
    for public, tensor in given.items():
        ours = () if names.is_ignored(public) else names.rename(public, table)
        for part, name in enumerate(ours):
            own = re.sub(r"\.kernel$", ".weight", name)
            if own not in wanted or own in plan:
                surplus.append(public)
                continue
            path, shape = wanted[own]
            step = plan[own] = _Step(path, tensor, part, len(ours), own == name and path[-1] == "kernel", shape)
            if not _fits(step):
                raise InputError(f"{tensor.file}: {public} of shape {tensor.shape} is no {own} of shape {shape}")
    missing = [name for name in wanted if name not in plan]
    if surplus or missing:
        said = [f"has no {_listed(missing)}"] * bool(missing) + [f"has {_listed(surplus)} too many"] * bool(surplus)
        raise InputError(f"{folder}: {', and '.join(said)}; is its configuration another's?")
    return list(plan.values())


def _public(path: tuple[str, ...]) -> str:
    """The name that a table gives a parameter."""
    return ".".join((*path[1:-1], "weight" if path[-1] in _LEARNED else path[-1]))


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _fits(step: _Step) -> bool:
    """Whether a tensor will have the parameter's shape, of what is known before it is read."""
    tensor = step.tensor
    if not jnp.issubdtype(tensor.dtype, np.floating) or (step.parts > 1 and tensor.shape[0] % step.parts):
        return False
    return _arranged(np.broadcast_to(np.zeros((), tensor.dtype), tensor.shape), step).shape == step.shape


def _arranged(array: np.ndarray, step: _Step) -> np.ndarray:
    """A kernel (out, in, height, width) as (height, width, in, out), or (out, in) as (in, out).

    Where a product takes the place of a convolution, of single pixels or of whole patches, it has two axes,
    (height width in, out).
    """
    array = np.split(array, step.parts)[step.part] if step.parts > 1 else array
    if not step.transposed or array.ndim not in (2, 4):
        return array
    array = array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0)
    return array.reshape(-1, array.shape[-1]) if len(step.shape) == 2 else array


def _parameter(step: _Step, dtype: DTypeLike | None) -> jax.Array:
    array = _arranged(read(step.tensor), step)
    # Normalization is in float32, and so are its parameters; other vectors take no memory either.
    kind = np.float32 if array.ndim < 2 else dtype or array.dtype
    # A copy, or the array on the device could be the file itself; waited for, or the next would be read beside it.
    return jax.device_put(np.array(array, kind, order="C")).block_until_ready()
