"""How U-Nets are told times, classes, image embeddings, sizes and crops: one vector for each image."""

from collections.abc import Mapping
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.config import Count, Positive, config
from gan_jax.errors import InputError
from gan_jax.networks.pretrained.config_file import per_stage
from gan_jax.networks.pretrained.stages import Blocks
from gan_jax.networks.time import sinusoids
from gan_jax.types import Array, ArrayLike, Float

__all__ = ["TimestepEmbedding", "UNetConfig", "embed_condition", "embed_time"]


@config
class UNetConfig:
    """What all U-Nets have, named as diffusers names it.

    Attributes:
      in_channels: of what it sees.
      block_out_channels: features at each size; the first are the sinusoids of a time, and a fourth of its vector.
      norm_num_groups: groups of the normalization.
      norm_eps: what is added to its variances.
      downsample_padding: 1 all around, or 0 for 1 below and on the right alone.
      flip_sin_to_cos: whether the cosines of a time come first.
      freq_shift: the shift of the rates of its sinusoids.
      class_embed_type: how it is told a class: by "projection" or "identity" a vector, by "timestep" a number.
      num_class_embeds: how many classes there are where it has a vector for each.
      sample_size: sides of the images that it was trained on.
    """

    in_channels: Count = 4
    block_out_channels: tuple[Count, ...] = (320, 640, 1280, 1280)
    norm_num_groups: Count = 32
    norm_eps: Positive = 1e-5
    downsample_padding: Literal[0, 1] = 1
    flip_sin_to_cos: bool = True
    freq_shift: int = 0
    class_embed_type: Literal["timestep", "identity", "projection"] | None = None
    num_class_embeds: Count | None = None
    sample_size: int | tuple[int, int] | None = None

    def blocks(self, dtype: DTypeLike) -> Blocks:
        """Return what the residual blocks share."""
        return Blocks(self.norm_num_groups, self.norm_eps, dtype)

    def per_stage(self, name: str) -> tuple[Any, ...]:
        """Return a setting for each size.

        Raises:
          InputError: it is for another number of sizes.
        """
        return per_stage(getattr(self, name), len(self.block_out_channels), name)


class TimestepEmbedding(nn.Module):
    """Sinusoids, or other vectors (N, F), to vectors by two dense layers: `W2 silu(W1 x)`."""

    features: int
    dtype: DTypeLike
    out: int | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "n f"]) -> Float[Array, "n t"]:
        """Embed each row."""
        x = nn.silu(nn.Dense(self.features, dtype=self.dtype, name="linear_1")(x))
        return nn.Dense(self.out or self.features, dtype=self.dtype, name="linear_2")(x)


def embed_time(timestep: ArrayLike, n: Any, features: int, settings: UNetConfig) -> Float[Array, "n f"]:
    """Return the sinusoids of a time for all, or of times (N,)."""
    times = jnp.broadcast_to(jnp.asarray(timestep, jnp.float32).reshape(-1), (n,))
    return sinusoids(times, features, shift=settings.freq_shift, cosines_first=settings.flip_sin_to_cos)


def embed_condition(
    settings: UNetConfig,
    n: Any,
    timestep: ArrayLike,
    class_labels: Array | None,
    added: Mapping[str, Array] | None,
    *,
    added_features: int | None,
    dtype: DTypeLike,
) -> Float[Array, "n t"]:
    """Within a module's call: return what the residual blocks of n images are told of the time and of all else.

    Args:
      settings: of the U-Net.
      n: how many images there are, an int or a symbolic dimension.
      timestep: a number or (N,).
      class_labels: int32 (N,), or vectors (N, F) where classes are projected or are what is told; None if there are
        none.
      added: `text_embeds` (N, P) and `time_ids` (N, 6): original height and width, the crop's top and left, target
        height and width.
      added_features: sinusoids for each of `time_ids`; None where there are none.
      dtype: of the layers.

    Raises:
      InputError: a class, or something added, is told and there are none, or the other way round.

    Source: Podell et al. (2023), SDXL: improving latent diffusion models for high-resolution image synthesis; Ramesh et
    al. (2022), Hierarchical text-conditional image generation with CLIP latents.
    """
    first = settings.block_out_channels[0]

    def embedding(name: str) -> TimestepEmbedding:
        return TimestepEmbedding(4 * first, dtype, name=name)

    told = embedding("time_embedding")(embed_time(timestep, n, first, settings).astype(dtype))

    kind, count = settings.class_embed_type, settings.num_class_embeds
    if (class_labels is None) != (kind is None and count is None):
        raise InputError("are to be given if and only if the network has classes", field="class_labels")
    if class_labels is not None:
        if kind is None:
            assert count is not None
            told += nn.Embed(count, 4 * first, dtype=dtype, name="class_embedding")(class_labels)
        elif kind == "identity":
            told += class_labels.astype(dtype)
        else:
            x = embed_time(class_labels, n, first, settings) if kind == "timestep" else class_labels
            told += embedding("class_embedding")(x.astype(dtype))

    if (added is None) != (added_features is None):
        raise InputError("is to be given if and only if the network is told sizes", field="added_cond_kwargs")
    if added is not None:
        assert added_features is not None
        times = embed_time(added["time_ids"].reshape(-1), added["time_ids"].size, added_features, settings)
        x = jnp.concatenate([added["text_embeds"].astype(dtype), times.reshape(n, -1).astype(dtype)], axis=1)
        told += embedding("add_embedding")(x)
    return told
