"""A trained run, opened from its folder, and what can be asked of it: samples, paths, latents."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.dataset import Source
from gan_jax.data.images import postprocess, preprocess
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError
from gan_jax.evaluation.samples import SampleSets, chunk_size
from gan_jax.runs import description, experiment_file
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.labels import captions_like_data, conditions_like_data, labels_like_data
from gan_jax.systems import State, System
from gan_jax.training import checkpoint
from gan_jax.types import Batch, Key, PerSample, Spec

__all__ = [
    "Run",
    "decode",
    "encode",
    "interpolate",
    "likelihood",
    "needs_data",
    "open_run",
    "open_without_state",
    "runs_below",
    "sample",
    "sample_sets",
    "state_shapes",
]


class Run(NamedTuple):
    """A trained run.

    Attributes:
      experiment: what describes it.
      system: what was trained.
      state: as of its last iteration.
      step: iterations done.
      spec: of the batches that it was trained on, without the batch axis.
      classes: names of the classes.
      fingerprint: of the data that it was trained on.
      folder: where it lies.
      class_counts: how many training samples each class has, if samples are drawn of labels.
      vocabulary: of the data's captions, if they have any.
      captions: of training samples, if samples are drawn of captions.
      files: SHA-256 of files that the run keeps and that were not made here, by their paths in its folder.
      conditions: data of whose entries samples are drawn, where they are and nothing else is said.
    """

    experiment: Experiment
    system: System
    state: State
    step: int
    spec: Spec
    classes: tuple[str, ...]
    fingerprint: str
    folder: RunFolder
    class_counts: tuple[int, ...] = ()
    vocabulary: Vocabulary | None = None
    captions: tuple[str, ...] = ()
    files: Mapping[str, str] = MappingProxyType({})
    conditions: Source | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        return self.spec["sample"].shape


def open_run(path: Path | str, *, best: bool = False, experiment: Experiment | None = None) -> Run:
    """Open a run folder: the experiment, its system, and the newest checkpoint, or the one that scored best.

    Args:
      path: the folder.
      best: whether to take the checkpoint that scored best.
      experiment: what a program trained, if that has objects of its own and was no experiment file.

    Raises:
      InputError: it is not a run folder, or holds no checkpoint that fits.
    """
    run = open_without_state(RunFolder(Path(path)), experiment)
    if run.system.is_read:
        if best:
            raise InputError(f"{path} was not trained here, and has one state; leave it out", field="best")
        return run._replace(state=run.system.init(jax.random.key(0), run.spec))
    saved = run.folder.best if best else run.folder.checkpoints
    if not checkpoint.newest_step(saved):
        advice = "train with --evaluation.every N" if best else "train the run first"
        raise InputError(f"{path}: holds no {'best ' * best}checkpoint; {advice}")
    with checkpoint.manager(saved, create=False) as checkpoints:
        restored = checkpoint.restore(checkpoints, state_shapes(run))
    return run._replace(state=restored.state, step=restored.step)


def open_without_state(folder: RunFolder, experiment: Experiment | None = None) -> Run:
    """Open a run folder without reading a checkpoint: the run's state is None.

    Raises:
      InputError: it is not a run folder.
    """
    described = description.read(folder.experiment)
    experiment, _ = experiment_file.of_run(folder, experiment)
    spec, classes = described.spec, described.classes
    of = {"classes": len(classes), "vocabulary": described.vocabulary, "runs": runs_below(experiment)}
    system = experiment.build(spec, trains=False, **of)
    run = Run(
        experiment,
        system,
        None,
        0,
        spec,
        classes,
        described.fingerprint,
        folder,
        described.class_counts,
        described.vocabulary,
        described.captions,
    )
    conditions = experiment.data.read().held_out if needs_data(experiment, system) else None
    return run._replace(files=described.files, conditions=conditions)


def needs_data(experiment: Experiment, system: System) -> bool:
    """Whether samples are drawn of what belongs to data, unless it is said of what."""
    return bool(system.conditions) and experiment.data.source is not None


def runs_below(experiment: Experiment) -> dict[str, Run]:
    """Open the runs that an experiment's system rests on, by the names of the settings that hold their folders.

    Raises:
      InputError: one is not a run folder, or holds no checkpoint; the message names the setting.
    """
    found, settings = {}, experiment.system_config
    for name in getattr(settings, "rests_on", ()):
        try:
            found[name] = open_run(getattr(settings, name))
        except InputError as error:
            raise InputError(error.reason, field=f"{experiment.system_name}.{name}") from None
    return found


def state_shapes(run: Run) -> State:
    """Return shapes and dtypes of a run's state."""
    return jax.eval_shape(lambda: run.system.init(jax.random.key(0), run.spec))


