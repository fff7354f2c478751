"""unCLIP's prior: a diffusion over CLIP's image embeddings, told what the caption says."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import Count, Decay, Name, NonNegative, Probability, config
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.diffusion import PRESETS
from gan_jax.errors import InputError
from gan_jax.files import expand_user
from gan_jax.networks.pretrained import PriorTransformer, PriorTransformerConfig, denormalize
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.diffusion import sampling
from gan_jax.systems.diffusion.model import Beside, Model
from gan_jax.systems.diffusion.system import diagnose, diffusion, update
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.frozen import refuse_another
from gan_jax.systems.learner import Learner, State
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import Metric, System
from gan_jax.systems.unclip.embedding import Frozen, frozen_clip, statistics_of
from gan_jax.types import Array, Batch, Float, Int, Key, Params, Spec

__all__ = ["Prior", "PriorModel", "draw_embeddings", "standardized"]

# It says what the embedding is, of noise by a cosine schedule, as unCLIP's authors have it.
_PRESET = PRESETS["ddim"]._replace(schedule="cosine", parameterization="sample", spacing="trailing", steps=25)


class PriorModel(NamedTuple):
    """What does not change while a prior trains.

    Attributes:
      model: the diffusion of standardized embeddings.
      frozen: CLIP.
    """

    model: Model
    frozen: Frozen


@dataclass(frozen=True, eq=False)
class _Network:
    """The prior's transformer as a network of the diffusion: noisy embeddings, times, and what a caption says."""

    transformer: PriorTransformer
    classes: int = 0

    def init(self, key: Key, x: Array, time: Array, **said: Array) -> Params:
        return self.transformer.init(key, x, time, *self._given(said))

    def apply(self, params: Params, x: Array, time: Array, *, train: bool = False, rngs: Any = None, **said: Array):
        return self.transformer.apply(params, x, time, *self._given(said))

    def _given(self, said: dict[str, Array]) -> tuple[Array, ...]:
        return said["vector"], said["states"], said["mask"]


