"""The configuration of a diffusion model, which builds its system."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import flax.linen as nn
import numpy as np
from pydantic import BeforeValidator

from gan_jax.config import Choice, Count, Decay, Name, NonNegative, Probability, config
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.diffusion import (
    PARAMETERIZATIONS,
    PRESETS,
    SAMPLERS,
    SCHEDULES,
    SPACINGS,
    TIMES,
    WEIGHTINGS,
    Parameterization,
    Preset,
    Schedule,
)
from gan_jax.errors import InputError, within
from gan_jax.networks import DENOISERS
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.diffusion.model import Model, Told
from gan_jax.systems.diffusion.numbers import told_numbers, vector_length
from gan_jax.systems.diffusion.system import diffusion
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.learner import Learner
from gan_jax.systems.modules import build_module, is_module, with_own_fields
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["DenoiserConfig", "Diffusion", "denoiser_config"]


@config
class DenoiserConfig:
    """The network that says what noise or data there is in a sample.

    Attributes:
      name: kind of network; in Python also a Flax module class.
      width: features of the hidden layers (mlp); the network's own by default.
      depth: residual blocks (mlp); the network's own by default.
      features: at the image's size, at its half, and so on (unet); the network's own by default.
      blocks: residual blocks at each size (unet); the network's own by default.
      attention: heights of the images in which every pixel looks at all (unet); the network's own by default.
      dropout: the probability that a number is left out in training (unet); none by default.
      patch: height and width of the patches that an image is cut into (unet); the network's own by default.
      heads: of attention (text_unet); the network's own by default.
      text_width: features of the captions' words (text_unet); the network's own by default.
      text_depth: layers of the transformer that reads the captions (text_unet); the network's own by default.
    """

    name: Annotated[str | type[nn.Module], Choice(DENOISERS, is_module, "a Flax module class")] = "mlp"
    width: Count | None = None
    depth: Count | None = None
    features: tuple[Count, ...] | None = None
    blocks: Count | None = None
    attention: tuple[Count, ...] | None = None
    dropout: Probability | None = None
    patch: Count | None = None
    heads: Count | None = None
    text_width: Count | None = None
    text_depth: Count | None = None

    @property
    def reads(self) -> bool:
        """Whether the network is told captions, not labels."""
        return getattr(self._kind, "captioned", False)

    def build(self, classes: int, precision: str, vocabulary: Vocabulary | None = None, **given: Any) -> nn.Module:
        """Return the module, told labels of so many classes, 0 to be told none, or captions, with more fields if given.

        Raises:
          InputError: the network has no such field; the message names it.
        """
        kind = self._kind
        if given and not given.keys() <= kind.__dataclass_fields__.keys():
            raise InputError(f"{kind.__name__} has no {', '.join(given)}, and is told nothing; choose mlp or unet")
        given |= {"words": vocabulary.size, "length": vocabulary.length} if vocabulary else {}
        return build_module(self, kind, presets={}, classes=classes, precision=precision, **given)

    def resolved(self) -> "DenoiserConfig":
        """Return the same with the numbers of the preset, or the network's own, where none is given."""
        return with_own_fields(self, self._kind, {})

    @property
    def _kind(self) -> type[nn.Module]:
        return DENOISERS[self.name] if isinstance(self.name, str) else self.name


def denoiser_config(value: Any) -> Any:
    """Return the configuration of a network that is given by its name or its class."""
    return DenoiserConfig(name=value) if isinstance(value, str) or is_module(value) else value


