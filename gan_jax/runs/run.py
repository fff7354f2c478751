"""A trained run, and what can be asked of it: samples, paths, latents, likelihoods."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.images import preprocess
from gan_jax.errors import InputError
from gan_jax.evaluation.samples import SampleSets, chunk_size
from gan_jax.runs import programs
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.labels import labels_like_data, labels_of, labels_of_seeds
from gan_jax.systems import State, System
from gan_jax.systems.paths import slerp
from gan_jax.types import ArrayLike, Batch, Key, PerSample, Spec

__all__ = ["Run", "sample_sets"]

_STARTS = 16  # of the search for each latent that `invert` may have to make
_SEEDS_AT_ONCE = 16


class Run(NamedTuple):
    """A trained run, which draws images as uint8 (N, H, W, C), or points as float32 (N, D).

    A label is a class by its name or number, or one of each sample; without one, `sample` draws them as frequent as in
    the data. Options are what the system names in `System.options`, as `truncation=0.7`: samples nearer to the average.

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

    def __repr__(self) -> str:
        """Name the folder, the experiment and the iteration."""
        return f"Run({self.folder.path}: {self.experiment.summary()}, iteration {self.step:,})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        return self.spec["sample"].shape

    @property
    def latent(self) -> int | None:
        """Length of a latent, None if the system has none."""
        return self.system.latent

    def sample(self, n: int, *, seed: int = 0, label: Any = None, **options: Any) -> np.ndarray:
        """Draw n samples, the same for the same seed; fewer are the first of more.

        They are drawn `chunk_size` at a time, and those beyond n are dropped.

        Raises:
          InputError: the system has no such option, or the run no such class.
        """
        if n < 1:
            raise InputError(f"{n} is too few; give at least 1", field="n")
        self._check_options("sample", options)
        condition = self._labels(n, label)
        if condition is None and self.class_counts:
            condition = {"label": labels_like_data(self.class_counts, n, seed)}
        key, size = jax.random.key(seed), chunk_size(self.shape)
        draw = programs.sampler(self.system.sample, size, programs.frozen(options))
        chunks = []
        for i in range(-(-n // size)):
            rows = np.arange(i * size, (i + 1) * size) % n  # of one size, for one compilation
            chunks.append(np.asarray(draw(self.state, jax.random.fold_in(key, i), _rows(condition, rows))))
        return np.concatenate(chunks)[:n]

    def sample_seeds(self, seeds: Sequence[int], *, label: Any = None, **options: Any) -> np.ndarray:
        """Draw one sample of each seed, whatever the other seeds are: what `sample(1, seed=seed)` draws.

        The two differ by rounding, since they pass the network in batches of other sizes.

        Raises:
          InputError: as `sample`.
        """
        self._check_options("sample", options)
        condition = self._labels(len(seeds), label)
        if condition is None and self.class_counts:
            condition = {"label": labels_of_seeds(self.class_counts, seeds)}
        draw = programs.seed_sampler(self.system.sample, programs.frozen(options))
        chunks = []
        for start in range(0, len(seeds), _SEEDS_AT_ONCE):
            rows = np.arange(start, start + _SEEDS_AT_ONCE) % len(seeds)  # of one size, so that a seed's bytes stay
            keys = jnp.stack([jax.random.fold_in(jax.random.key(seeds[int(row)]), 0) for row in rows])
            chunks.append(np.asarray(draw(self.state, keys, _rows(condition, rows))))
        return np.concatenate(chunks)[: len(seeds)]

    def generate(self, latents: ArrayLike, *, label: Any = None, **options: Any) -> np.ndarray:
        """Map latents (N, z), standard normal where samples are drawn, to samples; always the same of the same.

        Raises:
          InputError: the system has no latents or no such option; the latents are no finite (N, z), or lack labels.
        """
        if self.system.decode is None:
            raise InputError(f"{self._of} makes no samples of given latents; draw some by run.sample(n, seed=0)")
        self._check_options("decode", options)
        latents, size = self._checked(latents, "the latents"), chunk_size(self.shape)
        condition = self._needed_labels(len(latents), label)
        decode = programs.decoder(self.system.decode, programs.frozen(options))
        chunks = []
        for start in range(0, len(latents), size):
            rows = np.arange(start, min(start + size, len(latents)))
            chunks.append(np.asarray(decode(self.state, latents[rows], _rows(condition, rows))))
        return np.concatenate(chunks)

    def interpolate(
        self, a: ArrayLike, b: ArrayLike, *, steps: int = 10, label: Any = None, **options: Any
    ) -> np.ndarray:
        """Draw samples (steps, ...) along the arc from one latent (z,) to another, both included.

        Of latents (N, z), N arcs (N, steps, ...); a label is of each arc.

        Raises:
          InputError: as `generate`; or the two are not shaped alike.
        """
        if steps < 2:
            raise InputError(f"{steps} is too few for both ends; give at least 2", field="steps")
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.ndim not in (1, 2):
            advice = "of images, the latents are run.invert(images)"
            raise InputError(f"the ends must both be latents (z,) or (N, z), got {a.shape} and {b.shape}; {advice}")
        first, last = (jnp.asarray(self._checked(each.reshape(-1, a.shape[-1]), "the ends")) for each in (a, b))
        path = np.asarray(slerp(first, last, jnp.linspace(0, 1, steps, dtype=jnp.float32)))
        condition = self._labels(len(path), label)
        each = None if condition is None else condition["label"].repeat(steps)
        found = self.generate(path.reshape(-1, a.shape[-1]), label=each, **options)
        return found.reshape(*a.shape[:-1], steps, *self.shape)

    def invert(self, samples: ArrayLike, *, seed: int = 0, label: Any = None) -> np.ndarray:
        """Return latents (N, z) that `generate` maps near given samples.

        A GAN's are searched for, as by `gan_jax.inversion.invert`, and may miss; a VAE's are its posterior's means; a
        diffusion model's are where its flow leads.

        Raises:
          InputError: the system has no latents; the samples are not as the run draws them, or lack labels.
        """
        if self.system.encode is None:
            raise InputError(f"{self._of} finds no latents of samples; train a GAN, a VAE or a diffusion model")
        samples, key = np.asarray(samples), jax.random.key(seed)
        dtype = np.uint8 if len(self.shape) == 3 else np.float32
        if samples.shape[1:] != self.shape or samples.dtype != dtype or not len(samples):
            expected = f"{np.dtype(dtype)} (N, {', '.join(map(str, self.shape))})"
            raise InputError(
                f"the samples must be {expected}, as run.sample draws; got {samples.dtype} {samples.shape}"
            )
        condition, encode = self._needed_labels(len(samples), label) or {}, programs.encoder(self.system.encode)
        size, chunks = max(1, chunk_size(self.shape) // _STARTS), []
        for start in range(0, len(samples), size):
            rows = np.arange(start, min(start + size, len(samples)))
            batch = {name: values[rows] for name, values in {"sample": samples, **condition}.items()}
            chunks.append(np.asarray(encode(self.state, jax.random.fold_in(key, start), batch)))
        return np.concatenate(chunks)

    def likelihood(self, batch: Batch, *, seed: int = 0, **options: Any) -> dict[str, np.ndarray]:
        """Return log-likelihoods (N,), in nats, of given samples, by the name of their estimate.

        Those of points are log densities, those of images log probabilities. The batch holds "sample", and "label" if
        the system is told the labels.

        Raises:
          InputError: the system has no likelihood, or no such option.
        """
        likelihoods = self.system.likelihood
        if likelihoods is None:
            advice = "score its samples by `gan-jax evaluate`, or train a diffusion model or a VAE, which have one"
            raise InputError(f"{self._of} has no likelihood; {advice}")
        self._check_options("likelihood", options)

        @jax.jit
        def evaluate(state: State, key: Key, batch: Batch) -> dict[str, PerSample]:
            return likelihoods(state, key, {**batch, "sample": preprocess(jnp.asarray(batch["sample"]))}, **options)

        size, key, found = chunk_size(self.shape), jax.random.key(seed), []
        for start in range(0, len(batch["sample"]), size):
            chunk = {name: values[start : start + size] for name, values in batch.items()}
            found.append(jax.device_get(evaluate(self.state, jax.random.fold_in(key, start), chunk)))
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    @property
    def _of(self) -> str:
        return f"a run of {self.experiment.summary()}"

    def _check_options(self, function: str, options: dict[str, Any]) -> None:
        for name in options:
            if name not in self.system.options.get(function, ()):
                what = {"sample": "sampling", "decode": "making samples of latents", "likelihood": "likelihoods"}
                raise InputError(
                    f"{self.experiment.summary()} has no {name} in {what[function]}; leave it out", field=name
                )

    def _labels(self, n: int, label: Any) -> dict[str, np.ndarray] | None:
        if label is not None and not self.class_counts:
            raise InputError(f"{self._of} draws without labels; leave it out", field="label")
        return None if label is None else {"label": labels_of(self.classes, label, n)}

    def _needed_labels(self, n: int, label: Any) -> dict[str, np.ndarray] | None:
        if label is None and self.class_counts:
            raise InputError(
                f"is needed, {self._of} is told it; give one of {', '.join(self.classes[:20])}", field="label"
            )
        return self._labels(n, label)

    def _checked(self, latents: ArrayLike, name: str) -> np.ndarray:
        found = np.asarray(latents)
        if found.ndim != 2 or found.shape[1] != self.latent or found.dtype.kind not in "fiu":
            raise InputError(f"{name} must be (N, {self.latent}) numbers, got {found.dtype} {found.shape}")
        if not len(found):
            raise InputError(f"{name} are none; give one at least")
        if not np.isfinite(found).all():
            raise InputError(f"{name} hold numbers that are not finite")
        return found.astype(np.float32)


def sample_sets(run: Run, name: str = "the run", *, label: int | None = None, **options: Any) -> SampleSets:
    """Return the sets that a run draws, of a class or of all: seed S gives what `gan-jax sample --seed S` does."""

    def take(seeds: tuple[int, ...], n: int) -> Iterator[tuple[int, np.ndarray]]:
        for seed in seeds:
            yield seed, run.sample(n, seed=seed, label=label, **options)

    return SampleSets(name, run.shape, None, take)


def _rows(condition: dict[str, np.ndarray] | None, rows: np.ndarray) -> dict[str, np.ndarray] | None:
    return None if condition is None else {name: values[rows] for name, values in condition.items()}
