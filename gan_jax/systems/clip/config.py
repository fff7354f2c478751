"""The configuration of CLIP, which builds its system."""

from typing import Annotated, Any, ClassVar, Literal

from gan_jax.augment import AUGMENTATIONS, check_shape
from gan_jax.config import Choice, Count, Decay, config
from gan_jax.data.vocabulary import Vocabulary
from gan_jax.errors import InputError, within
from gan_jax.networks.pretrained import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig
from gan_jax.sharding import UNSHARDED, BatchSharding
from gan_jax.systems.clip.system import Model, clip
from gan_jax.systems.ema import HalfLife
from gan_jax.systems.learner import Learner
from gan_jax.systems.optimizers import AdamConfig, Optimizer, build_optimizer
from gan_jax.systems.system import System
from gan_jax.types import Spec

__all__ = ["Clip", "ClipNetworkConfig"]


@config
class ClipNetworkConfig:
    """Both towers: a vision transformer and a text transformer.

    Attributes:
      width: features of the tokens.
      depth: blocks of each tower.
      heads: of each block.
      patch: height and width of the patches that an image is cut into.
      embedding: features of the embeddings.
    """

    width: Count = 64
    depth: Count = 2
    heads: Count = 4
    patch: Count = 2
    embedding: Count = 32

    def build(self, shape: tuple[int, ...], vocabulary: Vocabulary) -> CLIPModel:
        """Return the module for square images of a shape, and captions of a vocabulary.

        Raises:
          InputError: the images are not square, or not cut evenly.
        """
        if len(shape) != 3 or shape[0] != shape[1] or shape[0] % self.patch:
            raise InputError(f"needs square images with sides that are multiples of {self.patch}, got {shape}")
        tower: dict[str, Any] = {
            "hidden_size": self.width,
            "intermediate_size": 4 * self.width,
            "num_hidden_layers": self.depth,
            "num_attention_heads": self.heads,
            "projection_dim": self.embedding,
            "hidden_act": "gelu",
        }
        text: dict[str, Any] = {"vocab_size": vocabulary.size, "max_position_embeddings": vocabulary.length}
        vision: dict[str, Any] = {"num_channels": shape[2], "image_size": shape[0], "patch_size": self.patch}
        return CLIPModel(
            CLIPConfig(
                CLIPTextConfig(**tower, **text, eos_token_id=vocabulary.end),
                CLIPVisionConfig(**tower, **vision),
                self.embedding,
            )
        )


@config
class Clip:
    """The system: images and captions to unit vectors that are alike where the two belong together.

    The data have captions. The run draws nothing; it measures, and others rest on it.

    Attributes:
      network: both towers.
      loss: "softmax" over the batch, CLIP's, or "sigmoid" of each pair, SigLIP's.
      prompts: captions of each class, as many of one as of another, those of the first class first; an image's class is
        told by the likest mean of a class's captions, without training on labels.
      augment: what images are seen through while the towers learn, from `gan_jax.augment.AUGMENTATIONS`, one after the
        other; in Python also functions `(key, image, strength) -> image`, of which the strength is 1.
      optimizer: Adam's configuration, or any optax optimizer.
      ema_decay: decay of the exponential moving average of the parameters, or its half-life in images.
    """

    network: ClipNetworkConfig = ClipNetworkConfig()
    loss: Literal["softmax", "sigmoid"] = "softmax"
    prompts: tuple[str, ...] = ()
    augment: tuple[Annotated[Any, Choice(AUGMENTATIONS, callable, "a function")], ...] = ()
    optimizer: Optimizer = AdamConfig(learning_rate=1e-3, b1=0.9, b2=0.98)
    ema_decay: Decay | HalfLife = HalfLife(50_000.0)
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
    ) -> System:
        """Return the system for training batches of a spec, whose captions have a vocabulary.

        Raises:
          InputError: the data have no captions, or images that the network or an augmentation cannot take, or the
            prompts are not as many for each class, in words of the captions.
        """
        return clip(self.model(spec, batch_size=batch_size, classes=classes, vocabulary=vocabulary, sharding=sharding))

    def model(
        self,
        spec: Spec,
        *,
        batch_size: int,
        classes: int = 0,
        vocabulary: Vocabulary | None = None,
        sharding: BatchSharding = UNSHARDED,
    ) -> Model:
        """Return what the system is made of; the arguments, and what is raised, are as for `build`."""
        if vocabulary is None:
            raise InputError("clip learns of captions, and the data have none; give data with some", field="data")
        sharding.check(batch_size)
        if self.prompts and (not classes or len(self.prompts) % classes):
            reason = f"are {len(self.prompts)}, and the data have {classes} classes; give as many for each"
            raise InputError(reason, field="prompts")
        try:
            prompts = vocabulary(self.prompts).reshape(classes, -1, vocabulary.length) if self.prompts else None
        except InputError as error:
            raise InputError(error.reason, field="prompts") from None
        with within("network"):
            network = self.network.build(spec["sample"].shape, vocabulary)
        try:
            check_shape(self.augment, spec["sample"].shape)
        except InputError as error:
            raise InputError(error.reason, field="augment") from None
        optimizer = build_optimizer(self.optimizer, images_each=batch_size)
        learner = Learner(optimizer, self.ema_decay, batch_size, sharding)
        return Model(network, self.loss, learner, spec["sample"].shape, prompts, self.augment)

    def summary(self) -> str:
        """Return the system in a line.

        >>> Clip(loss="sigmoid").summary()
        'clip · sigmoid loss'
        """
        return f"clip · {self.loss} loss"
