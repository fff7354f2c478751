"""unCLIP's decoder: a diffusion of images, told CLIP's embedding of the image; a prior makes one of a caption."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from pydantic import BeforeValidator

from gan_jax.config import Count, Decay, Name, NonNegative, Probability, config
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.diffusion import PRESETS
from gan_jax.errors import InputError, within
from gan_jax.files import expand_user
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.diffusion import sampling
from gan_jax.systems.diffusion.config import DenoiserConfig, denoiser_config
from gan_jax.systems.diffusion.model import Beside, Model
from gan_jax.systems.diffusion.system import diffusion
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.frozen import refuse_another, sha256_of
from gan_jax.systems.learner import Learner, State
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.systems.unclip.embedding import Frozen, frozen_clip
from gan_jax.systems.unclip.prior import Prior, PriorModel, draw_embeddings, standardized
from gan_jax.types import Array, Batch, Key, Samples, Spec

__all__ = ["Unclip"]


@config
class Unclip:
    """The system: images of CLIP's embeddings, which a prior makes of captions.

    Attributes:
      clip: run folder of CLIP.
      prior: run folder of a prior of it.
      network: takes the noise out of images; a name or a module class is short for its configuration.
      embedding_dropout: the probability that an image's embedding is hidden in training, for guidance.
      guidance: the weight of the embedding when images are drawn: 1 for none, more for plainer images.
      clip_images: whether what the network says that the data are is held to [-1, 1] when images are drawn.
      steps: of the sampler.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, which draws the samples, or its half-life in
        images.
      clip_sha256, prior_sha256: of the parameters of both runs; found out when the run begins.
    """

    clip: Name
    prior: Name
    network: Annotated[DenoiserConfig, BeforeValidator(denoiser_config)] = DenoiserConfig()
    embedding_dropout: Probability = 0.1
    guidance: NonNegative = 1.0
    clip_images: bool = False
    steps: Count = 12
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.9, b2=0.99)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
    clip_sha256: Name | None = None
    prior_sha256: Name | None = None
    rests_on: ClassVar[tuple[str, ...]] = ("clip", "prior")
    captioned: ClassVar[bool] = True

    def build(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        vocabulary: Vocabulary | None = None,
        sharding: BatchSharding = UNSHARDED,
        trains: bool = True,
        runs: Any = None,
    ) -> System:
        """Return the system for training batches of a spec.

        Args:
          spec, batch_size, classes, sharding, trains: as for `GAN.build`.
          vocabulary: of the data's captions, which is that of the run of CLIP.
          runs: the runs of CLIP and of the prior, open.

        Raises:
          InputError: the runs are others, or have been trained on since, or do not belong together.
        """
        self.resting_on(runs)
        below = runs["prior"].experiment.system_config
        if not isinstance(below, Prior):
            summary = runs["prior"].experiment.summary()
            raise InputError(f"{self.prior} is a run of {summary}, no prior", field="prior")
        if below.clip_sha256 != sha256_of(runs["clip"].state.ema):
            raise InputError(f"{self.prior} rests on another clip than {self.clip}", field="prior")
        if vocabulary != runs["clip"].vocabulary:
            raise InputError(f"{self.clip} reads other captions than the data have; train it on them", field="clip")
        sharding.check(batch_size)
        frozen = frozen_clip(runs["clip"], spec["sample"].shape, path=self.clip)
        prior = below.model(runs["prior"].spec, batch_size=1, runs=runs), runs["prior"].state
        with within("network"):
            network: Any = self.network.build(0, "float32", vectors=frozen.features)
        optimizer = build_optimizer(self.optimizer, images_each=batch_size)
        model = Model(
            network=network,
            preset=PRESETS["edm"]._replace(steps=self.steps),
            shape=spec["sample"].shape,
            learner=Learner(optimizer, self.ema_decay, batch_size, sharding),
            guidance=self.guidance,
            clip=self.clip_images,
            beside=_beside(frozen, runs["prior"].state, self.embedding_dropout),
        )
        return diffusion(model)._replace(sample=partial(_sample, model, *prior), captioned=True, conditions=())

    def summary(self) -> str:
        """Return the system in a line.

        >>> Unclip("runs/clip", "runs/prior").summary()
        'unclip of runs/prior · network mlp'
        """
        name = self.network.name if isinstance(self.network.name, str) else self.network.name.__name__
        return f"unclip of {self.prior} · network {name}"

    def located(self) -> "Unclip":
        """Return the same with absolute paths, so that its runs can be opened from anywhere."""
        return replace(self, **{name: str(expand_user(getattr(self, name)).absolute()) for name in self.rests_on})

    def resting_on(self, runs: Any) -> "Unclip":
        """Return the same with the hashes of what it rests on."""
        hashes = {
            f"{name}_sha256": refuse_another(
                runs[name], getattr(self, f"{name}_sha256"), path=getattr(self, name), field=name
            )
            for name in self.rests_on
        }
        return replace(self, **hashes)


def _beside(frozen: Frozen, state: State, hidden: float) -> Beside:
    """How the network is told an embedding, which is standardized as the prior's are."""

    def entries(batch: Batch) -> Batch:
        return {"embedding": standardized(state, frozen.embed(jnp.asarray(batch["sample"])))}

    spec = {"embedding": jax.ShapeDtypeStruct((frozen.features,), jnp.float32)}
    return Beside(spec, lambda given: {"vector": jnp.asarray(given["embedding"])}, entries, hidden)


def _sample(
    model: Model,
    prior: PriorModel,
    prior_state: State,
    state: State,
    key: Key,
    n: int,
    condition: Batch | None = None,
    **options: Any,
) -> Samples:
    """Draw n images of `condition["tokens"]` by way of the prior, or of `condition["embedding"]`, or of nothing."""
    prior_key, key = jax.random.split(key)
    given: dict[str, Array] = {name: jnp.asarray(value) for name, value in (condition or {}).items()}
    if "tokens" in given and "embedding" not in given:
        given["embedding"] = draw_embeddings(prior, prior_state, prior_key, given["tokens"])
    return sampling.sample(model, state, key, n, given, **options)
