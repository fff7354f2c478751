"""The configuration of a GAN, which builds its system."""

from typing import Annotated, Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from pydantic import BeforeValidator

from gan_jax.config import Choice, Count, Decay, Probability, config
from gan_jax.errors import InputError, within
from gan_jax.losses import LOSSES, Loss
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.gan.augmenting import AugmentConfig
from gan_jax.systems.gan.checks import check_network
from gan_jax.systems.gan.game import Teacher, is_conditional
from gan_jax.systems.gan.lipschitz_configs import ConstraintConfig, PenaltyConfig, is_penalty
from gan_jax.systems.gan.network_configs import CriticConfig, GeneratorConfig, told_classes
from gan_jax.systems.gan.path_length import NO_PATH_LENGTH, PathLengthConfig
from gan_jax.systems.gan.system import gan
from gan_jax.systems.modules import is_module
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["GAN", "constraint_config", "critic_config", "is_loss", "penalty_config"]


def _generator_config(value: Any) -> Any:
    return GeneratorConfig(name=value) if isinstance(value, str) or is_module(value) else value


def critic_config(value: Any) -> Any:
    """Return the configuration that a name or a module class is short for."""
    return CriticConfig(name=value) if isinstance(value, str) or is_module(value) else value


def penalty_config(value: Any) -> Any:
    """Return the configuration that a name or a penalty is short for."""
    return PenaltyConfig(name=value) if isinstance(value, str) or is_penalty(value) else value


def constraint_config(value: Any) -> Any:
    """Return the configuration that a name is short for."""
    return ConstraintConfig(name=value) if isinstance(value, str) else value


def _augment_config(value: Any) -> Any:
    return AugmentConfig(policies=tuple(value)) if isinstance(value, list | tuple) else value


def is_loss(value: Any) -> bool:
    """Whether a value is a pair of losses."""
    return isinstance(value, Loss)


