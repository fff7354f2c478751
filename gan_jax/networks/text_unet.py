"""The U-Net of captioned diffusion: an image of noise and data, a time and a caption, to an image.

A transformer reads the caption; at every size of the U-Net the pixels look at its words, and the state at its end is
added to the time. Both networks are those of public weights (`gan_jax.networks.pretrained`), at small sizes.

Source: Rombach et al. (2022), High-resolution image synthesis with latent diffusion models; the pooled state is that of
Podell et al. (2023), SDXL: improving latent diffusion models for high-resolution image synthesis.
"""

from math import gcd
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.errors import InputError
from gan_jax.networks.pretrained.clip_text import CLIPTextConfig, CLIPTextModel
from gan_jax.networks.pretrained.unet_2d_condition import UNet2DConditionConfig, UNet2DConditionModel
from gan_jax.types import Float, Int, Samples

__all__ = ["Denoiser"]

_GROUPS = 32


class Denoiser(nn.Module):
    """Images (N, H, W, C), times (N,) and captions, int32 (N, L), to images of the same shape, float32.

    `features` are those at the image's size, at its half, and so on, with `blocks` residual blocks and transformers at
    each. Captions are rows of `words` numbers, the largest of which ends each, and 0 follows; their transformer has
    `text_depth` layers of `text_width` features. Raises `InputError` where features cannot be grouped by four, or the
    heads do not divide them.

    >>> import jax
    >>> denoiser = Denoiser(features=(8, 8), heads=2, text_width=8, words=9, length=3)
    >>> inputs = jnp.ones((2, 4, 4, 1)), jnp.ones(2), jnp.array([[1, 8, 0], [8, 0, 0]])
    >>> jax.eval_shape(denoiser.init_with_output, jax.random.key(0), *inputs)[0].shape
    (2, 4, 4, 1)
    """

    features: tuple[int, ...] = (64, 128)
    blocks: int = 1
    heads: int = 4
    text_width: int = 64
    text_depth: int = 2
    words: int = 0
    length: int = 0
    dtype: DTypeLike | None = None
    captioned: ClassVar[bool] = True

    @nn.compact
    def __call__(self, x: Samples, time: Float[Any, " n"], tokens: Int[Any, "n l"], *, train: bool = False) -> Samples:
        """Say what noise or data there is in each image."""
        self._check(x.shape[1:])
        dtype, channels, stages = self.dtype or jnp.float32, x.shape[3], len(self.features)
        text = CLIPTextConfig(
            vocab_size=self.words,
            max_position_embeddings=self.length,
            eos_token_id=self.words - 1,
            hidden_size=self.text_width,
            intermediate_size=4 * self.text_width,
            num_hidden_layers=self.text_depth,
            num_attention_heads=self.heads,
            hidden_act="gelu",
        )
        unet = UNet2DConditionConfig(
            in_channels=channels,
            out_channels=channels,
            block_out_channels=self.features,
            layers_per_block=self.blocks,
            down_block_types=("CrossAttnDownBlock2D",) * stages,
            up_block_types=("CrossAttnUpBlock2D",) * stages,
            attention_head_dim=self.heads,
            cross_attention_dim=self.text_width,
            class_embed_type="projection",
            projection_class_embeddings_input_dim=self.text_width,
            norm_num_groups=gcd(_GROUPS, *(features // 4 for features in self.features)),
        )
        states = CLIPTextModel(text, dtype, name="text")(tokens)
        mask = (tokens > 0).astype(jnp.int32)  # nothing is behind a caption's end
        return UNet2DConditionModel(unet, dtype, name="unet")(
            x, time, states.last_hidden_state, states.pooler_output, encoder_attention_mask=mask
        )

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 3:
            raise InputError(f"it is of images (H, W, C), these are {shape}; choose the network mlp", field="name")
        odd = [features for features in self.features if features % 4 or features % self.heads]
        if odd:
            reason = f"{odd[0]} cannot be grouped by four, or shared by {self.heads} heads"
            raise InputError(f"{reason}; give multiples of both", field="features")
        if self.text_width % self.heads:
            raise InputError(f"{self.heads} do not divide {self.text_width} features", field="heads")
