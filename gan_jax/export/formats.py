"""The files that a run's function and its weights are written to."""

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from gan_jax.errors import InputError, one_line
from gan_jax.files import read_json
from gan_jax.networks.platforms import as_on_gpu
from gan_jax.runs.run import Run
from gan_jax.types import Latents, Samples

__all__ = ["FORMATS", "PLATFORMS", "generator_of", "to_onnx", "to_safetensors", "to_stablehlo", "told_of", "weights_of"]

PLATFORMS = ("cpu", "cuda", "tpu")
"""Those that a StableHLO file runs on."""


def generator_of(run: Run, **options: Any) -> tuple[Callable[..., Samples], list[tuple[tuple[int, ...], np.dtype]]]:
    """Return `(latents (N, z)[, labels (N,)][, tokens (N, L)]) -> samples`, images in [-1, 1], and what one takes.

    That is shape and dtype of each argument for one sample.

    Raises:
      InputError: the run's system has no latents, or no such option.
    """
    decode, latent = run.system.decode, run.latent
    if decode is None or latent is None:
        raise InputError(f"a run of {run.experiment.summary()} makes no samples of given latents; there is no function")
    for name in options:
        if name not in run.system.options.get("decode", ()):
            reason = f"{run.experiment.summary()} has no {name} in making samples of latents; leave it out"
            raise InputError(reason, field=name)
    images = len(run.shape) == 3

    told = told_of(run)

    def generate(latents: Latents, *given: Any) -> Samples:
        condition = dict(zip(told, given, strict=True))
        samples = decode(run.state, latents, condition or None, **options)
        return jnp.clip(samples, -1, 1) if images else samples

    return generate, [((latent,), np.dtype("float32")), *((shape, np.dtype("int32")) for shape in told.values())]


def told_of(run: Run) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what a run's function is told of each sample beside its latent, by name."""
    labels: dict[str, tuple[int, ...]] = {"label": ()} if run.class_counts else {}
    return labels | ({"tokens": run.spec["tokens"].shape} if run.captions else {})


def to_stablehlo(run: Run, **options: Any) -> bytes:
    """Return the run's function of a batch of any size as `jax.export` serialises it, for `PLATFORMS`.

    `jax.export.deserialize(data).call(latents)` needs jax and flatbuffers, and nothing of this package.

    Raises:
      InputError: flatbuffers is not installed; or as `generator_of`; or its network cannot be compiled for a batch of
        any size.
    """
    if find_spec("flatbuffers") is None:
        reason = 'jax writes StableHLO by flatbuffers, which is not installed; pip install "gan_jax[export]"'
        raise InputError(reason, field="to")
    generate, takes = generator_of(run, **options)
    (batch,) = export.symbolic_shape("b")
    shapes = [jax.ShapeDtypeStruct((batch, *shape), dtype) for shape, dtype in takes]
    try:
        return bytes(export.export(jax.jit(generate), platforms=PLATFORMS)(*shapes).serialize())
    except (TypeError, ValueError, NotImplementedError) as error:
        advice = "a network of your own may say len(x) where x.shape[0] takes any size"
        raise InputError(f"no function of any number of latents ({one_line(error)}); {advice}", field="to") from error


def to_onnx(run: Run, **options: Any) -> bytes:
    """Return the run's function of a batch of any size as an ONNX model, by jax2onnx.

    Raises:
      InputError: jax2onnx is not installed, or lacks an operation of the network; the network draws random numbers; or
        as `generator_of`.
    """
    generate, takes = generator_of(run, **options)
    try:
        from jax2onnx import to_onnx as convert  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        reason = f'ONNX needs jax2onnx, which is not installed ({error.name}); pip install "gan_jax[onnx]"'
        raise InputError(reason, field="to") from None
    with as_on_gpu():
        program = jax.make_jaxpr(generate)(*(jax.ShapeDtypeStruct((1, *shape), dtype) for shape, dtype in takes))
    if "random_bits" in str(program):  # noise of StyleGAN's layers, or the batches of standing moments
        raise InputError("this network draws random numbers inside, and ONNX draws others; give stablehlo", field="to")
    shapes = [jax.ShapeDtypeStruct(("B", *shape), dtype) for shape, dtype in takes]
    names = ["latents", *told_of(run)]
    try:
        with as_on_gpu():
            model = convert(generate, shapes, model_name="generator", input_names=names, output_names=["samples"])
    except Exception as error:  # each of its parts has its own
        raise InputError(f"jax2onnx cannot convert it ({one_line(error)}); give stablehlo", field="to") from error
    return bytes(model.SerializeToString())


def to_safetensors(run: Run) -> bytes:
    """Return the weights that samples are drawn with, by their paths, with the run's settings as metadata.

    Raises:
      InputError: the run's system does not say which they are.
    """
    from safetensors.numpy import save

    described = read_json(run.folder.experiment)
    metadata = {"format": "flax", "step": str(run.step), "experiment": json.dumps(described["settings"])}
    return save(dict(weights_of(run)), metadata)


def weights_of(run: Run) -> Mapping[str, np.ndarray]:
    """Return the arrays that samples are drawn with, by their paths, as `params.Dense_0.kernel`.

    Raises:
      InputError: the run's system does not say which they are.
    """
    if run.system.drawn_with is None:
        reason = f"a run of {run.experiment.summary()} does not say what it draws with; its System needs `drawn_with`"
        raise InputError(reason)
    leaves = jax.tree_util.tree_leaves_with_path(run.system.drawn_with(run.state))
    return {jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}


FORMATS: dict[str, tuple[Callable[..., bytes], str]] = {
    "stablehlo": (to_stablehlo, ".stablehlo"),
    "safetensors": (to_safetensors, ".safetensors"),
    "onnx": (to_onnx, ".onnx"),
}
"""What writes a run's function or its weights, and the ending of the file."""