@config
class Diffusion:
    """The system: a network that takes noise out of samples, how it is trained, and how samples are drawn with it.

    Attributes:
      network: takes the noise out; a name or a module class is short for its configuration.
      preset: published choices of what follows, from `gan_jax.diffusion.PRESETS`, where it is not given.
      schedule: how much signal and how much noise there is at a time; in Python also a `Schedule`.
      parameterization: what the network says, as the noise; in Python also a `Parameterization`.
      times: how the noise of a training sample is drawn; in Python also a function `(schedule, uniform) -> times`.
      weighting: of the squared errors, "output" or "bound".
      spacing: the levels of noise of the sampler; in Python also a function `(schedule, steps) -> times`.
      sampler: how samples are drawn; in Python also a step of one's own.
      steps: of the sampler.
      conditional: whether the network is told the labels; text_unet is told the captions instead, always.
      numbers: entries of a batch that the network is told beside that, as SDXL is told sizes and crops.
      label_dropout: the probability that a training sample's label or caption is hidden, for guidance.
      guidance: the weight of what that says when samples are drawn: 1 for none, more for plainer samples.
      clip: whether what the network says that the data are is held to [-1, 1] when images are drawn.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, which draws the samples, or its half-life in
        images.
      precision: of the network's layers; parameters, errors and samples are float32 all the same.
      micro_batch: how many samples pass the network at a time, for batches whose activations do not fit the memory
        (gradient accumulation): the same values, with a pass more. By default all.
    """

    network: Annotated[DenoiserConfig, BeforeValidator(denoiser_config)] = DenoiserConfig()
    preset: Annotated[str, Choice(PRESETS)] = "edm"
    schedule: Annotated[Any, Choice(SCHEDULES, lambda value: isinstance(value, Schedule), "a Schedule")] | None = None
    parameterization: (
        Annotated[
            Any,
            Choice(PARAMETERIZATIONS, lambda value: isinstance(value, Parameterization), "a Parameterization"),
        ]
        | None
    ) = None
    times: Annotated[Any, Choice(TIMES, callable, "a function")] | None = None
    weighting: Annotated[Any, Choice(WEIGHTINGS, callable, "a function")] | None = None
    spacing: Annotated[Any, Choice(SPACINGS, callable, "a function")] | None = None
    sampler: Annotated[Any, Choice(SAMPLERS, callable, "a function")] | None = None
    steps: Count | None = None
    conditional: bool = False
    numbers: tuple[Name, ...] = ()
    label_dropout: Probability = 0.1
    guidance: NonNegative = 1.0
    clip: bool = False
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.9, b2=0.999)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
    precision: Literal["float32", "bfloat16"] = "float32"
    micro_batch: Count | None = None
    captioned: ClassVar[bool] = True

    def chosen(self) -> Preset:
        """Return the preset with what is chosen to differ from it.

        >>> Diffusion(preset="ddpm", sampler="ddim", steps=50).chosen()[:2]
        ('ddpm', 'noise')
        """
        preset = PRESETS[self.preset]
        own = {name: getattr(self, name, None) for name in Preset._fields}
        return preset._replace(**{name: value for name, value in own.items() if value is not None})

    def resolved(self) -> "Diffusion":
        """Return the same with the names and numbers of the preset, where none are given."""
        return replace(self, **{name: value for name, value in self.chosen()._asdict().items() if hasattr(self, name)})

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        vocabulary: Vocabulary | None = None,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
    ) -> System:
        """Return the system for training batches of a spec.

        Args:
          spec, batch_size, classes, sharding, trains: as for `GAN.build`.
          vocabulary: of the data's captions, if they have any.

        Raises:
          InputError: the network cannot take the shape, or has no such field, the data have no labels or captions, or
            the sampler cannot take so many steps.

        >>> import jax, jax.numpy as jnp
        >>> Diffusion().build({"sample": jax.ShapeDtypeStruct((2,), jnp.float32)}, batch_size=8).counts
        {'images': 8}
        """
        return diffusion(
            self.model(spec, batch_size=batch_size, classes=classes, vocabulary=vocabulary, sharding=sharding)
        )

    def model(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int,
        vocabulary: Vocabulary | None = None,
        sharding: BatchSharding = UNSHARDED,
    ) -> Model:
        """Return what the system is made of; the arguments, and what is raised, are as for `build`."""
        reads = self.network.reads
        if self.conditional and reads:
            raise InputError("the network is told the captions, not the labels; leave it out", field="conditional")
        if self.conditional and not classes:
            raise InputError("the data have no labels; leave it out, or give data with some", field="conditional")
        if reads and vocabulary is None:
            reason = "it is told captions, which the data do not have; give data with some, or another network"
            raise InputError(reason, field="network")
        if self.guidance != 1 and not (self.conditional or reads):
            raise InputError("it pushes towards the label, which the network is not told", field="guidance")
        sharding.check(batch_size)
        sharding = sharding.with_micro_batch(self.micro_batch, batch_size)
        told = Told("label", np.array(classes, np.int32)) if self.conditional else None
        if reads and vocabulary is not None:
            told = Told("tokens", vocabulary([""])[0])
        beside = told_numbers(spec, self.numbers) if self.numbers else None
        with within("network"):
            more = {"vectors": vector_length(beside)} if beside else {}
            told_classes = classes if self.conditional else 0
            network = self.network.build(told_classes, self.precision, vocabulary if reads else None, **more)
        optimizer = build_optimizer(self.optimizer, images_each=batch_size)
        return Model(
            network=network,
            preset=self.chosen(),
            shape=spec["sample"].shape,
            learner=Learner(optimizer, self.ema_decay, batch_size, sharding),
            told=told,
            label_dropout=self.label_dropout if told else 0.0,
            guidance=self.guidance,
            clip=self.clip and len(spec["sample"].shape) == 3,
            beside=beside,
        )

    def summary(self) -> str:
        """Return the system in a line.

        >>> Diffusion(schedule="cosine").summary()
        'diffusion edm · network mlp · schedule cosine'
        """
        parts = {"diffusion": self.preset, "network": self.network.name}
        own = {name: getattr(self, name, None) for name in Preset._fields}
        parts |= {name: value for name, value in own.items() if value is not None}
        return " · ".join(f"{part} {getattr(value, '__name__', value)}" for part, value in parts.items())
