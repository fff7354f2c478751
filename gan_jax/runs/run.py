"""A run folder: what describes the run, and the state that it has come to."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.runs.build import build
from gan_jax.data.images import postprocess
from gan_jax.runs.environment import environment
from gan_jax.errors import InputError
from gan_jax.runs.experiment import Experiment
from gan_jax.files import read_json, write_json
from gan_jax.runs.settings import differences, from_json, to_json
from gan_jax.systems import State, System
from gan_jax.training import checkpoint
from gan_jax.types import Key, Samples

_CHUNK = 500  # samples drawn at a time


class Run(NamedTuple):
    """A trained run, read from its folder."""

    experiment: Experiment
    system: System
    state: State
    step: int
    shape: tuple[int, ...]


def write_experiment(folder: Path, experiment: Experiment, data: np.ndarray) -> None:
    """Write `experiment.json`: the settings, and the shape and hash of the data trained on; and `environment.json`.

    Raises:
      InputError: the folder holds checkpoints of other settings or data, or beyond `steps`; the message shows which.
    """
    from gan_jax import __version__

    file = folder / "experiment.json"
    found = {"image_shape": list(data.shape[1:]), "data_sha256": hashlib.sha256(data.tobytes()).hexdigest()}
    settings = to_json(experiment) | found
    step = checkpoint.newest_step(folder / "checkpoints")
    if step is not None:
        different = differences(_read_settings(file), settings)
        if different:
            raise InputError(f"{file}: cannot resume with other settings ({'; '.join(different)})")
        if step > experiment.steps:
            raise InputError(f"steps: {experiment.steps} is below the {step} that {folder} has done already")
    write_json(file, settings | {"gan_jax": __version__})
    write_json(folder / "environment.json", environment())


def _read_settings(file: Path) -> dict[str, Any]:
    try:
        settings = read_json(file)
    except FileNotFoundError:
        raise InputError(f"{file.parent}: is not a run folder, it has no {file.name}") from None
    shape = settings.get("image_shape") if isinstance(settings, dict) else None
    if not isinstance(shape, list) or not all(isinstance(size, int) and size > 0 for size in shape):
        raise InputError(f"{file}: holds no image_shape; it is not what a run has written")
    settings.pop("gan_jax", None)
    return settings


def open_run(folder: Path, *, best: bool = False) -> Run:
    """Read a run folder: the experiment, its system, and the newest checkpoint, or the one that scored best.

    Raises:
      InputError: it is not a run folder, or holds no checkpoint that fits.
    """
    file = folder / "experiment.json"
    settings = _read_settings(file)
    shape = tuple(settings.pop("image_shape"))
    settings.pop("data_sha256", None)
    try:
        experiment = from_json(settings)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    system = build(experiment, shape)
    saved = folder / ("best" if best else "checkpoints")
    if checkpoint.newest_step(saved) is None:
        advice = "train with --evaluation.every N" if best else "train the run first"
        raise InputError(f"{folder}: holds no {'best ' * best}checkpoint; {advice}")
    state = jax.eval_shape(system.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *shape), jnp.float32))
    with checkpoint.manager(saved, create=False) as checkpoints:
        step, state = checkpoint.restore(checkpoints, state)
    return Run(experiment, system, state, step, shape)


def draw(run: Run, key: Key, count: int) -> np.ndarray:
    """Draw uint8 images (count, H, W, C) or float32 points (count, D), the same for the same key.

    Fewer of them are the first of more.
    """
    sample = _sampler(run.system.sample)
    chunks = [np.asarray(sample(run.state, jax.random.fold_in(key, i))) for i in range(-(-count // _CHUNK))]
    return np.concatenate(chunks)[:count]


@lru_cache(maxsize=4)  # one program for every time that a run draws
def _sampler(sample: Callable[..., Samples]) -> Callable[[State, Key], np.ndarray]:
    return jax.jit(lambda state, key: postprocess(sample(state, key, _CHUNK)))