def sample(run: Run, n: int, *, seed: int = 0, condition: Batch | None = None, **options: Any) -> np.ndarray:
    """Draw uint8 images (n, H, W, C) or float32 points (n, D), the same for the same seed; fewer are the first of more.

    They are drawn `chunk_size` at a time, and those beyond n are dropped. A condition is a batch of n labels, of n rows
    of captions, as `{"tokens": run.vocabulary(["a thick three"])}`, or, of a system that reconstructs, of n samples.
    Without one, labels and captions are as frequent as in the data, and held-out samples are reconstructed. Options are
    what the system names in `System.options`, as `truncation=0.7`: samples nearer to the average one.

    Raises:
      InputError: the system has no such option.
    """
    for name in options:
        if name not in run.system.options.get("sample", ()):
            raise InputError(f"{run.experiment.summary()} has no {name} in sampling; leave it out", field=name)
    if condition is None:
        condition = _like_data(run, n, seed) or None
    key, size = jax.random.key(seed), chunk_size(run.shape)
    draw = _sampler(_function_of(run, "sample"), size, tuple(sorted(options.items())))
    chunks = []
    for i in range(-(-n // size)):
        chunk = None
        if condition is not None:
            rows = np.arange(i * size, (i + 1) * size) % n  # of one size, for one compilation
            chunk = {name: np.asarray(values)[rows] for name, values in condition.items()}
        chunks.append(np.asarray(draw(run.state, jax.random.fold_in(key, i), chunk)))
    return np.concatenate(chunks)[:n]


def _like_data(run: Run, n: int, seed: int) -> dict[str, np.ndarray]:
    """What samples are drawn of where nothing is said: labels, captions and all else as in the data."""
    found: dict[str, np.ndarray] = {}
    if run.class_counts:
        found["label"] = labels_like_data(run.class_counts, n, seed)
    if run.captions and run.vocabulary:
        found["tokens"] = run.vocabulary(captions_like_data(run.captions, n, seed))
    if run.conditions is not None:
        found |= conditions_like_data(run.conditions, run.system.conditions, n, seed)
    if run.system.reconstructs:
        found |= _held_out(run, n, seed)
    return found


def _held_out(run: Run, n: int, seed: int) -> dict[str, np.ndarray]:
    """Held-out samples of the run's data, all once before any again, in an order of the seed."""
    source = run.experiment.data.read().held_out
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(source))
    return {"sample": source.batch(order[np.arange(n) % len(source)])["sample"]}


def sample_sets(run: Run, name: str = "the run", *, label: int | None = None, **options: Any) -> SampleSets:
    """Return the sets that a run draws, of a class or of all: seed S gives what `gan-jax sample --seed S` does."""

    def take(seeds: tuple[int, ...], n: int) -> Iterator[tuple[int, np.ndarray]]:
        for seed in seeds:
            condition = None if label is None else {"label": np.full(n, label, np.int32)}
            yield seed, sample(run, n, seed=seed, condition=condition, **options)

    return SampleSets(name, run.shape, None, take)


def interpolate(run: Run, *, paths: int = 6, steps: int = 10, seed: int = 0) -> np.ndarray:
    """Draw samples along paths through the latent space: uint8 images or float32 points (paths, steps, ...).

    Raises:
      InputError: the system knows no way between samples.
    """
    draw = _function_of(run, "interpolate")
    samples = postprocess(draw(run.state, jax.random.key(seed), paths, steps))
    return np.asarray(samples).reshape(paths, steps, *run.shape)


def encode(run: Run, samples: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return latents (N, z) of uint8 images (N, H, W, C) or float32 points (N, D), which `decode` maps back near them.

    Raises:
      InputError: the system cannot encode.
    """
    encoder = _function_of(run, "encode")
    return np.asarray(encoder(run.state, jax.random.key(seed), {"sample": preprocess(jnp.asarray(samples))}))


def decode(run: Run, latents: np.ndarray) -> np.ndarray:
    """Return the samples, uint8 images or float32 points, of latents (N, z).

    Raises:
      InputError: the system cannot decode.
    """
    return np.asarray(postprocess(_function_of(run, "decode")(run.state, jnp.asarray(latents))))


def likelihood(run: Run, batch: Batch, *, seed: int = 0, **options: Any) -> dict[str, np.ndarray]:
    """Return log-likelihoods (N,), in nats, of uint8 images (N, H, W, C) or float32 points (N, D), by their estimate.

    Those of points are log densities, those of images log probabilities. The batch holds "sample", and "label" if the
    system is told the labels; options are what the system names in `System.options`.

    Raises:
      InputError: the system has no likelihood, or no such option.
    """
    likelihoods = run.system.likelihood
    if likelihoods is None:
        advice = "score its samples by `gan-jax evaluate`, or train a diffusion model or a VAE, which have one"
        raise InputError(f"a run of {run.experiment.summary()} has no likelihood; {advice}")
    for name in options:
        if name not in run.system.options.get("likelihood", ()):
            raise InputError(f"{run.experiment.summary()} has no {name} in likelihoods; leave it out", field=name)

    @jax.jit
    def evaluate(state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
        return likelihoods(state, key, {**batch, "sample": preprocess(jnp.asarray(batch["sample"]))}, **options)

    size, key, found = chunk_size(run.shape), jax.random.key(seed), []
    for start in range(0, len(batch["sample"]), size):
        chunk = {name: values[start : start + size] for name, values in batch.items()}
        found.append(jax.device_get(evaluate(run.state, jax.random.fold_in(key, start), chunk)))
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def _function_of(run: Run, name: str) -> Callable[..., Any]:
    function = getattr(run.system, name)
    if function is None:
        raise InputError(f"a run of {run.experiment.summary()} cannot {name}")
    return function


@lru_cache(maxsize=4)  # one program for every time that a run draws
def _sampler(sample: Callable[..., Any], size: int, options: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    return jax.jit(lambda state, key, condition: postprocess(sample(state, key, size, condition, **dict(options))))