@config
class Prior:
    """The system: image embeddings of captions, by a causal transformer that takes the noise out of them.

    Attributes:
      clip: run folder of CLIP.
      width: features of a token.
      depth: blocks.
      heads: of each block.
      caption_dropout: the probability that a caption's embedding is hidden in training, for guidance.
      guidance: the weight of the caption when embeddings are drawn: 1 for none.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, which draws, or its half-life in images.
      clip_sha256: of CLIP's parameters; found out when the run begins.
    """

    clip: Name
    width: Count = 64
    depth: Count = 2
    heads: Count = 4
    caption_dropout: Probability = 0.1
    guidance: NonNegative = 1.0
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.9, b2=0.99)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
    clip_sha256: Name | None = None
    rests_on: ClassVar[tuple[str, ...]] = ("clip",)
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
          runs: that run, open, as `runs["clip"]`.

        Raises:
          InputError: the run is none of CLIP, or of other images or captions, or has been trained on since.
        """
        refuse_another(runs["clip"], self.clip_sha256, path=self.clip, field="clip")
        if vocabulary != runs["clip"].vocabulary:
            raise InputError(f"{self.clip} reads other captions than the data have; train it on them", field="clip")
        model, frozen = self.model(spec, batch_size=batch_size, runs=runs, sharding=sharding)
        # Of the images that CLIP was trained on; a run that is opened has them in its state.
        moments = statistics_of(frozen, runs["clip"]) if trains else None
        system = diffusion(model)
        return system._replace(
            init=partial(_init, system, moments),
            update=lambda state, key, batch: update(model, state, key, _embedded(frozen, state, batch)),
            sample=None,
            metrics={**system.metrics, "loss": Metric("Error of the embedding", "squared", scale="log", progress=True)},
            options={},
            conditions=(),
            diagnose=lambda state, key, batch: diagnose(model, state, key, _embedded(frozen, state, batch)),
            interpolate=None,
        )

    def model(self, spec: Spec, *, batch_size: int, runs: Any, sharding: BatchSharding = UNSHARDED) -> PriorModel:
        """Return what the system is made of; the arguments, and what is raised, are as for `build`."""
        if self.width % self.heads:
            raise InputError(f"{self.heads} do not divide {self.width} features", field="heads")
        sharding.check(batch_size)
        frozen = frozen_clip(runs["clip"], spec["sample"].shape, path=self.clip)
        transformer = PriorTransformer(
            PriorTransformerConfig(
                num_attention_heads=self.heads,
                attention_head_dim=self.width // self.heads,
                num_layers=self.depth,
                embedding_dim=frozen.features,
                num_embeddings=frozen.length,
            )
        )
        network: Any = _Network(transformer)
        optimizer = build_optimizer(self.optimizer, images_each=batch_size)
        model = Model(
            network=network,
            preset=_PRESET,
            shape=(frozen.features,),
            learner=Learner(optimizer, self.ema_decay, batch_size, sharding),
            guidance=self.guidance,
            beside=Beside({"tokens": spec["tokens"]}, partial(_said, frozen), hidden=self.caption_dropout),
        )
        return PriorModel(model, frozen)

    def summary(self) -> str:
        """Return the system in a line.

        >>> Prior("runs/clip").summary()
        'prior of runs/clip'
        """
        return f"prior of {self.clip}"

    def located(self) -> "Prior":
        """Return the same with an absolute path, so that its run can be opened from anywhere."""
        return replace(self, clip=str(expand_user(self.clip).absolute()))

    def resting_on(self, runs: Any) -> "Prior":
        """Return the same with the hash of what it rests on."""
        return replace(self, clip_sha256=refuse_another(runs["clip"], self.clip_sha256, path=self.clip, field="clip"))


def draw_embeddings(
    prior: PriorModel, state: State, key: Key, tokens: Int[Array, "n k"], *, candidates: int = 2
) -> Float[Array, "n e"]:
    """Draw the standardized image embedding of each caption: of so many, the likest to the caption's own.

    Source: Ramesh et al. (2022), Hierarchical text-conditional image generation with CLIP latents, section 2.2.
    """
    n, text = len(tokens), prior.frozen.read(tokens).embedding

    def once(key: Key) -> Array:
        return sampling.sample(prior.model, state, key, n, {"tokens": tokens})

    drawn = jax.lax.map(once, jax.random.split(key, candidates))
    likeness = jnp.stack([(denormalize(state.ema, each) * text).sum(axis=1) for each in drawn])
    return jnp.take_along_axis(drawn, likeness.argmax(axis=0)[None, :, None], axis=0)[0]


def standardized(state: State, embedding: Float[Array, "n e"]) -> Float[Array, "n e"]:
    """Return embeddings less their mean, over their standard deviation, which a prior's state holds."""
    params = state.ema["params"]
    return (embedding - params["clip_mean"]) / jnp.maximum(params["clip_std"], 1e-6)


def _init(system: System, moments: tuple[np.ndarray, np.ndarray] | None, key: Key, spec: Spec) -> State:
    """Begin with the statistics of the embeddings in the place where public weights have them; nothing moves them."""
    state = system.init(key, spec)
    if moments is None:
        return state
    mean, std = (jnp.asarray(each, jnp.float32)[None] for each in moments)

    def placed(params: Params) -> Params:
        return params | {"params": params["params"] | {"clip_mean": jnp.copy(mean), "clip_std": jnp.copy(std)}}

    return state._replace(params=placed(state.params), ema=placed(state.ema))


def _embedded(frozen: Frozen, state: State, batch: Batch) -> Batch:
    """The batch with embeddings in the place of images."""
    return {**batch, "sample": standardized(state, frozen.embed(jnp.asarray(batch["sample"])))}


def _said(frozen: Frozen, entries: Batch) -> dict[str, Array]:
    said = frozen.read(jnp.asarray(entries["tokens"]))
    # Of the spread of the standardized image embeddings, about 1.
    return {"vector": said.embedding * said.embedding.shape[1] ** 0.5, "states": said.states, "mask": said.mask}
