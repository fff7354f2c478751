"""Families side by side: experiments of one data set trained for the same time, and all that can be asked of each."""

import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import is_config
from gan_jax.data.dataset import Dataset
from gan_jax.data.pipeline import batch_spec
from gan_jax.data.toy import TOYS, Mixture
from gan_jax.diffusion.oracles import mixture_log_density
from gan_jax.evaluation import Reference, evaluate, mode_counts
from gan_jax.files import read_json_lines
from gan_jax.lipschitz import largest_singular_value
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.run import Run, sample_sets
from gan_jax.runs.training import train
from gan_jax.training.devices import SINGLE_DEVICE
from gan_jax.training.loop import peak_bytes

__all__ = ["FAMILY_SCORES", "images_per_second", "lasting", "measure"]

FAMILY_SCORES = ("frechet", "kernel", "precision_recall", "density_coverage", "memorization")

_PROBE = 200  # iterations of which the second half is timed
_LIKELY = 200  # samples whose likelihood is taken
_INVERTED = 32  # samples that are encoded and decoded
_LATENTS = 32  # at which the map to samples is differentiated
_PAIRED = 1000  # samples of either kind in an exact transport
_TIMED = 1000  # samples that are drawn against the clock


def images_per_second(experiment: Experiment) -> float:
    """Time an experiment's training, once it is compiled."""
    probe = replace(experiment, steps=_PROBE, log_every=_PROBE // 2, sample_every=_PROBE, checkpoint_every=_PROBE)
    probe = replace(probe, evaluation=replace(probe.evaluation, every=None))
    with TemporaryDirectory() as folder:
        train(probe, folder)
        return float(read_json_lines(RunFolder(Path(folder)).training_metrics)[-1]["images_per_s"])


def lasting(experiment: Experiment, data: Dataset, images: float) -> Experiment:
    """Return an experiment that sees so many images in all, with its schedules as much longer or shorter.

    >>> from gan_jax import GAN, AdamConfig, Cosine
    >>> adam = AdamConfig(learning_rate=Cosine(first=1.0, last=0.0, images=64_000))
    >>> experiment = Experiment(gan=GAN(critic_steps=1, critic_optimizer=adam), steps=1_000)
    >>> longer = lasting(experiment, experiment.data.read(), images=128_000)
    >>> longer.steps, longer.gan.critic_optimizer.learning_rate.images
    (2000, 128000)
    """
    system = experiment.build(batch_spec(data.train), classes=len(data.classes), trains=False)
    steps = max(1, round(images / system.counts["images"]))
    share = steps / experiment.steps

    def stretched(value: Any) -> Any:
        if not is_config(value):
            return value
        changed = {field.name: stretched(getattr(value, field.name)) for field in fields(value)}
        if {"first", "last", "images"} == changed.keys():
            changed["images"] = max(1, round(value.images * share))
        return replace(value, **changed)

    every = {"sample_every": steps, "checkpoint_every": max(1, steps // 4)}
    return replace(stretched(experiment), steps=steps, **every)


def measure(run: Run, data: Dataset, against: Reference) -> dict[str, float]:
    """Ask a trained run everything that it can answer; what it cannot is left out.

    Args:
      run: of any system.
      data: that it was trained on.
      against: the real data that its samples are scored against, by `FAMILY_SCORES`.

    Returns:
      Numbers by name: the scores; `exact_transport`, the Wasserstein distance of 1,000 points to as many held out, and
      modes, of known densities; log-likelihoods by the name of their estimate, in bits per dimension of images and in
      nats of points, and again with twice the effort; `kl`, in nats, of a known density from the likelihood;
      `inversion_error`, the root mean square of held-out samples less their reconstructions, images on [-1, 1];
      `lipschitz`, the largest singular value of the map from latents to samples over a few latents; seconds for 1,000
      samples; evaluations of the network for each; parameters that samples are drawn with; bytes that one iteration
      takes.
    """
    found: dict[str, float] = {}
    scores = evaluate(sample_sets(run), against, seeds=(0,)).scores
    found |= {name: value.mean for name, value in scores.items() if not name.endswith("_sd")}
    if len(run.shape) == 1:
        found |= _of_points(run, data)
    found |= dict(_likelihoods(run, data)) if run.system.likelihood else {}
    if run.system.encode and run.system.decode:
        found |= _of_latents(run, data)
    run.sample(_TIMED, seed=1)  # compiles
    began = time.perf_counter()
    run.sample(_TIMED, seed=2)
    found["seconds_per_1000"] = time.perf_counter() - began
    found["evaluations_per_sample"] = run.system.evaluations
    if run.system.drawn_with:
        found["parameters"] = sum(leaf.size for leaf in jax.tree.leaves(run.system.drawn_with(run.state)))
    found["bytes"] = _bytes(run)
    return found


def _of_points(run: Run, data: Dataset) -> dict[str, float]:
    """The exact transport to held-out points, and how the modes of a known mixture are found."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    points = run.sample(_PAIRED, seed=3)
    real = data.held_out.batch(np.arange(_PAIRED))["sample"]
    costs = cdist(points, real)
    found = {"exact_transport": float(costs[linear_sum_assignment(costs)].mean())}
    modes = mode_counts(run.experiment.data.name, sample_sets(run), seed=4)
    if modes:
        found |= {"modes": modes["hit"], "high_quality": modes["high_quality"], "kl_to_even": modes["kl"]}
    return found


def _likelihoods(run: Run, data: Dataset) -> Iterator[tuple[str, float]]:
    """Estimates of held-out samples' log-likelihood, and again with twice the effort."""
    batch = dict(data.held_out.batch(np.arange(min(_LIKELY, len(data.held_out)))))
    image, size = len(run.shape) == 3, int(np.prod(run.shape))
    name = run.experiment.data.name
    toy = TOYS[name]() if name in TOYS else None
    options = run.system.options.get("likelihood", ())
    effort = {"steps": 100} if "steps" in options else {"draws": 200} if "draws" in options else {}
    for suffix, given in (("", {}), ("_doubled", effort)):
        for name, values in run.likelihood(batch, **given).items():
            bits = -float(values.mean()) / (size * np.log(2))
            yield (f"bits_{name}{suffix}", bits) if image else (f"nats_{name}{suffix}", float(values.mean()))
            if isinstance(toy, Mixture):
                yield f"kl_{name}{suffix}", _log_density(toy, batch["sample"]) - float(values.mean())


def _log_density(toy: Mixture, points: np.ndarray) -> float:
    count = len(toy.modes)
    variances, weights = jnp.full(count, toy.sd**2), jnp.full(count, 1 / count)
    return float(mixture_log_density(jnp.asarray(points), toy.modes, variances, weights).mean())


def _of_latents(run: Run, data: Dataset) -> dict[str, float]:
    """How well held-out samples are found again from their latents, and how fast the map of latents changes."""
    batch = data.held_out.batch(np.arange(_INVERTED))
    real, told = batch["sample"], {"label": run.class_counts, "tokens": run.captions}
    condition = {name: batch[name] for name, drawn_of in told.items() if drawn_of} or None
    latents = run.invert(real, condition=condition)
    missed = run.generate(latents, condition=condition).astype(np.float64) - real
    unit = 127.5 if real.dtype == np.uint8 else 1.0
    noise = jax.random.normal(jax.random.key(5), (_LATENTS, latents.shape[1]), jnp.float32)
    decoder = run.system.decode
    assert decoder is not None
    slopes = jax.jit(
        lambda state, noise: largest_singular_value(lambda z: decoder(state, z, condition), jax.random.key(6), noise)
    )(run.state, noise)
    return {"inversion_error": float(np.sqrt((missed**2).mean())) / unit, "lipschitz": float(slopes.max())}


def _bytes(run: Run) -> int:
    """Memory that one iteration takes."""
    count = run.system.counts["images"]
    batch = {
        name: jax.ShapeDtypeStruct((count, *entry.shape), jnp.float32 if name == "sample" else entry.dtype)
        for name, entry in run.spec.items()
    }
    shapes = jax.eval_shape(lambda: run.state)
    compiled: Any = SINGLE_DEVICE.compile(run.system.update, shapes, jax.random.key(0), batch)
    return peak_bytes(compiled)
