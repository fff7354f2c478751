"""What unCLIP takes of a frozen run of CLIP: embeddings of images, standardized, and what captions say."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.data.pipeline import preprocess_batch
from gan_jax.errors import InputError
from gan_jax.networks.pretrained import CLIPModel
from gan_jax.systems.clip import Clip
from gan_jax.systems.clip.system import embed_images, embed_texts
from gan_jax.types import Array, Float, Int, Params, Samples

__all__ = ["Frozen", "Said", "frozen_clip", "statistics_of"]


class Said(NamedTuple):
    """What a caption says.

    Attributes:
      embedding: (N, E), unit vectors.
      states: (N, K, D), of each token.
      mask: (N, K), float32, 1 for tokens of the caption and for its end.
    """

    embedding: Array
    states: Array
    mask: Array


class Frozen(NamedTuple):
    """A run of CLIP.

    Attributes:
      network: both towers.
      params: theirs.
    """

    network: CLIPModel
    params: Params

    @property
    def length(self) -> int:
        """Tokens of a caption."""
        return self.network.config.text_config.max_position_embeddings

    @property
    def features(self) -> int:
        """Of an embedding."""
        return self.network.config.projection_dim

    def embed(self, images: Samples) -> Float[Array, "n e"]:
        """Return the unit vectors of images."""
        return jax.lax.stop_gradient(embed_images(self.network, self.params, images))

    def read(self, tokens: Int[Array, "n k"]) -> Said:
        """Return what captions say."""
        states = self.network.apply(
            {"params": self.params["params"]}, tokens, method=lambda module, tokens: module.text_model(tokens)
        )
        embedding = embed_texts(self.network, self.params, tokens)
        said = Said(embedding, states.last_hidden_state, (tokens > 0).astype(jnp.float32))  # pyright: ignore
        return jax.tree.map(jax.lax.stop_gradient, said)


def frozen_clip(run: Any, shape: tuple[int, ...], *, path: str) -> Frozen:
    """Return what an open run of CLIP is, frozen.

    Raises:
      InputError: it is no run of CLIP, or of other images.
    """
    settings = run.experiment.system_config
    if not isinstance(settings, Clip):
        raise InputError(f"{path} is a run of {run.experiment.summary()}, no clip", field="clip")
    if run.shape != shape:
        raise InputError(f"{path} embeds {run.shape}, the data are {shape}", field="clip")
    model = settings.model(run.spec, batch_size=1, classes=len(run.classes), vocabulary=run.vocabulary)
    return Frozen(model.network, run.state.ema)


def statistics_of(frozen: Frozen, run: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation (E,) of the embeddings of a run's training images.

    Of more than 10,000 images these are of as many, evenly spaced.
    """
    train = run.experiment.data.read().train
    rows = np.linspace(0, len(train) - 1, min(len(train), 10_000)).astype(int)
    embed = jax.jit(lambda batch: frozen.embed(jnp.asarray(preprocess_batch(batch, jax.random.key(0), 0.0)["sample"])))
    parts = np.array_split(rows, -(-len(rows) // 500))
    found = np.concatenate([np.asarray(embed({"sample": train.batch(part)["sample"]})) for part in parts])
    return found.mean(axis=0), found.std(axis=0)
