"""The description of a run: its data, its system, how long it trains, what it writes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from gan_jax.config import Choice, Count, Fraction, Name, NonNegative, Seed, config, short
from gan_jax.data.dataset import Dataset, subsample
from gan_jax.data.order import ORDERS
from gan_jax.data.sources import read, resolve
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError
from gan_jax.evaluation.features import FEATURES
from gan_jax.evaluation.features.perceptual import PERCEPTUAL
from gan_jax.evaluation.scores import GOOD, ScoreName
from gan_jax.files import expand_user
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems import System
from gan_jax.systems.autoencoder import Autoencoder
from gan_jax.systems.clip import Clip
from gan_jax.systems.control import Control
from gan_jax.systems.diffusion import Diffusion
from gan_jax.systems.distill import Distill
from gan_jax.systems.gan.config import GAN
from gan_jax.systems.latent_diffusion import LatentDiffusion
from gan_jax.systems.pretrained import Pretrained
from gan_jax.systems.unclip import Prior, Unclip
from gan_jax.systems.vae import VAE
from gan_jax.training.trackers import TRACKERS
from gan_jax.types import Spec

__all__ = ["FREE", "DataConfig", "EvaluationConfig", "Experiment"]

# What may differ between a run and its continuation: where the data lie, when to stop, what to write.
FREE = ("data.dir", "data.resident", "steps", "log_every", "sample_every", "checkpoint_every", "keep_checkpoints")
FREE += ("evaluation", "trackers")


def _check_source(value: Any) -> Any:
    if value == "":
        raise ValueError("is empty; give a folder of images, an .npz or a TFDS name")
    if value is None or isinstance(value, str | Dataset) or callable(value):
        return value
    expected = "a name or a path, or in Python a Dataset or a function that reads one"
    raise ValueError(f"must be {expected}; got {short(value)}")


@config
class DataConfig:
    """Where the data come from.

    Attributes:
      source: "digits", "captioned_digits", "captioned_mnist", "cropped_digits", "cropped_mnist", "discs", "8gaussians",
        "25gaussians", "swissroll", the name of a TFDS data set, a folder of images, perhaps with captions, or an .npz
        file with an array "images"; in Python also a `Dataset`, or a function that reads one; None of a run that was
        not trained here.
      dir: folder of prepared TFDS data sets; TFDS's own by default. `--data-dir` is short for it.
      fraction: of the training samples, which are drawn once; all by default. Held-out samples stay as they are.
      dequantization: half-width of the uniform noise on each number of a real sample, on the scale [-1, 1]; smooths
        coarse gray levels.
      mirror: whether every image is as often mirrored, left and right, as it is not.
      sampling: "with_replacement", or "epochs", in which every sample comes once before any comes again.
      resident: whether the training data lie on the devices ("yes"), or are streamed from the host ("no"); by default
        ("auto") they do up to a quarter of a device's memory. The run is the same.
    """

    source: Annotated[Any, PlainValidator(_check_source)] = "digits"
    dir: Name | None = None
    fraction: Fraction = 1.0
    dequantization: NonNegative = 0.0
    mirror: bool = False
    sampling: Annotated[str, Choice(ORDERS)] = "with_replacement"
    resident: Literal["auto", "yes", "no"] = "auto"

    @property
    def name(self) -> str:
        """What scores and reports call the data."""
        if self.source is None:
            return "no data"
        return self.source if isinstance(self.source, str) else getattr(self.source, "__name__", "own data")

    def read(self) -> Dataset:
        """Read the data.

        Raises:
          InputError: they cannot be read.
        """
        if self.source is None:
            raise InputError("there are none; name some", field="data.source")
        if isinstance(self.source, str):
            data = read(self.source, expand_user(self.dir) if self.dir else None)
        else:
            data = self.source if isinstance(self.source, Dataset) else self.source()
        if not isinstance(data, Dataset):
            raise InputError(f"{self.name} must return a Dataset, not {type(data).__name__}", field="data.source")
        return self.part(data)

    def part(self, data: Dataset) -> Dataset:
        """Return data with the fraction of their training samples."""
        return data if self.fraction == 1 else subsample(data, self.fraction)

    def located(self) -> "DataConfig":
        """Return the same data with absolute paths, so that a run can be evaluated from anywhere."""
        folder = expand_user(self.dir).absolute() if self.dir else None
        source = resolve(self.source, folder) if isinstance(self.source, str) else self.source
        return replace(self, source=source, dir=folder and str(folder))


_COMPARABLE = {name: good for name, good in GOOD.items() if good in ("low", "high")}


@config
class EvaluationConfig:
    """The scores that a run takes of its own samples while it trains, against held-out data.

    Attributes:
      every: iterations between two times; never by default.
      scores: from `gan_jax.evaluation.scores.SCORES`.
      best: the score whose best checkpoint is kept, in the run folder's `best/`.
      features: what the scores are taken of, from `gan_jax.evaluation.features.FEATURES`; by default what suits the
        data.
      weights: file of the feature network's weights; by default where they usually are.
      n: samples of either kind; by default all held out, at most 10,000.
    """

    every: Count | None = None
    scores: Annotated[tuple[ScoreName, ...], Field(min_length=1)] = ("frechet",)
    best: Annotated[str, Choice(_COMPARABLE)] = "frechet"
    features: Annotated[str, Choice(FEATURES)] | None = None
    weights: Name | None = None
    n: Count | None = None


def _data_config(value: Any) -> Any:
    return DataConfig(source=value) if isinstance(value, str | Dataset) or callable(value) else value


def _builds(value: Any) -> bool:
    return callable(getattr(value, "build", None))


_SYSTEMS = (
    "gan",
    "diffusion",
    "vae",
    "distill",
    "autoencoder",
    "latent_diffusion",
    "control",
    "clip",
    "prior",
    "unclip",
)
_SYSTEMS += ("pretrained", "system")


@config
class Experiment:
    """A whole run: its data, exactly one system, and how it trains.

    The fields after `seed` say when to stop and what to write, and may change when a run is resumed.

    Attributes:
      data: where they come from; a name, a `Dataset` or a function that reads one is short for the configuration.
      gan: the system, if it is a GAN; so it is by default.
      diffusion: the system, if it is a network that takes noise out of samples.
      vae: the system, if it is a variational autoencoder.
      distill: the system, if it is the one-step student of a diffusion run.
      autoencoder: the system, if it is an autoencoder whose latents another run may be of.
      latent_diffusion: the system, if it is diffusion of an autoencoder's latents.
      control: the system, if it is a ControlNet of a diffusion run.
      clip: the system, if it is two towers for images and captions.
      prior: the system, if it makes CLIP's embeddings of captions.
      unclip: the system, if it makes images of these.
      pretrained: the system, if it is public networks, of which `gan-jax import` makes a run.
      system: the system, if it is one of your own: a frozen dataclass whose method
        `build(spec, *, batch_size, classes, sharding, trains) -> System` makes it.
      init_from: run folder whose trained weights this one begins with, averages where there are some: fine-tuning.
        Optimizers and all else begin anew.
      batch_size: samples of one step.
      seed: of the parameters, the batches and the noise.
      steps: iterations in all; of a GAN, one is `gan.critic_steps` critic steps and a generator step.
      log_every: iterations between two lines of metrics.
      sample_every: iterations between two sample grids.
      checkpoint_every: iterations between two checkpoints.
      keep_checkpoints: how many of the newest checkpoints are kept.
      evaluation: the scores that the run takes of its samples.
      trackers: what else is told metrics and samples, from `gan_jax.training.trackers.TRACKERS`.

    >>> Experiment(gan=GAN(critic_steps=2), steps=100).system_config.critic_steps
    2
    """

    data: Annotated[DataConfig, BeforeValidator(_data_config)] = DataConfig()
    gan: GAN | None = None
    diffusion: Diffusion | None = None
    vae: VAE | None = None
    distill: Distill | None = None
    autoencoder: Autoencoder | None = None
    latent_diffusion: LatentDiffusion | None = None
    control: Control | None = None
    clip: Clip | None = None
    prior: Prior | None = None
    unclip: Unclip | None = None
    pretrained: Pretrained | None = None
    system: Annotated[Any, Choice({}, _builds, "a dataclass with a method `build`")] | None = None
    init_from: Name | None = None
    batch_size: Count = 64
    seed: Seed = 0
    steps: Count = 10_000
    log_every: Count = 100
    sample_every: Count = 1_000
    checkpoint_every: Count = 1_000
    keep_checkpoints: Count = 3
    evaluation: EvaluationConfig = EvaluationConfig()
    trackers: tuple[Annotated[Any, Choice(TRACKERS, callable, "a function")], ...] = ()

    def __post_init__(self):
        chosen = [name for name in _SYSTEMS if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise ValueError(f"an experiment has one system, not {' and '.join(chosen)}")
        if not chosen:
            object.__setattr__(self, "gan", GAN())

    @property
    def system_name(self) -> str:
        """The field that holds the system."""
        return next(name for name in _SYSTEMS if getattr(self, name) is not None)

    @property
    def system_config(self) -> Any:
        """The configuration of the system."""
        return getattr(self, self.system_name)

    def build(
        self,
        spec: Spec,
        *,
        classes: int = 0,
        vocabulary: Vocabulary | None = None,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
        runs: Mapping[str, Any] = MappingProxyType({}),
    ) -> System:
        """Return the system for training batches of a spec, which may rest on other runs, by the settings' names.

        A system whose configuration says `captioned = True` is given the vocabulary of the data's captions, one that
        names `perceptual` features is given those.

        Raises:
          InputError: the system does not fit the data, the batch or the devices.
        """
        settings = self.system_config
        rest: dict[str, Any] = {"runs": runs} if runs else {}
        if getattr(settings, "captioned", False):
            rest["vocabulary"] = vocabulary
        perceptual = getattr(settings, "perceptual", None)
        of = {"batch_size": self.batch_size, "classes": classes, "sharding": sharding, "trains": trains}
        try:
            if perceptual in PERCEPTUAL:
                rest["perceive"] = PERCEPTUAL[perceptual]()
            return settings.build(spec, **of, **rest)
        except InputError as error:
            own = error.field is not None and hasattr(settings, error.field.partition(".")[0])
            raise (error.within(self.system_name) if own else error) from None

    def resting_on(self, runs: Mapping[str, Any]) -> "Experiment":
        """Return the same experiment with what its system is to remember of the runs that it rests on."""
        remember = getattr(self.system_config, "resting_on", lambda runs: self.system_config)
        return replace(self, **{self.system_name: remember(runs)})

    def located(self) -> "Experiment":
        """Return the same experiment with absolute paths, so that its run can be opened from anywhere."""
        of_system = getattr(self.system_config, "located", lambda: self.system_config)()
        init_from = self.init_from and str(expand_user(self.init_from).absolute())
        return replace(self, data=self.data.located(), init_from=init_from, **{self.system_name: of_system})

    def opened_in(self, folder: Path) -> "Experiment":
        """Return the same experiment with the paths of files that its run keeps."""
        settings = self.system_config
        return replace(self, **{self.system_name: getattr(settings, "opened_in", lambda folder: settings)(folder)})

    def summary(self) -> str:
        """Return data and system in a line."""
        settings = self.system_config
        describe = getattr(settings, "summary", lambda: type(settings).__name__)
        return describe() if self.data.source is None else f"{self.data.name} · {describe()}"

    def hint(self, shape: tuple[int, ...]) -> str | None:
        """Return what the system suggests for settings that were not given, if it suggests anything."""
        suggest = getattr(self.system_config, "hint", lambda shape, batch_size: None)
        return suggest(shape, self.batch_size)
