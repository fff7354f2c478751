"""The frozen dataclasses that describe a run: data, whatever reads them."""

from dataclasses import dataclass, field
from typing import Literal

from jsonargparse.typing import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    restricted_number_type,
)

from gan_jax.losses import LOSSES
from gan_jax.networks import CRITICS, GENERATORS
from gan_jax.penalties import POINTS, SHAPES

Decay = restricted_number_type("Decay", float, [(">=", 0), ("<", 1)])


@dataclass(frozen=True)
class Data:
    """Where the images come from.

    Attributes:
      source: "digits", the name of a TFDS data set, a folder of images, or an .npz file with an array "images".
      dir: folder of prepared TFDS data sets; TFDS's own by default. `--data-dir` is short for it.
      noise: half-width of the uniform noise on each real pixel, on the scale [-1, 1]; smooths coarse grey levels.
    """

    source: str = "digits"
    dir: str | None = None
    noise: NonNegativeFloat = 0.0


@dataclass(frozen=True)
class Generator:
    """The network that draws.

    Attributes:
      name: kind of network.
      width: features of the widest hidden layer (mlp) or of the layer nearest to the image (dcgan).
      depth: hidden layers (mlp) or halvings of the image (dcgan); the network's own by default.
      latent: length of a noise vector.
    """

    name: Literal[tuple(GENERATORS)] = "mlp"
    width: PositiveInt = 256
    depth: PositiveInt | None = None
    latent: PositiveInt = 128


@dataclass(frozen=True)
class Critic:
    """The network that scores.

    Attributes:
      name: kind of network.
      width: features of the widest hidden layer (mlp) or of the layer nearest to the image (dcgan).
      depth: hidden layers (mlp) or halvings of the image (dcgan); the network's own by default.
    """

    name: Literal[tuple(CRITICS)] = "mlp"
    width: PositiveInt = 256
    depth: PositiveInt | None = None


@dataclass(frozen=True)
class Penalty:
    """The soft Lipschitz constraint.

    Attributes:
      points: where the critic's gradient is taken.
      shape: what is asked of its norm.
      weight: lambda, what the penalty's mean is multiplied by.
      bound: the Lipschitz constant asked for, in score per unit of data.
    """

    points: Literal[tuple(POINTS)] = "interpolated"
    shape: Literal[tuple(SHAPES)] = "two_sided"
    weight: NonNegativeFloat = 10.0
    bound: NonNegativeFloat = 1.0


@dataclass(frozen=True)
class Adam:
    """One network's optimizer.

    Attributes:
      learning_rate: at the start.
      b1: decay of the first moment.
      b2: decay of the second moment.
      decay_steps: iterations over which the rate falls to zero along a cosine; constant by default.
    """

    learning_rate: PositiveFloat = 1e-4
    b1: Decay = 0.5
    b2: Decay = 0.9
    decay_steps: PositiveInt | None = None


@dataclass(frozen=True)
class GAN:
    """The system: two networks, what they minimise, and how they take turns.

    Attributes:
      loss: what the critic and the generator minimise.
      critic_steps: steps of the critic for each of the generator.
      average_decay: decay of the generator's moving average, which draws the samples.
    """

    generator: Generator = field(default_factory=Generator)
    critic: Critic = field(default_factory=Critic)
    loss: Literal[tuple(LOSSES)] = "wasserstein"
    penalty: Penalty = field(default_factory=Penalty)
    generator_optimizer: Adam = field(default_factory=Adam)
    critic_optimizer: Adam = field(default_factory=Adam)
    critic_steps: PositiveInt = 5
    average_decay: Decay = 0.999


@dataclass(frozen=True)
class Experiment:
    """A whole run. The settings after `seed` say when to stop and what to write, and may change when a run is resumed.

    Attributes:
      batch_size: images of one step.
      seed: of the parameters, the batches and the noise.
      steps: iterations; one is `gan.critic_steps` steps of the critic and one of the generator.
      log_every: iterations between two lines of metrics.
      sample_every: iterations between two sample grids.
      checkpoint_every: iterations between two checkpoints.
      keep_checkpoints: how many of the newest checkpoints are kept.
    """

    data: Data = field(default_factory=Data)
    gan: GAN = field(default_factory=GAN)
    batch_size: PositiveInt = 64
    seed: NonNegativeInt = 0
    steps: PositiveInt = 10_000
    log_every: PositiveInt = 100
    sample_every: PositiveInt = 1_000
    checkpoint_every: PositiveInt = 1_000
    keep_checkpoints: PositiveInt = 3
