"""The frozen dataclasses that describe a run: data, whatever reads them."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from jsonargparse.typing import restricted_number_type

from gan_jax.constraints import CONSTRAINTS
from gan_jax.evaluation.features import FEATURES
from gan_jax.losses import LOSSES
from gan_jax.networks import CRITICS, GENERATORS
from gan_jax.networks.activations import ACTIVATIONS
from gan_jax.penalties import PENALTIES, POINTS, SHAPES, SLOPES
from gan_jax.evaluation.scores import GOOD, SCORES

# Counts and seeds are 32-bit on the device.
Count = restricted_number_type("Count", int, [(">", 0), ("<", 2**31)])
Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])
NonNegative = restricted_number_type("NonNegative", float, [(">=", 0), ("<", inf)])
Positive = restricted_number_type("Positive", float, [(">", 0), ("<", inf)])
Decay = restricted_number_type("Decay", float, [(">=", 0), ("<", 1)])


@dataclass(frozen=True)
class Data:
    """Where the images come from.

    Attributes:
      source: "digits", "8gaussians", "25gaussians", "swissroll", the name of a TFDS data set, a folder of images, or
        an .npz file with an array "images".
      dir: folder of prepared TFDS data sets; TFDS's own by default. `--data-dir` is short for it.
      noise: half-width of the uniform noise on each real pixel, on the scale [-1, 1]; smooths coarse grey levels.
    """

    source: str = "digits"
    dir: str | None = None
    noise: NonNegative = 0.0


@dataclass(frozen=True)
class Generator:
    """The network that draws.

    Attributes:
      name: kind of network.
      width: features of the widest hidden layer (mlp), of the layer nearest to the image (dcgan), of all (resnet).
      depth: hidden layers (mlp) or halvings of the image (dcgan, resnet); the network's own by default.
      latent: length of a noise vector.
    """

    name: Literal[tuple(GENERATORS)] = "mlp"
    width: Count = 256
    depth: Count | None = None
    latent: Count = 128


@dataclass(frozen=True)
class Critic:
    """The network that scores.

    Attributes:
      name: kind of network.
      width: features of the widest hidden layer (mlp), of the layer nearest to the image (dcgan), of all (resnet).
      depth: hidden layers (mlp, deep_sets twice) or halvings of the image; the network's own by default.
      set_size: samples that are scored together (deep_sets); the network's own by default.
      activation: between the layers (mlp, dcgan); the network's own by default.
    """

    name: Literal[tuple(CRITICS)] = "mlp"
    width: Count = 256
    depth: Count | None = None
    set_size: Count | None = None
    activation: Literal[tuple(ACTIVATIONS)] | None = None


@dataclass(frozen=True)
class Penalty:
    """The soft Lipschitz constraint: a published one, and whatever is to differ from it.

    Attributes:
      name: from `gan_jax.penalties.PENALTIES`; "none" for no penalty at all. What follows is its own by default.
      points: where the critic is held.
      slope: how its steepness there is taken.
      shape: what is asked of that.
      weight: lambda, what the penalty's mean is multiplied by.
      bound: the Lipschitz constant asked for, in score per unit of data, where the shape knows one.
      every: critic steps from one penalty to the next, which is then as many times as heavy.
    """

    name: Literal["none", *PENALTIES] = "wgan_gp"
    points: Literal[tuple(POINTS)] | None = None
    slope: Literal[tuple(SLOPES)] | None = None
    shape: Literal[tuple(SHAPES)] | None = None
    weight: NonNegative | None = None
    bound: NonNegative | None = None
    every: Count | None = None


@dataclass(frozen=True)
class Constraint:
    """The hard Lipschitz constraint of the critic, beside the penalty or instead of it.

    Attributes:
      name: from `gan_jax.constraints.CONSTRAINTS`.
      bound: of what it bounds, its own by default: parameters (weight_clipping), the norm of each layer
        (spectral_normalization, conv_spectral_normalization, bjorck), the score (gradient_normalization).
    """

    name: Literal["none", *CONSTRAINTS] = "none"
    bound: Positive | None = None


@dataclass(frozen=True)
class Adam:
    """One network's optimizer.

    Attributes:
      learning_rate: at the start.
      b1: decay of the first moment.
      b2: decay of the second moment.
      decay_steps: iterations over which the rate falls to a hundredth, along a cosine; constant by default.
    """

    learning_rate: Positive = 1e-4
    b1: Decay = 0.5
    b2: Decay = 0.9
    decay_steps: Count | None = None


@dataclass(frozen=True)
class GAN:
    """The system: two networks, what they minimise, and how they take turns.

    Attributes:
      loss: what the critic and the generator minimise.
      critic_steps: steps of the critic for each of the generator.
      ema_decay: decay of the generator's moving average, which draws the samples.
      precision: of the networks' layers; parameters, optimizers, scores and norms are float32 all the same.
    """

    generator: Generator = field(default_factory=Generator)
    critic: Critic = field(default_factory=Critic)
    loss: Literal[tuple(LOSSES)] = "wasserstein"
    penalty: Penalty = field(default_factory=Penalty)
    constraint: Constraint = field(default_factory=Constraint)
    generator_optimizer: Adam = field(default_factory=Adam)
    critic_optimizer: Adam = field(default_factory=Adam)
    critic_steps: Count = 5
    ema_decay: Decay = 0.999
    precision: Literal["float32", "bfloat16"] = "float32"


@dataclass(frozen=True)
class Evaluation:
    """The scores that a run takes of itself while it trains, of the averaged generator against held-out data.

    Attributes:
      every: iterations between two times; never by default.
      scores: from `gan_jax.evaluation.scores.SCORES`.
      best: the score whose best checkpoint is kept, in the run folder's `best/`.
      features: what the scores are taken of, from `gan_jax.evaluation.features.FEATURES`; by default what suits the data.
      weights: file of the feature network's weights; by default where they usually are.
      n: samples of either kind; by default all held out, at most 10,000.
    """

    every: Count | None = None
    scores: tuple[Literal[tuple(SCORES)], ...] = ("frechet",)
    best: Literal[tuple(name for name, good in GOOD.items() if good in ("low", "high"))] = "frechet"
    features: Literal[tuple(FEATURES)] | None = None
    weights: str | None = None
    n: Count | None = None


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
    batch_size: Count = 64
    seed: Seed = 0
    steps: Count = 10_000
    log_every: Count = 100
    sample_every: Count = 1_000
    checkpoint_every: Count = 1_000
    keep_checkpoints: Count = 3
    evaluation: Evaluation = field(default_factory=Evaluation)
