"""The configuration of an autoencoder, which builds its system."""

from math import gcd
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from pydantic import BeforeValidator, Field

from gan_jax.config import Choice, Count, Decay, NonNegative, config
from gan_jax.errors import InputError, within
from gan_jax.losses import LOSSES, Loss
from gan_jax.networks.pretrained.autoencoder_kl import AutoencoderKL, AutoencoderKLConfig
from gan_jax.penalties import check_loss
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.autoencoder.system import Model, autoencoder, encoded
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.gan.augmenting import UNAUGMENTED
from gan_jax.systems.gan.checks import check_network, declares_mixing, refuse_mixing
from gan_jax.systems.gan.config import constraint_config, critic_config, is_loss, penalty_config
from gan_jax.systems.gan.game import Game
from gan_jax.systems.gan.lipschitz_configs import ConstraintConfig, PenaltyConfig
from gan_jax.systems.gan.network_configs import CriticConfig
from gan_jax.systems.learner import Learner
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["AdversaryConfig", "Autoencoder", "AutoencoderNetworkConfig"]

_GROUPS = 32


@config
class AutoencoderNetworkConfig:
    """The network that encodes and decodes: `gan_jax.networks.pretrained.AutoencoderKL`.

    Attributes:
      features: at the image's size, at its half, and so on; latents have the last size.
      blocks: residual blocks at each size.
      latents: channels of the latents.
      attention: whether every pixel looks at all in the middle.
    """

    features: tuple[Count, ...] = (32, 64)
    blocks: Count = 1
    latents: Count = 4
    attention: bool = True

    def build(self, shape: tuple[int, ...], precision: str) -> AutoencoderKL:
        """Return the module for images of a shape.

        Raises:
          InputError: the images do not halve so often, or features cannot be grouped by four.
        """
        whole = 2 ** (len(self.features) - 1)
        if len(shape) != 3 or shape[0] % whole or shape[1] % whole:
            reason = f"{len(self.features)} sizes need (H, W, C) with sides that are multiples of {whole}, got {shape}"
            raise InputError(f"{reason}; give fewer features, or images of another size", field="features")
        odd = [features for features in self.features if features % 4]
        if odd:
            raise InputError(f"{odd[0]} cannot be grouped by four; give multiples of 4", field="features")
        sizes = len(self.features)
        settings = AutoencoderKLConfig(
            in_channels=shape[2],
            out_channels=shape[2],
            down_block_types=("DownEncoderBlock2D",) * sizes,
            up_block_types=("UpDecoderBlock2D",) * sizes,
            block_out_channels=self.features,
            layers_per_block=self.blocks,
            latent_channels=self.latents,
            norm_num_groups=gcd(_GROUPS, *(features // 4 for features in self.features)),
            sample_size=(shape[0], shape[1]),
            mid_block_add_attention=self.attention,
        )
        return AutoencoderKL(settings, jnp.dtype(precision))


@config
class AdversaryConfig:
    """The critic that tells reconstructions from images, and how it is held Lipschitz.

    Attributes:
      critic: the network that scores images; a name or a module class is short for its configuration.
      loss: what the critic and the autoencoder minimize; in Python also a `gan_jax.losses.Loss`.
      penalty: the soft Lipschitz constraint; a name or a penalty of one's own is short for its configuration.
      constraint: the hard Lipschitz constraint; a name is short for its configuration.
      optimizer: Adam's configuration, or any optax optimizer.
      weight: of the adversarial term, beside the adaptive one; 0 for no critic at all.
      after: images after which the autoencoder hears the critic.
    """

    critic: Annotated[CriticConfig, BeforeValidator(critic_config)] = CriticConfig("patch", width=32, depth=2)
    loss: Annotated[str | Loss, Choice(LOSSES, is_loss, "a Loss")] = "hinge"
    penalty: Annotated[PenaltyConfig, BeforeValidator(penalty_config)] = PenaltyConfig("r1", weight=1.0)
    constraint: Annotated[ConstraintConfig, BeforeValidator(constraint_config)] = ConstraintConfig()
    optimizer: Optimizer = AdamConfig(learning_rate=5e-4, b1=0.5, b2=0.9)
    weight: NonNegative = 0.5
    after: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def build(self, network: Any, spec: Spec, learner: Learner, precision: str, trains: bool) -> Game | None:
        """Return the game that the critic plays, None without one.

        Raises:
          InputError: the critic cannot take the images, or the penalty or the constraint does not fit it.
        """
        if not self.weight:
            return None
        image = jax.ShapeDtypeStruct((1, *spec["sample"].shape), jnp.float32)
        with within("critic"):
            critic = self.critic.build(0, precision)
            check_network(critic, image, spec, shape=())
            if declares_mixing(critic):
                raise InputError("it scores samples by their batch; choose another, as patch")
        penalty = self.penalty.build()
        loss = LOSSES[self.loss] if isinstance(self.loss, str) else self.loss
        if penalty is not None:
            check_loss(penalty, loss)
            if "float32" in penalty.needs and precision != "float32":
                raise InputError("takes small differences, which this precision rounds away", field="penalty")
        if trains:
            refuse_mixing(critic, spec["sample"].shape, learner.batch_size)
        return Game(
            generator=network,
            critic=critic,
            loss=loss,
            penalty=penalty,
            constraint=self.constraint.build(critic, image),
            generator_optimizer=learner.optimizer,
            critic_optimizer=build_optimizer(
                self.optimizer, images_each=learner.batch_size, every=penalty.every if penalty else 1
            ),
            latent=0,
            batch_size=learner.batch_size,
            critic_steps=1,
            ema_decay=learner.ema_decay,
            augment=UNAUGMENTED,
            sharding=learner.sharding,
        )


@config
class Autoencoder:
    """The system: a network that maps images to small latents and back, and what it minimizes.

    Attributes:
      network: encodes and decodes.
      perceptual: whose features a reconstruction shall share: "digits" for gray digits, "efficientnet" for
        photographs; by default none's.
      perceptual_weight: of the squared distance between these, each of length 1, times the numbers of an image.
      kl_weight: of the divergence of the latents from standard normal numbers.
      adversary: the critic that tells reconstructions from images.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, which reconstructs, or its half-life in
        images.
      precision: of the networks' layers; parameters, latents and errors are float32 all the same.
    """

    network: AutoencoderNetworkConfig = AutoencoderNetworkConfig()
    perceptual: Literal["digits", "efficientnet"] | None = None
    perceptual_weight: NonNegative = 1.0
    kl_weight: NonNegative = 1e-6
    adversary: AdversaryConfig = AdversaryConfig()
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.5, b2=0.9)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
    precision: Literal["float32", "bfloat16"] = "float32"

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
        perceive: Any = None,
    ) -> System:
        """Return the system for training batches of a spec.

        Args:
          spec, batch_size, classes, sharding, trains: as for `GAN.build`.
          perceive: `images -> vectors (N, D)`, the perceptual features.

        Raises:
          InputError: the networks cannot take the images, or the penalty does not fit.

        >>> small = Autoencoder(network=AutoencoderNetworkConfig(features=(4, 4)))
        >>> spec = {"sample": jax.ShapeDtypeStruct((8, 8, 1), jnp.float32)}
        >>> small.build(spec, batch_size=8, trains=False).counts
        {'images': 8}
        """
        shape = spec["sample"].shape
        sharding.check(batch_size)
        with within("network"):
            network = self.network.build(shape, self.precision)
        image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        latents = jax.eval_shape(lambda image: _latents(network, image), image)
        optimizer = build_optimizer(self.optimizer, images_each=batch_size)
        learner = Learner(optimizer, self.ema_decay, batch_size, sharding)
        if perceive is not None:
            try:
                jax.eval_shape(perceive, image)
            except InputError as error:
                raise InputError(error.reason, field="perceptual") from None
        with within("adversary"):
            game = self.adversary.build(network, spec, learner, self.precision, trains)
        return autoencoder(
            Model(
                network=network,
                shape=shape,
                latent=latents.shape[1:],
                learner=learner,
                perceive=perceive,
                perceptual_weight=self.perceptual_weight,
                kl_weight=self.kl_weight,
                game=game,
                adversarial_weight=self.adversary.weight,
                adversarial_after=self.adversary.after,
            )
        )

    def summary(self) -> str:
        """Return the system in a line.

        >>> Autoencoder(adversary=AdversaryConfig(weight=0.0)).summary()
        'autoencoder 32, 64 to 4 · no critic'
        """
        sizes = ", ".join(map(str, self.network.features))
        line = f"autoencoder {sizes} to {self.network.latents}"
        if not self.adversary.weight:
            return f"{line} · no critic"
        parts = (self.adversary.critic.name, self.adversary.penalty.name)
        critic, penalty = (getattr(part, "__name__", part) for part in parts)
        return f"{line} · critic {critic} · penalty {penalty}"


def _latents(network: AutoencoderKL, image: Any) -> Any:
    return encoded(network, network.init(jax.random.key(0), image), image).mean
