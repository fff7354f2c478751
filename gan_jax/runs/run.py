"""A trained run, and what can be asked of it: samples, paths, latents, likelihoods."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.dataset import Source
from gan_jax.data.images import preprocess
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError
from gan_jax.evaluation.samples import SampleSets, chunk_size
from gan_jax.runs import programs
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.folder import RunFolder
from gan_jax.runs.labels import captions_like_data, conditions_like_data, labels_like_data, labels_of
from gan_jax.systems import State, System
from gan_jax.systems.paths import slerp
from gan_jax.types import ArrayLike, Batch, Key, PerSample, Spec

__all__ = ["Run", "sample_sets"]

_STARTS = 16  # of the search for each latent that `invert` may have to make
_SEEDS_AT_ONCE = 16


class Run(NamedTuple):
    """A trained run, which draws images as uint8 (N, H, W, C), or points as float32 (N, D).

    A label is a class by its name or number, or one of each sample. A condition is a batch of what samples are drawn
    of, a row each: labels, captions as `{"tokens": run.vocabulary(["a thick three"])}`, hints, or, of a system that
    reconstructs, samples. Without either, `sample` draws labels, captions and all else as frequent as in the data, and
    reconstructs held-out samples. Options are what the system names in `System.options`, as `truncation=0.7`: samples
    nearer to the average.

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

    def sample(
        self, n: int, *, seed: int = 0, label: Any = None, condition: Batch | None = None, **options: Any
    ) -> np.ndarray:
        """Draw n samples, the same for the same seed; fewer are the first of more.

        They are drawn `chunk_size` at a time, and those beyond n are dropped.

        Raises:
          InputError: the system draws nothing, or has no such option, or the run no such class.
        """
        if n < 1:
            raise InputError(f"{n} is too few; give at least 1", field="n")
        given = self._given(n, label, condition) or self.like_data(n, seed) or None
        key, size = jax.random.key(seed), chunk_size(self.shape)
        draw = programs.sampler(self._drawing(options), size, programs.frozen(options))
        chunks = []
        for i in range(-(-n // size)):
            rows = np.arange(i * size, (i + 1) * size) % n  # of one size, for one compilation
            chunks.append(np.asarray(draw(self.state, jax.random.fold_in(key, i), _rows(given, rows))))
        return np.concatenate(chunks)[:n]

    def sample_seeds(
        self, seeds: Sequence[int], *, label: Any = None, condition: Batch | None = None, **options: Any
    ) -> np.ndarray:
        """Draw one sample of each seed, whatever the other seeds are: what `sample(1, seed=seed)` draws.

        The two differ by rounding, since they pass the network in batches of other sizes.

        Raises:
          InputError: as `sample`; or there are no seeds.
        """
        if not len(seeds):
            raise InputError("there are none; give at least one", field="seeds")
        draw = programs.seed_sampler(self._drawing(options), programs.frozen(options))
        given = self._given(len(seeds), label, condition)
        given = given or self.like_data_of_seeds(seeds) or None
        chunks = []
        for start in range(0, len(seeds), _SEEDS_AT_ONCE):
            rows = np.arange(start, start + _SEEDS_AT_ONCE) % len(seeds)  # of one size, so that a seed's bytes stay
            keys = jnp.stack([jax.random.fold_in(jax.random.key(seeds[int(row)]), 0) for row in rows])
            chunks.append(np.asarray(draw(self.state, keys, _rows(given, rows))))
        return np.concatenate(chunks)[: len(seeds)]

    def generate(
        self, latents: ArrayLike, *, label: Any = None, condition: Batch | None = None, **options: Any
    ) -> np.ndarray:
        """Map latents (N, z), standard normal where samples are drawn, to samples; always the same of the same.

        Raises:
          InputError: the system has no latents or no such option; the latents are no finite (N, z), or lack labels.
        """
        if self.system.decode is None:
            raise InputError(f"{self._of} makes no samples of given latents; draw some by run.sample(n, seed=0)")
        self._check_options("decode", options)
        latents, size = self._checked(latents, "the latents"), chunk_size(self.shape)
        given = self._given(len(latents), label, condition, needed=True)
        decode = programs.decoder(self.system.decode, programs.frozen(options))
        chunks = []
        for start in range(0, len(latents), size):
            rows = np.arange(start, min(start + size, len(latents)))
            chunks.append(np.asarray(decode(self.state, latents[rows], _rows(given, rows))))
        return np.concatenate(chunks)

    def interpolate(
        self,
        a: ArrayLike,
        b: ArrayLike,
        *,
        steps: int = 10,
        label: Any = None,
        condition: Batch | None = None,
        **options: Any,
    ) -> np.ndarray:
        """Draw samples (steps, ...) along the arc from one latent (z,) to another, both included.

        Of latents (N, z), N arcs (N, steps, ...); a label, or a row of a condition, is of each arc.

        Raises:
          InputError: as `generate`; or the two are not shaped alike.
        """
        if steps < 2:
            raise InputError(f"{steps} is too few for both ends; give at least 2", field="steps")
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.ndim not in (1, 2):
            advice = "of images, the latents are run.invert(images)"
            raise InputError(f"the ends must both be latents (z,) or (N, z), got {a.shape} and {b.shape}; {advice}")
        if self.latent is None:
            return self.generate(a)  # which says why not
        first, last = (jnp.asarray(self._checked(each.reshape(-1, a.shape[-1]), "the ends")) for each in (a, b))
        path = np.asarray(slerp(first, last, jnp.linspace(0, 1, steps, dtype=jnp.float32)))
        given = self._given(len(path), label, condition) or {}
        each = {name: values.repeat(steps, axis=0) for name, values in given.items()}
        found = self.generate(path.reshape(-1, a.shape[-1]), condition=each or None, **options)
        return found.reshape(*a.shape[:-1], steps, *self.shape)

    def invert(
        self, samples: ArrayLike, *, seed: int = 0, label: Any = None, condition: Batch | None = None
    ) -> np.ndarray:
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
            expected = f"{np.dtype(dtype)} (N, {', '.join(map(str, self.shape))}), as run.sample draws them"
            raise InputError(f"the samples must be {expected}; got {samples.dtype} {samples.shape}")
        given = self._given(len(samples), label, condition, needed=True) or {}
        batch, encode = {"sample": samples, **given}, programs.encoder(self.system.encode)
        size, chunks = max(1, chunk_size(self.shape) // _STARTS), []
        for start in range(0, len(samples), size):
            rows = np.arange(start, min(start + size, len(samples)))
            chunks.append(np.asarray(encode(self.state, jax.random.fold_in(key, start), _rows(batch, rows))))
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

    def _drawing(self, options: Mapping[str, Any]) -> Any:
        """The system's function that draws, if it takes these options."""
        if self.system.sample is None:
            raise InputError(f"{self._of} cannot sample; others rest on it, and `gan-jax evaluate` measures it")
        self._check_options("sample", options)
        return self.system.sample

    def _check_options(self, function: str, options: Mapping[str, Any]) -> None:
        what = {"sample": "sampling", "decode": "making samples of latents", "likelihood": "likelihoods"}[function]
        for name in options:
            if name not in self.system.options.get(function, ()):
                raise InputError(f"{self.experiment.summary()} has no {name} in {what}; leave it out", field=name)

    def _given(
        self, n: int, label: Any, condition: Batch | None, *, needed: bool = False
    ) -> dict[str, np.ndarray] | None:
        """What n samples are drawn of, as it is given; None if nothing is."""
        given = {name: np.asarray(values) for name, values in (condition or {}).items()}
        if label is not None:
            if not self.class_counts:
                raise InputError(f"{self._of} draws without labels; leave it out", field="label")
            given["label"] = labels_of(self.classes, label, n)
        for name, values in given.items():
            if values.ndim == 0 or len(values) != n:
                raise InputError(f"{name} {values.shape} is not a row for each of {n}", field="condition")
        if needed and self.class_counts and "label" not in given:
            known = ", ".join(self.classes[:20])
            raise InputError(f"is needed, since {self._of} is told it; give one of {known}", field="label")
        if needed and self.captions and "tokens" not in given:
            advice = 'give {"tokens": run.vocabulary([...])}, a caption for each'
            raise InputError(f"is needed, since {self._of} is told captions; {advice}", field="condition")
        return given or None

    def like_data(self, n: int, seed: int) -> dict[str, np.ndarray]:
        """Return what n samples are drawn of where nothing is said: labels, captions and all else as in the data."""
        found: dict[str, np.ndarray] = {}
        if self.class_counts:
            found["label"] = labels_like_data(self.class_counts, n, seed)
        if self.captions and self.vocabulary:
            found["tokens"] = self.vocabulary(captions_like_data(self.captions, n, seed))
        if self.conditions is not None:
            found |= conditions_like_data(self.conditions, self.system.conditions, n, seed)
        if self.system.reconstructs:  # held-out samples, all once before any again, in an order of the seed
            source = self.experiment.data.read().held_out
            order = np.random.Generator(np.random.PCG64(seed)).permutation(len(source))
            found["sample"] = source.batch(order[np.arange(n) % len(source)])["sample"]
        return found

    def like_data_of_seeds(self, seeds: Sequence[int]) -> dict[str, np.ndarray]:
        """Return what each seed's only sample is drawn of where nothing is said."""
        drawn = [self.like_data(1, int(seed)) for seed in seeds]
        return {name: np.concatenate([each[name] for each in drawn]) for name in drawn[0]}

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


def _rows(condition: Mapping[str, np.ndarray] | None, rows: np.ndarray) -> dict[str, np.ndarray] | None:
    return None if condition is None else {name: values[rows] for name, values in condition.items()}