@config
class GAN:
    """The system: two networks, what they minimize, and how they take turns.

    Attributes:
      generator: the network that maps noise to samples; a name or a module class is short for its configuration.
      critic: the network that scores samples; a name or a module class is short for its configuration.
      loss: what the critic and the generator minimize; in Python also a `gan_jax.losses.Loss`.
      penalty: the soft Lipschitz constraint; a name or a penalty of one's own is short for its configuration.
      constraint: the hard Lipschitz constraint; a name is short for its configuration.
      generator_optimizer: Adam's configuration, or any optax optimizer.
      critic_optimizer: Adam's configuration, or any optax optimizer.
      generator_constraint: the same of the generator, as SAGAN's and BigGAN's spectral normalization.
      conditional: whether both networks are told the labels.
      fake_labels: whose labels generated samples take: those of the real samples that they are paired with, or the real
        batch's in another order ("shuffled"), drawn independently.
      critic_steps: critic steps for each generator step.
      ema_decay: decay of the exponential moving average of the generator's parameters, which draws the samples, or its
        half-life in images.
      augment: what the critic sees all images through; names of augmentations are short for their configuration.
      style_mixing: the probability that a sample in training has two styles (stylegan2; the paper's is 0.9).
      path_length: the generator's path-length regularization.
      nan_to_num: whether gradients that are not finite are replaced, NaN by 0 and infinities by 1e5 of their sign, and
        counted in the metrics; by default such a run stops.
      precision: of the networks' layers; parameters, optimizers, scores and norms are float32 all the same.
      micro_batch: how many samples pass a network at a time, for batches whose activations do not fit the memory
        (gradient accumulation): the same values, with a pass more for each derivative. By default all.
    """

    generator: Annotated[GeneratorConfig, BeforeValidator(_generator_config)] = GeneratorConfig()
    critic: Annotated[CriticConfig, BeforeValidator(critic_config)] = CriticConfig()
    loss: Annotated[str | Loss, Choice(LOSSES, is_loss, "a Loss")] = "wasserstein"
    penalty: Annotated[PenaltyConfig, BeforeValidator(penalty_config)] = PenaltyConfig()
    constraint: Annotated[ConstraintConfig, BeforeValidator(constraint_config)] = ConstraintConfig()
    generator_constraint: Annotated[ConstraintConfig, BeforeValidator(constraint_config)] = ConstraintConfig()
    generator_optimizer: Optimizer = AdamConfig()
    critic_optimizer: Optimizer = AdamConfig()
    conditional: bool = False
    fake_labels: Literal["paired", "shuffled"] = "paired"
    critic_steps: Count = 5
    ema_decay: Decay | HalfLife = 0.999
    augment: Annotated[AugmentConfig, BeforeValidator(_augment_config)] = AugmentConfig()
    style_mixing: Probability = 0.0
    path_length: PathLengthConfig = NO_PATH_LENGTH
    nan_to_num: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    micro_batch: Count | None = None

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
    ) -> System:
        """Return the system for training batches of a spec.

        Args:
          spec: of one sample as networks see it, float32 (H, W, C) or (D,), and of what belongs to it.
          batch_size: samples of one step, over all devices.
          classes: how many classes "label" counts.
          sharding: of a batch over devices.
          trains: whether the system is to be trained, as in `gan`.

        Raises:
          InputError: a network cannot take the shape, or has no such field, the batch cannot be sharded, or the penalty
            needs images or a precision that there are not.

        >>> GAN().build({"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)}, batch_size=64).counts
        {'critic_steps': 5, 'generator_steps': 1, 'images': 320}
        """
        shape = spec["sample"].shape
        if self.conditional and not classes:
            raise InputError("the data have no labels; leave it out, or give data with some", field="conditional")
        with within("generator"):
            told = told_classes(self.generator.name, classes, self.conditional)
            generator = self.generator.build(shape, told, self.precision)
        latent = self.generator.latent
        of = {"batch_size": batch_size, "classes": classes, "sharding": sharding, "trains": trains}
        return self.train(generator, latent, spec, **of)

    def train(
        self,
        generator: nn.Module,
        latent: int,
        spec: Spec,
        *,
        batch_size: int,
        classes: int,
        sharding: BatchSharding,
        trains: bool,
        teacher: Teacher | None = None,
    ) -> System:
        """Return the system of a generator that is there already, perhaps with a teacher; else as `build`."""
        shape = spec["sample"].shape
        with within("generator"):
            noise = jax.ShapeDtypeStruct((1, latent), jnp.float32)
            check_network(generator, noise, spec, shape=shape)
        with within("critic"):
            told = told_classes(self.critic.name, classes, self.conditional)
            critic = self.critic.build(told, self.precision)
            image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
            check_network(critic, image, spec, shape=())
        with within("penalty"):
            penalty = self.penalty.build()
            if penalty and "images" in penalty.needs and len(shape) != 3:
                raise InputError(f"it is of images, these data are {shape}; choose another", field="slope")
        if trains and penalty and "float32" in penalty.needs and self.precision != "float32":
            reason = f"{self.precision} rounds away the small differences that this penalty takes"
            raise InputError(f"{reason}; choose float32, or a penalty of gradients, as r1", field="precision")
        with within("augment"):
            self.augment.check(shape)
        if self.fake_labels == "shuffled" and not (is_conditional(generator) or is_conditional(critic)):
            raise InputError("no network is told labels; leave it out", field="fake_labels")
        every = penalty.every if penalty else 1
        return gan(
            generator=generator,
            critic=critic,
            loss=LOSSES[self.loss] if isinstance(self.loss, str) else self.loss,
            penalty=penalty,
            constraint=self.constraint.build(critic, image),
            generator_constraint=self.generator_constraint.build(generator, noise),
            shuffles_labels=self.fake_labels == "shuffled",
            nan_to_num=self.nan_to_num,
            generator_optimizer=build_optimizer(
                self.generator_optimizer,
                images_each=self.critic_steps * batch_size,
                every=self.path_length.every if self.path_length.weight else 1,
            ),
            critic_optimizer=build_optimizer(self.critic_optimizer, images_each=batch_size, every=every),
            latent=latent,
            batch_size=batch_size,
            critic_steps=self.critic_steps,
            ema_decay=self.ema_decay,
            augment=self.augment,
            style_mixing=self.style_mixing,
            path_length=self.path_length,
            teacher=teacher,
            micro_batch=self.micro_batch,
            sharding=sharding,
            trains=trains,
        )

    def hint(self, shape: tuple[int, ...], batch_size: int) -> str | None:
        """Return what a reader of the first lines of a run should know of settings that were not given, if anything."""
        return self.penalty.hint(shape, batch_size)

    def summary(self) -> str:
        """Return the system in a line.

        >>> GAN(penalty=PenaltyConfig("none")).summary()
        'generator mlp · critic mlp · loss wasserstein'
        """
        parts = {
            "generator": self.generator.name,
            "critic": self.critic.name,
            "loss": self.loss,
            "penalty": self.penalty.name,
            "constraint": self.constraint.name,
            "generator constraint": self.generator_constraint.name,
        }
        names = {
            part: value if isinstance(value, str) else getattr(value, "__name__", "own")
            for part, value in parts.items()
        }
        return " · ".join(f"{part} {name}" for part, name in names.items() if name != "none")
